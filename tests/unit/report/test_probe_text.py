"""What a probe found, as people and programs read it."""

from __future__ import annotations

import json

from podfence.lint.registry import find_rule
from podfence.model.enforcement import Enforcement, NodeEnforcement, ProbeResult
from podfence.report.probe_json import probe_json
from podfence.report.probe_text import RULE, probe_text
from podfence.report.term import Terminal

YES, NO, UNKNOWN = Enforcement.ENFORCED, Enforcement.NOT_ENFORCED, Enforcement.UNKNOWN
GOOD = NodeEnforcement("n1", YES, YES)
BAD = NodeEnforcement("node-2", NO, YES, ("from n1 to node-2: still connects",))
DARK = NodeEnforcement("n3", UNKNOWN, UNKNOWN, ("the node is not ready",))


def text(*nodes: NodeEnforcement) -> list[str]:
    return list(probe_text(ProbeResult("https://c (context dev)", nodes), Terminal()))


def test_the_first_line_answers() -> None:
    assert text(GOOD)[0] == "ENFORCED  on 1 of 1 node of https://c (context dev)"
    assert text(GOOD, GOOD)[0] == "ENFORCED  on all 2 nodes of https://c (context dev)"
    assert text(GOOD, DARK)[0] == "UNKNOWN  on 1 of 2 nodes: n3"
    assert text(GOOD, BAD, DARK)[0] == "NOT ENFORCED  on 1 of 3 nodes: node-2"


def test_each_node_has_its_line_and_its_reasons() -> None:
    assert text(GOOD, BAD)[2:] == [
        "  n1      ingress enforced      egress enforced",
        "  node-2  ingress NOT ENFORCED  egress enforced",
        "          from n1 to node-2: still connects",
        "",
        f"Explain: podfence rule {RULE}",
    ]


def test_the_rule_has_a_manual() -> None:
    assert find_rule(RULE) is not None


def test_json_says_the_same() -> None:
    document = json.loads(probe_json(ProbeResult("c", (GOOD, BAD, DARK))))
    assert (document["kind"], document["enforced"]) == ("Probe", False)
    assert document["nodes"][1] == {
        "name": "node-2",
        "ingress": "notEnforced",
        "egress": "enforced",
        "rule": RULE,
        "reasons": ["from n1 to node-2: still connects"],
    }
    assert json.loads(probe_json(ProbeResult("c", (GOOD, DARK))))["enforced"] is None
    assert json.loads(probe_json(ProbeResult("c", (GOOD,))))["enforced"] is True
