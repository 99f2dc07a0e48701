"""Patches as lines: put where they say, they make the document that was meant."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
import yaml

from podfence.manifests.load import load
from podfence.report.patch import Insertion, patch_text
from podfence.report.term import Terminal

PORT = {"protocol": "UDP", "port": 53}
RULE = {"ports": [PORT]}

HEAD = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: a}\n"
TIGHT = HEAD + "spec:\n  podSelector: {}\n  ingress:\n  - ports:\n    - port: 80\n    - protocol: TCP\n      port: 81\n"
DEEP = (
    HEAD + "spec:\n    ingress:\n      -   ports:\n            -   port: 80\n                protocol: TCP\n"
    "    podSelector:\n        matchLabels: {app: x}\n"
)
WITHOUT = HEAD + "spec:\n  podSelector:\n    matchLabels:\n      app: x\n  policyTypes:\n  - Ingress\n"


def lines_of(text: str, path: str, index: int, item: dict[str, Any], *, above: bool = False) -> list[str]:
    found = load(["-"], stdin=io.BytesIO(text.encode()))
    (policy,) = found.snapshot.policies
    document = found.documents[policy.ref.identity]
    insertion = Insertion(policy.ref, path, index, (item,), document, above=above)
    return list(patch_text([insertion], lambda _: text.split("\n"), Terminal()))


def applied(text: str, patch: list[str]) -> Any:  # noqa: ANN401 (a plain value is anything)
    """Do by hand what a patch says: put its new lines above or below the line that it names."""
    where = re.search(r"(above|below) -, line ([0-9]+):", patch[0])
    assert where is not None, patch[0]
    new = [line.partition("+ ")[2] for line in patch[1:] if line.lstrip().startswith("+ ")]
    (context,) = (line for line in patch[1:] if not line.lstrip().startswith("+ "))
    lines = text.split("\n")
    at = int(where[2]) - (where[1] == "above")
    assert context.strip() == lines[int(where[2]) - 1].strip()
    return yaml.safe_load("\n".join([*lines[:at], *new, *lines[at:]]))


@pytest.mark.parametrize("text", [TIGHT, DEEP])
def test_an_item_goes_below_the_last_one(text: str) -> None:
    last = len(yaml.safe_load(text)["spec"]["ingress"][0]["ports"])
    after = applied(text, lines_of(text, "spec.ingress[0].ports", last, PORT))
    assert after["spec"]["ingress"][0]["ports"][-1] == PORT
    after["spec"]["ingress"][0]["ports"].pop()
    assert after == yaml.safe_load(text)


@pytest.mark.parametrize("text", [TIGHT, DEEP])
def test_a_rule_goes_below_or_above_another(text: str) -> None:
    for above, position in ((False, 1), (True, 0)):
        after = applied(text, lines_of(text, "spec.ingress", position, RULE, above=above))
        assert after["spec"]["ingress"].pop(position) == RULE
        assert after == yaml.safe_load(text)


def test_a_list_that_does_not_exist_goes_below_the_other_fields() -> None:
    after = applied(WITHOUT, lines_of(WITHOUT, "spec.ingress", 0, RULE))
    assert after["spec"].pop("ingress") == [RULE]
    assert after == yaml.safe_load(WITHOUT)


@pytest.mark.parametrize(
    "spec",
    ["{podSelector: {}, ingress: [{ports: [{port: 80}]}]}", "{podSelector: {}, ingress: []}", "{podSelector: {}}"],
)
def test_in_one_line_or_json_the_field_and_its_place_are_named(spec: str) -> None:
    text = f"{HEAD}spec: {spec}\n"
    rules = len(yaml.safe_load(text)["spec"].get("ingress", []))
    first = lines_of(text, "spec.ingress", rules, RULE)[0]
    assert re.search(r"(in|as) spec\.ingress of p, -:4:", first)


def test_two_patches_of_one_list_do_not_name_lines_that_the_first_moves() -> None:
    found = load(["-"], stdin=io.BytesIO(TIGHT.encode()))
    (policy,) = found.snapshot.policies
    insertion = Insertion(policy.ref, "spec.ingress", 1, (RULE,), found.documents[policy.ref.identity])
    text = list(patch_text([insertion, insertion], lambda _: TIGHT.split("\n"), Terminal()))
    assert not any("line" in line for line in text)
    assert sum("spec.ingress of p" in line for line in text) == 2
