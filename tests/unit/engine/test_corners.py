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


BOTH = pod("a/both", address="fd00::1").replace("podIP:", "podIPs: [{ip: 'fd00::1'}, {ip: 10.0.0.9}], podIP:")
DNS = pod("a/dns", app="dns", address="10.0.0.3", ports="dns:53/UDP dns:5353")
TWO = pod("a/dns", app="dns", address="10.0.0.3", ports="dns:53/UDP dns:5353/UDP")


@pytest.mark.parametrize(
    ("text", "port", "said"),
    [
        (DNS, "53/UDP", False),  # a NetworkPolicy rule means the name under one protocol
        (TWO, "53/UDP", True),
        (TWO, "80", False),
    ],
)
def test_a_name_of_several_numbers_is_said_where_a_rule_means_them_all(text: str, port: str, *, said: bool) -> None:
    policy = network_policy("a/p", "  podSelector: {}\n  ingress: [{ports: [{port: dns, protocol: UDP}]}]")
    assert ('port "dns" as' in notes(CLIENT + text + policy, "a/client", "a/dns", port)) is said


def test_a_name_without_protocol_means_the_numbers_of_every_protocol() -> None:
    rules = "  ingress: [{action: Accept, from: [{namespaces: {}}], protocols: [{destinationNamedPort: dns}]}]"
    text = CLIENT + DNS + cluster_policy("p", "Admin", 5, rules)
    assert 'port "dns" as TCP 5353 and UDP 53: a rule' in notes(text, "a/client", "a/dns", "5353")
    assert 'port "dns" as' not in notes(CLIENT + DNS + DENY, "a/client", "a/dns", "5353")


@pytest.mark.parametrize(
    ("text", "source", "said"),
    [
        (pod("a/six", address="fd00::1"), "a/six", True),
        (pod("a/six", address="fd00::1"), "fd00::9", False),
        (BOTH, "a/both", False),
        (pod("a/new"), "a/new", False),
        ("", "2600::1", True),
        (pod("a/host", host=True, node="n2"), "a/host", False),
    ],
)
def test_ends_without_a_family_in_common_are_said(text: str, source: str, *, said: bool) -> None:
    destination = "a/six" if source == "fd00::9" else "a/client"
    assert ("no packet can travel between them" in notes(CLIENT + text, source, destination)) is said


def test_the_families_of_both_ends_are_named() -> None:
    assert (
        "a/six has only IPv6 addresses and a/client only IPv4 ones: no packet can travel between them, "
        "whatever policies say" in notes(CLIENT + pod("a/six", address="fd00::1"), "a/six", "a/client")
    )


def test_a_fault_elsewhere_than_in_a_rule_is_not_put_into_the_rule() -> None:
    accept = cluster_policy("p", "admin", 5, "  ingress: [{action: Accept, from: [{namespaces: {}}]}]")
    assert "p: the tier or priority of the policy cannot be read, so that it accepts nothing" in notes(
        WEB + CLIENT + accept, "a/client", "a/web"
    )
    misspelt = cluster_policy("p", "Admin", 5, "  ingres: [{action: Accept, from: [{namespaces: {}}]}]")
    assert "p cannot be read at spec.ingres: there" in notes(WEB + CLIENT + misspelt, "a/client", "a/web")


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


NAMES = cluster_policy(
    "names",
    "Admin",
    10,
    """
  egress:
  - action: Accept
    to: [{domainNames: [bank.example, '*.parcels.example']}]
    protocols: [{tcp: {destinationPort: {number: 443}}}]
  - {action: Deny, to: [{networks: [0.0.0.0/0]}]}
""",
)


@pytest.mark.parametrize(("port", "said"), [("443", True), ("80", False)])
def test_an_address_that_may_be_of_an_allowed_name_is_said_to_be_so(port: str, *, said: bool) -> None:
    found = notes(WEB + NAMES, "a/web", "203.0.113.7", port)
    assert ("bank.example, *.parcels.example may be reached by name: once a/web has looked" in found) is said
