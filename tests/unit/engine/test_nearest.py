"""Near misses: which rule comes nearest to allowing a denied connection, and in what it differs."""

from __future__ import annotations

import pytest

from podfence.engine.nearest import NearMiss
from tests.unit.asking import asked, cluster_policy, network_policy, pod

WEB = pod("a/web", app="web", ports="http:8080 http:8081")
CLIENT = pod("b/client", app="client", tier="front", address="10.1.2.3")


def nearest(rules: str, port: str = "80", source: str = "b/client") -> NearMiss:
    text = WEB + CLIENT + network_policy("a/p", f"  podSelector: {{}}\n  ingress:\n{rules}")
    found = asked(text, source, "a/web", port)
    assert not found.verdict.allowed
    return found.ingress[0]


def misses(rules: str, port: str = "80", source: str = "b/client") -> list[tuple[str, str, str]]:
    return [(miss.what, miss.wanted, miss.got) for miss in nearest(rules, port, source).misses]


EVERYBODY = "  - from: [{namespaceSelector: {}}]\n"


@pytest.mark.parametrize(
    ("ports", "port", "expected"),
    [
        ("{port: 81}", "80", ("port", "TCP 81", "TCP 80")),
        ("{port: 81, endPort: 90}", "80", ("port", "TCP 81-90", "TCP 80")),
        ("{port: 80, protocol: UDP}", "80", ("protocol", "UDP", "TCP")),
        ("{port: http}", "80", ("name", 'TCP port "http"', 'TCP 80; web declares "http" as TCP 8080, TCP 8081')),
        ("{port: grpc}", "80", ("name", 'TCP port "grpc"', 'TCP 80; web declares no port "grpc"')),
        ("{port: 80}", "icmp", ("port", "TCP 80", "ICMP and others")),
        ("{port: 9}, {port: 79}, {port: 8080}", "80", ("port", "TCP 79", "TCP 80")),
    ],
)
def test_a_port_that_differs_is_compared(ports: str, port: str, expected: tuple[str, str, str]) -> None:
    assert misses(f"{EVERYBODY}    ports: [{ports}]", port) == [expected]


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        (
            "{podSelector: {matchLabels: {app: x}}}",
            [("namespace", "a", "b"), ("label", "app=x", "app=client")],
        ),
        ("{namespaceSelector: {}, podSelector: {matchLabels: {app: x}}}", [("label", "app=x", "app=client")]),
        (
            "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: c}}}",
            [("namespace", "kubernetes.io/metadata.name=c", "kubernetes.io/metadata.name=b")],
        ),
        ("{namespaceSelector: {matchLabels: {team: x}}}", [("namespace label", "team=x", "no label team")]),
        ("{ipBlock: {cidr: 10.2.0.0/16}}", [("address", "10.2.0.0/16", "10.1.2.3")]),
        (
            "{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}",
            [("except", "10.0.0.0/8 except 10.1.0.0/16", "10.1.2.3")],
        ),
    ],
)
def test_a_peer_that_differs_is_compared(peer: str, expected: list[tuple[str, str, str]]) -> None:
    assert misses(f"  - from: [{peer}]") == expected


def test_an_end_of_another_kind_is_named() -> None:
    assert misses("  - from: [{namespaceSelector: {}}]", source="8.8.8.8") == [
        ("peer", "namespaceSelector all", "8.8.8.8")
    ]


def test_the_rule_with_the_fewest_differences_is_first() -> None:
    far = "  - from: [{podSelector: {matchLabels: {app: x}}}]\n    ports: [{port: 81}]\n"
    found = nearest(f"{far}{EVERYBODY}    ports: [{{port: 90}}]\n{far}")
    assert found.rule.path == "spec.ingress[1]"


def test_the_best_of_several_peers_is_compared() -> None:
    rule = "  - from: [{ipBlock: {cidr: 10.2.0.0/16}}, {namespaceSelector: {}}]\n    ports: [{port: 81}]\n"
    found = nearest(rule)
    assert (found.peer.misses, found.peer.path) == ((), "spec.ingress[0].from[1]")
    assert found.port.path == "spec.ingress[0].ports[0]"


def test_what_cannot_be_read_is_said() -> None:
    what = [item[0] for item in misses("  - from: [{podSelector: {matchLables: {app: client}}}]")]
    assert what == ["unreadable"]


def test_an_allowed_side_has_none_and_a_policy_without_rules_has_none() -> None:
    found = asked(WEB + CLIENT + network_policy("a/p", "  podSelector: {}"), "b/client", "a/web", "80")
    assert (found.egress, found.ingress) == ((), ())


def test_before_a_deny_the_accepts_above_it_are_compared_and_none_below() -> None:
    rules = """
  ingress:
  - {action: Accept, from: [{namespaces: {matchLabels: {team: x}}}]}
  - {action: Deny, from: [{namespaces: {}}]}
  - {action: Accept, from: [{namespaces: {matchLabels: {team: z}}}]}
"""
    found = asked(WEB + CLIENT + cluster_policy("base", "Baseline", 1, rules), "b/client", "a/web", "80")
    assert [miss.rule.path for miss in found.ingress] == ["spec.ingress[0]"]
