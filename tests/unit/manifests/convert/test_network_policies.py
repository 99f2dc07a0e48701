"""NetworkPolicy to model: defaults as the API server's, and what cannot be read accepts nothing."""

from __future__ import annotations

from typing import Any

import pytest

from podfence.manifests.convert.fields import FieldProblem
from podfence.manifests.convert.network_policies import network_policy
from podfence.model.labels import EVERYTHING, selector
from podfence.model.net import AddressRange, Protocol, parse_cidr
from podfence.model.objects import ObjectRef
from podfence.model.policy import (
    Action,
    AddressPeer,
    Direction,
    PodPeer,
    Policy,
    PortName,
    PortRange,
    Rule,
    Tier,
    Unreadable,
)

REF = ObjectRef("NetworkPolicy", "shop", "cart")
IN, OUT = Direction.INGRESS, Direction.EGRESS


def convert(spec: object, **top: object) -> tuple[Policy, list[FieldProblem]]:
    problems: list[FieldProblem] = []
    value = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {}, "spec": spec, **top}
    return network_policy(value, REF, problems), problems


def readable(spec: object) -> Policy:
    policy, problems = convert(spec)
    assert problems == []
    return policy


def only_rule(rule: object) -> tuple[Rule, list[str]]:
    policy, problems = convert({"podSelector": {}, "ingress": [rule]})
    assert policy.ingress is not None
    return policy.ingress[0], [problem.path for problem in problems]


def directions(policy: Policy) -> set[Direction]:
    return {direction for direction in Direction if policy.rules(direction) is not None}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({"podSelector": {}}, {IN}, id="D01 no policyTypes, no egress"),
        pytest.param({"podSelector": {}, "egress": [{}, {}]}, {IN, OUT}, id="D02 no policyTypes, egress rules"),
        pytest.param({"podSelector": {}, "policyTypes": []}, {IN}, id="D03 empty policyTypes"),
        pytest.param({"podSelector": {}, "policyTypes": None}, {IN}, id="D03 null policyTypes"),
        pytest.param({"podSelector": {}, "egress": []}, {IN}, id="D04 empty egress stays open"),
        pytest.param({"podSelector": {}, "egress": [{}]}, {IN, OUT}, id="D05 one empty egress rule"),
        pytest.param({"egress": [{"to": []}]}, {IN, OUT}, id="D06 only egress rules isolate ingress too"),
        pytest.param({"policyTypes": ["Egress"], "ingress": [{}]}, {OUT}, id="D07 explicit is not extended"),
        pytest.param({"policyTypes": ["Ingress"], "egress": [{}]}, {IN}, id="D08 egress rules are inert"),
        pytest.param({"policyTypes": ["Egress", "Ingress"]}, {IN, OUT}, id="D09 any order"),
        pytest.param({"policyTypes": ["Ingress", "Ingress"]}, {IN}, id="E10 twice the same"),
        pytest.param(None, {IN}, id="D14 no spec"),
        pytest.param({}, {IN}, id="D14 empty spec"),
    ],
)
def test_directions_are_defaulted(spec: object, expected: set[Direction]) -> None:
    assert directions(readable(spec)) == expected


@pytest.mark.parametrize("spec", [None, {}, {"podSelector": None}, {"podSelector": {}}], ids=str)
def test_D15_absent_null_and_empty_pod_selector_mean_every_pod_of_the_namespace(spec: object) -> None:
    policy = readable(spec)
    assert policy.subject == PodPeer("shop", None, EVERYTHING)
    assert policy.ingress == ()
    assert (policy.tier, policy.priority) == (Tier.NETWORK_POLICY, 0)


@pytest.mark.parametrize(
    ("types", "path"),
    [
        (["Ingress", "Egress", "Egress"], "spec.policyTypes"),
        (["ingress"], "spec.policyTypes[0]"),
        (["Ingress", None], "spec.policyTypes[1]"),
        ("Ingress", "spec.policyTypes"),
        ({"Ingress": True}, "spec.policyTypes"),
    ],
)
def test_policy_types_that_cannot_be_read_isolate_both_directions(types: object, path: str) -> None:
    policy, problems = convert({"podSelector": {}, "policyTypes": types, "ingress": [{}]})
    assert directions(policy) == {IN, OUT}
    assert [problem.path for problem in problems] == [path]


@pytest.mark.parametrize("egress", [{}, {"to": []}, "", 0, False])
def test_egress_that_is_no_list_isolates_egress_too(egress: object) -> None:
    policy, problems = convert({"podSelector": {}, "egress": egress})
    assert (policy.ingress, policy.egress) == ((), ())
    assert [problem.path for problem in problems] == ["spec.egress"]


def test_faults_in_rules_without_effect_are_named_all_the_same() -> None:
    policy, problems = convert({"podSelector": {}, "policyTypes": ["Ingress"], "egress": [{"ports": [{"port": 0}]}]})
    assert policy.egress is None
    assert [problem.path for problem in problems] == ["spec.egress[0].ports[0].port"]


def test_a_misspelt_policy_types_isolates_both_directions() -> None:
    policy, problems = convert({"podSelector": {}, "PolicyTypes": ["Egress"]})
    assert directions(policy) == {IN, OUT}
    assert problems == [FieldProblem("spec.PolicyTypes", 'unknown field "PolicyTypes"')]


def test_an_unknown_field_does_not_change_written_policy_types() -> None:
    assert directions(convert({"podSelector": {}, "policyTypes": ["Egress"], "ingres": []})[0]) == {OUT}


def test_a_misspelt_pod_selector_is_an_unreadable_subject_and_not_every_pod() -> None:
    policy, _ = convert({"podselector": {"matchLabels": {"app": "cart"}}})
    assert isinstance(policy.subject, Unreadable)


@pytest.mark.parametrize("spec", ["text", 3, [], [{}], True, 1.5])
def test_a_spec_that_is_no_mapping_isolates_whoever_it_may_be_about(spec: object) -> None:
    policy, problems = convert(spec)
    assert isinstance(policy.subject, Unreadable)
    assert directions(policy) == {IN, OUT}
    assert [problem.path for problem in problems] == ["spec"]


def test_a_misspelt_spec_is_not_the_policy_without_spec() -> None:
    policy, problems = convert(None, Spec={"podSelector": {}})
    assert isinstance(policy.subject, Unreadable)
    assert directions(policy) == {IN, OUT}
    assert [problem.path for problem in problems] == ["Spec"]


@pytest.mark.parametrize("subject", [{"matchLables": {"app": "cart"}}, {"matchLabels": {"app": 1}}, "app=cart", []])
def test_E21_a_pod_selector_that_cannot_be_read_does_not_match_everything(subject: object) -> None:
    policy, problems = convert({"podSelector": subject})
    assert isinstance(policy.subject, Unreadable)
    assert len(problems) == 1


@pytest.mark.parametrize("value", [None, []])
def test_missing_null_and_empty_lists_mean_anybody_and_any_traffic(value: object) -> None:
    rule, problems = only_rule({"from": value, "ports": value})
    assert (rule.peers, rule.ports, problems) == (None, None, [])


def test_E14_a_null_rule_is_an_empty_one_and_allows_everything() -> None:
    rule, problems = only_rule(None)
    assert (rule.action, rule.peers, rule.ports, problems) == (Action.ACCEPT, None, None, [])


@pytest.mark.parametrize("field", ["form", "From", "to", "prots", "port", "action"])
def test_E22_a_rule_with_an_unknown_field_accepts_nobody(field: str) -> None:
    rule, problems = only_rule({field: [{"podSelector": {}}]})
    assert isinstance(rule.peers, tuple)
    assert all(isinstance(peer, Unreadable) for peer in rule.peers)
    assert problems == [f"spec.ingress[0].{field}"]


@pytest.mark.parametrize("value", ["all", 7, [], False])
def test_a_rule_that_is_no_mapping_accepts_nobody(value: object) -> None:
    rule, problems = only_rule(value)
    assert rule.peers is not None
    assert isinstance(rule.peers[0], Unreadable)
    assert problems == ["spec.ingress[0]"]


@pytest.mark.parametrize("rules", [{"from": []}, "all", 0, True])
def test_rules_that_are_no_list_leave_the_direction_isolated_without_a_rule(rules: object) -> None:
    policy, problems = convert({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": rules})
    assert policy.ingress == ()
    assert [problem.path for problem in problems] == ["spec.ingress"]


@pytest.mark.parametrize("value", [{"podSelector": {}}, "x", 1])
def test_peers_and_ports_that_are_no_list_are_one_unreadable_part(value: object) -> None:
    rule, problems = only_rule({"from": value, "ports": value})
    assert rule.peers is not None
    assert rule.ports is not None
    assert [type(part) for part in (*rule.peers, *rule.ports)] == [Unreadable, Unreadable]
    assert problems == ["spec.ingress[0].from", "spec.ingress[0].ports"]


def test_one_manifest_item_is_one_part_at_the_same_index() -> None:
    ports: list[Any] = [{"port": 80}, {"port": 0}, {}, None, {"protocol": "UDP", "port": "dns"}]
    rule, problems = only_rule({"from": [{"podSelector": {}}, {}, {"namespaceSelector": {}}], "ports": ports})
    assert rule.peers is not None
    assert rule.ports is not None
    assert [type(peer) for peer in rule.peers] == [PodPeer, Unreadable, PodPeer]
    assert [type(port) for port in rule.ports] == [PortRange, Unreadable, PortRange, PortRange, PortName]
    assert rule.ports[2] == rule.ports[3] == PortRange(Protocol.TCP, 1, 65535)
    assert problems == ["spec.ingress[0].from[1]", "spec.ingress[0].ports[1].port"]


def test_a_rule_knows_where_it_stands() -> None:
    policy = readable({"ingress": [{}], "egress": [{}, {}]})
    assert policy.egress is not None
    rule = policy.egress[1]
    assert (rule.path, rule.peers_field, rule.ports_field) == ("spec.egress[1]", "to", "ports")
    assert policy.ingress is not None
    assert (policy.ingress[0].path, policy.ingress[0].peers_field) == ("spec.ingress[0]", "from")


def test_a_whole_policy() -> None:
    policy = readable(
        {
            "podSelector": {"matchLabels": {"app": "cart"}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 7070}]}],
            "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/30", "except": ["10.0.0.1/32"]}}]}],
        }
    )
    web = PodPeer("shop", None, selector({"app": "web"}))
    start = parse_cidr("10.0.0.0/32").first
    block = AddressPeer(
        (AddressRange(start, start), AddressRange(start + 2, start + 3)), "10.0.0.0/30 except 10.0.0.1/32"
    )
    port = PortRange(Protocol.TCP, 7070, 7070)
    assert policy == Policy(
        ref=REF,
        tier=Tier.NETWORK_POLICY,
        priority=0,
        subject=PodPeer("shop", None, selector({"app": "cart"})),
        ingress=(Rule(Action.ACCEPT, (web,), (port,), "spec.ingress[0]", "from", "ports"),),
        egress=(Rule(Action.ACCEPT, (block,), None, "spec.egress[0]", "to", "ports"),),
    )
