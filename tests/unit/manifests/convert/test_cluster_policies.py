"""Cluster-scoped policies: the three kinds in one form, and what cannot be read denies."""

from __future__ import annotations

from typing import Any

import pytest

from podfence.manifests.convert.cluster_policies import ADMIN, BASELINE_ADMIN, CLUSTER, Dialect, cluster_policy
from podfence.manifests.convert.fields import FieldProblem
from podfence.model.labels import EVERYTHING
from podfence.model.net import Protocol
from podfence.model.objects import ObjectRef
from podfence.model.policy import Action, Direction, PodPeer, Policy, PortName, PortRange, Rule, Tier, Unreadable

REF = ObjectRef("ClusterNetworkPolicy", None, "guard")
ANYBODY: dict[str, Any] = {"namespaces": {}}
SPEC: dict[str, Any] = {"tier": "Admin", "priority": 7, "subject": ANYBODY}


def convert(spec: object, dialect: Dialect = CLUSTER) -> tuple[Policy, list[str]]:
    problems: list[FieldProblem] = []
    policy = cluster_policy({"metadata": {}, "spec": spec}, REF, dialect, problems)
    return policy, [problem.path for problem in problems]


def ingress(policy: Policy) -> tuple[Rule, ...]:
    assert policy.ingress is not None
    return policy.ingress


def rule(written: object, dialect: Dialect = CLUSTER) -> tuple[Rule, list[str]]:
    policy, problems = convert({**SPEC, "ingress": [written]} if dialect is CLUSTER else older(written), dialect)
    return ingress(policy)[0], problems


def older(written: object) -> dict[str, Any]:
    return {"subject": ANYBODY, "ingress": [written]}


def accepts_nobody(converted: Rule) -> bool:
    return converted.action is Action.ACCEPT and isinstance((converted.peers or (None,))[0], Unreadable)


def denies_everybody(converted: Rule) -> bool:
    unreadable = isinstance((converted.peers or (None,))[0], Unreadable)
    return converted.action is Action.DENY and unreadable and converted.ports is None


def test_a_whole_policy() -> None:
    policy, problems = convert(
        {
            **SPEC,
            "tier": "Baseline",
            "ingress": [
                {
                    "name": "web",
                    "action": "Accept",
                    "from": [ANYBODY],
                    "protocols": [{"tcp": {"destinationPort": {"number": 80}}}, {"destinationNamedPort": "http"}],
                },
                {"action": "Pass", "from": [ANYBODY]},
            ],
            "egress": [],
        }
    )
    everybody = PodPeer(None, EVERYTHING, EVERYTHING)
    ports = (PortRange(Protocol.TCP, 80, 80), PortName("http", None))
    assert problems == []
    assert policy == Policy(
        ref=REF,
        tier=Tier.BASELINE,
        priority=7,
        subject=everybody,
        ingress=(
            Rule(Action.ACCEPT, (everybody,), ports, "spec.ingress[0]", "from", "protocols", "web"),
            Rule(Action.PASS, (everybody,), None, "spec.ingress[1]", "from", "protocols"),
        ),
        egress=(),
    )


def test_the_older_kinds_have_their_tiers_and_words() -> None:
    written = {"action": "Allow", "from": [ANYBODY], "ports": [{"portNumber": {"port": 80}}]}
    admin, problems = convert({**older(written), "priority": 3}, ADMIN)
    baseline, more = convert(older(written), BASELINE_ADMIN)
    assert (problems, more) == ([], [])
    assert (admin.tier, admin.priority, baseline.tier, baseline.priority) == (Tier.ADMIN, 3, Tier.BASELINE, 0)
    for policy in (admin, baseline):
        assert ingress(policy)[0].action is Action.ACCEPT
        assert ingress(policy)[0].ports == (PortRange(Protocol.TCP, 80, 80),)
        assert ingress(policy)[0].ports_field == "ports"
        assert policy.egress is None


@pytest.mark.parametrize(
    ("action", "dialect"),
    [
        pytest.param("Allow", CLUSTER, id="C12 the old word in the new version"),
        pytest.param("Accept", BASELINE_ADMIN, id="C12 the new word in the old version"),
        pytest.param("Pass", BASELINE_ADMIN, id="C13 the baseline passes nothing"),
        pytest.param("accept", CLUSTER, id="lower case"),
        pytest.param(None, CLUSTER, id="missing"),
        pytest.param(["Deny"], CLUSTER, id="list"),
    ],
)
def test_an_unreadable_action_denies_the_peers_that_are_written(action: object, dialect: Dialect) -> None:
    converted, problems = rule({"action": action, "from": [ANYBODY]}, dialect)
    assert converted.action is Action.DENY
    assert converted.peers == (PodPeer(None, EVERYTHING, EVERYTHING),)
    assert problems == ["spec.ingress[0].action"]


@pytest.mark.parametrize("field", ["form", "to", "ports", "From", "protocol"])
def test_a_rule_with_an_unknown_field_accepts_nobody_or_denies_everybody(field: str) -> None:
    accept, problems = rule({"action": "Accept", "from": [ANYBODY], field: []})
    deny, _ = rule({"action": "Deny", "from": [ANYBODY], field: []})
    passing, _ = rule({"action": "Pass", "from": [ANYBODY], field: []})
    assert problems == [f"spec.ingress[0].{field}"]
    assert accepts_nobody(accept)
    assert denies_everybody(deny)
    assert denies_everybody(passing)


@pytest.mark.parametrize("written", [None, "Deny", [], 3])
def test_a_rule_that_is_no_mapping_denies_everybody(written: object) -> None:
    converted, problems = rule(written)
    assert denies_everybody(converted)
    assert problems == ["spec.ingress[0]"]


@pytest.mark.parametrize("peers", [None, []])
def test_C09_a_rule_without_peers_is_refused_and_does_not_mean_everybody(peers: object) -> None:
    converted, problems = rule({"action": "Accept", "from": peers})
    assert accepts_nobody(converted)
    assert problems == ["spec.ingress[0].from"]


def test_C10_empty_protocols_are_refused_and_missing_ones_are_all_traffic() -> None:
    refused, problems = rule({"action": "Accept", "from": [ANYBODY], "protocols": []})
    missing, none = rule({"action": "Accept", "from": [ANYBODY], "protocols": None})
    assert refused.ports is not None
    assert [type(port) for port in refused.ports] == [Unreadable]
    assert problems == ["spec.ingress[0].protocols"]
    assert (missing.ports, none) == (None, [])


def test_one_unreadable_peer_leaves_the_others() -> None:
    converted, problems = rule({"action": "Deny", "from": [ANYBODY, {"nodes": {}}, {}]})
    assert converted.peers is not None
    assert [type(peer) for peer in converted.peers] == [PodPeer, Unreadable, Unreadable]
    assert problems == ["spec.ingress[0].from[1].nodes", "spec.ingress[0].from[2]"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        pytest.param({"tier": "admin"}, "spec.tier", id="C01 case"),
        pytest.param({"tier": None}, "spec.tier", id="C01 missing"),
        pytest.param({"priority": None}, "spec.priority", id="C02 missing"),
        pytest.param({"priority": -1}, "spec.priority", id="C02 negative"),
        pytest.param({"priority": 1001}, "spec.priority", id="C02 too large"),
        pytest.param({"priority": "7"}, "spec.priority", id="priority as text"),
        pytest.param({"priority": True}, "spec.priority", id="priority as boolean"),
    ],
)
def test_a_policy_of_unknown_order_denies_first_and_accepts_nothing(change: dict[str, Any], path: str) -> None:
    actions = ("Accept", "Deny", "Pass")
    rules = [{"action": action, "from": [ANYBODY]} for action in actions]
    policy, problems = convert({**SPEC, "ingress": rules, **change})
    accept, deny, passing = ingress(policy)
    assert (policy.tier, policy.priority) == (Tier.ADMIN, 0)
    assert problems == [path]
    assert accepts_nobody(accept)
    assert deny.peers == (PodPeer(None, EVERYTHING, EVERYTHING),)
    assert denies_everybody(passing)


@pytest.mark.parametrize("priority", [0, 1000])
def test_C02_the_bounds_of_the_priority_are_fine(priority: int) -> None:
    assert convert({**SPEC, "priority": priority})[0].priority == priority


def test_C36_a_policy_without_rules_says_nothing() -> None:
    policy, problems = convert(SPEC)
    assert (policy.ingress, policy.egress, problems) == (None, None, [])


def test_an_unreadable_subject_keeps_its_rules() -> None:
    policy, problems = convert({**SPEC, "subject": {}, "ingress": [{"action": "Deny", "from": [ANYBODY]}]})
    assert isinstance(policy.subject, Unreadable)
    assert len(ingress(policy)) == 1
    assert problems == ["spec.subject"]


def test_rules_under_a_misspelt_name_deny_in_both_directions() -> None:
    policy, problems = convert({**SPEC, "ingres": [{"action": "Deny", "from": [ANYBODY]}]})
    assert denies_everybody(ingress(policy)[0])
    assert policy.egress is not None
    assert denies_everybody(policy.egress[0])
    assert problems == ["spec.ingres"]


def test_an_unknown_field_that_cannot_be_rules_changes_nothing() -> None:
    policy, problems = convert({**SPEC, "descripton": "guard"})
    assert (policy.ingress, policy.egress, problems) == (None, None, ["spec.descripton"])


def test_rules_that_are_no_list_are_one_closed_rule() -> None:
    deny, problems = convert({**SPEC, "ingress": {"action": "Deny", "from": [ANYBODY]}})
    accept, _ = convert({**SPEC, "ingress": {"action": "Accept", "from": [ANYBODY]}})
    assert problems == ["spec.ingress"]
    assert denies_everybody(ingress(deny)[0])
    assert accepts_nobody(ingress(accept)[0])


@pytest.mark.parametrize("spec", [None, "x", [], 3])
def test_a_policy_without_a_spec_has_no_rules_and_no_readable_subject(spec: object) -> None:
    policy, problems = convert(spec)
    assert (policy.ingress, policy.egress) == (None, None)
    assert isinstance(policy.subject, Unreadable)
    assert "spec" in problems


def test_a_name_that_is_no_text_is_a_problem_and_changes_nothing() -> None:
    converted, problems = rule({"name": 7, "action": "Deny", "from": [ANYBODY]})
    assert (converted.name, converted.action, problems) == ("", Action.DENY, ["spec.ingress[0].name"])
    assert Direction.INGRESS.value in converted.path
