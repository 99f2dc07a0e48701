"""Where the APIs are silent, the verdict says what it rests on; where they are not, it says nothing."""

from __future__ import annotations

import pytest

from tests.unit.asking import asked, cluster_policy, network_policy, pod

NODES = "".join(
    f"apiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\n"
    f"status: {{addresses: [{{type: InternalIP, address: {address}}}]}}\n---\n"
    for name, address in (("n1", "192.168.0.1"), ("n2", "192.168.0.2"))
)
WEB = pod("a/web", app="web", node="n1", address="10.0.0.1", ports="http:8080 http:8081")
CLIENT = pod("a/client", app="client", address="10.0.0.2")
HOST = pod("a/agent", app="agent", node="n1", address="192.168.0.1", host=True)
DENY = network_policy("a/deny", "  podSelector: {}\n  policyTypes: [Ingress, Egress]")
BLOCK = network_policy(
    "a/block", "  podSelector: {}\n  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: http}]}]"
)


def notes(text: str, source: str, destination: str, port: str = "80", **options: tuple[()]) -> str:
    return " | ".join(asked(NODES + text, source, destination, port, **options).notes)


@pytest.mark.parametrize(
    ("text", "question", "said"),
    [
        (
            WEB + HOST,
            ("a/agent", "a/web"),
            "a/agent is on hostNetwork: no policy selects it, its traffic is that of node n1",
        ),
        (WEB + DENY, ("a/web", "node/n1"), "egress to it is judged like any other"),
        (WEB + CLIENT + DENY, ("a/client", "a/web", "icmp"), "matched only by rules that list no ports"),
        (WEB + CLIENT + BLOCK, ("a/client", "a/web", "8080"), 'port "http" as TCP 8080 and TCP 8081'),
        (WEB + pod("b/new") + BLOCK, ("b/new", "a/web", "8080"), "it depends on the address of new"),
        (WEB, ("node/n1", "node/n2"), "neither end is a pod"),
    ],
)
def test_a_corner_that_took_part_is_said(text: str, question: tuple[str, ...], said: str) -> None:
    assert said in notes(text, *question)


def test_an_unknown_address_is_said_even_when_every_one_is_alike() -> None:
    block = network_policy("a/block", "  podSelector: {}\n  ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]")
    text = WEB + pod("b/new") + block
    assert "the address of b/new is not known; the answer holds for every one in 10.0.0.0-" in notes(
        text, "b/new", "a/web"
    )
    assert "no ipBlock matches it" in notes(text, "b/new", "a/web", pod_ranges=())


def test_policies_of_one_priority_that_disagree_are_said() -> None:
    accept = cluster_policy("a-first", "Admin", 5, "  ingress: [{action: Accept, from: [{namespaces: {}}]}]")
    deny = cluster_policy("b-second", "Admin", 5, "  ingress: [{action: Deny, from: [{namespaces: {}}]}]")
    text = WEB + CLIENT + accept
    assert "a-first and b-second have the same tier and priority and disagree" in notes(
        text + deny, "a/client", "a/web"
    )
    assert "disagree" not in notes(text + deny.replace("priority: 5", "priority: 6"), "a/client", "a/web")


def test_a_part_that_cannot_be_read_is_said_with_its_field() -> None:
    policy = network_policy("a/odd", "  podSelector: {}\n  ingress: [{from: [{podSelector: {matchLables: {}}}]}]")
    assert "odd cannot be read at spec.ingress[0].from[0]" in notes(WEB + CLIENT + policy, "a/client", "a/web")


def test_an_ordinary_connection_has_no_fine_print() -> None:
    assert notes(WEB + CLIENT + DENY, "a/client", "a/web") == ""
    assert notes(WEB + DENY, "a/web", "a/web") == ""
