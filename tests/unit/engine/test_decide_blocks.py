"""ipBlocks: rows I28 to I39 of the checklist, and what a block means for a pod whose address nobody knows."""

from __future__ import annotations

from podfence.engine.directory import Directory
from podfence.engine.question import ask, parse_port
from podfence.engine.resolve import resolve
from podfence.model.labels import label_set
from podfence.model.net import Family, Protocol, family_of, parse_address
from podfence.model.objects import Service, ServicePort
from podfence.model.snapshot import Snapshot
from tests.unit.engine.builders import EVERY_POD, NAMESPACES, PODS, Cluster, cnp, node, np, pod


def from_block(cidr: str, *holes: str) -> str:
    return f"{{podSelector: {{}}, ingress: [{{from: [{{ipBlock: {block(cidr, *holes)}}}]}}]}}"


def to_block(cidr: str, *holes: str) -> str:
    return f"{{podSelector: {{}}, policyTypes: [Egress], egress: [{{to: [{{ipBlock: {block(cidr, *holes)}}}]}}]}}"


def block(cidr: str, *holes: str) -> str:
    excepted = ", ".join(f"'{hole}'" for hole in holes)
    return f"{{cidr: '{cidr}', except: [{excepted}]}}"


def test_I28_a_block_matches_inside_its_cidr_and_outside_its_excepts() -> None:
    cluster = Cluster(np("x", from_block("8.0.0.0/8", "8.8.0.0/16", "8.9.0.0/16")))
    allowed = [text for text in ("7.1.1.1", "8.1.1.1", "8.8.1.1", "8.9.1.1", "9.1.1.1") if cluster.allows(text, "x/a")]
    assert allowed == ["8.1.1.1"]


def test_I29_an_except_is_a_hole_that_others_may_fill() -> None:
    hole = from_block("8.0.0.0/8", "8.8.0.0/16")
    fill = from_block("8.8.8.0/24")
    assert not Cluster(np("x", hole)).allows("8.8.8.8", "x/a")
    assert Cluster(np("x", hole), np("x", fill, "fill")).allows("8.8.8.8", "x/a")
    peers = f"{{ipBlock: {block('8.0.0.0/8', '8.8.0.0/16')}}}, {{ipBlock: {block('8.8.8.0/24')}}}"
    assert Cluster(np("x", f"{{podSelector: {{}}, ingress: [{{from: [{peers}]}}]}}")).allows("8.8.8.8", "x/a")


def test_I30_the_first_and_last_address_of_a_block_belong_to_it_those_of_an_except_do_not() -> None:
    cluster = Cluster(np("x", from_block("8.0.0.0/8", "8.8.0.0/16")))
    edges = ("7.255.255.255", "8.0.0.0", "8.255.255.255", "9.0.0.0", "8.7.255.255", "8.8.0.0", "8.8.255.255", "8.9.0.0")
    assert [text for text in edges if cluster.allows(text, "x/a")] == [
        "8.0.0.0",
        "8.255.255.255",
        "8.7.255.255",
        "8.9.0.0",
    ]


def test_I31_a_block_of_one_family_never_matches_the_other() -> None:
    four, six = Cluster(np("x", from_block("0.0.0.0/0"))), Cluster(np("x", from_block("::/0")))
    assert (four.allows("8.8.8.8", "x/a"), four.allows("2600::1", "x/a")) == (True, False)
    assert (six.allows("8.8.8.8", "x/a"), six.allows("2600::1", "x/a")) == (False, True)


def test_I32_a_block_of_one_pods_address_allows_that_pod() -> None:
    assert Cluster(np("x", to_block("10.0.2.1/32"))).reached_from("x/a") == {"y/a"}


def test_I33_an_except_of_a_pods_address_leaves_that_pod_out() -> None:
    reached = Cluster(np("x", to_block("0.0.0.0/0", "10.0.2.1/32"))).reached_from("x/a")
    assert reached == EVERY_POD - {"x/a", "y/a"}


def test_I34_a_block_matches_pods_on_their_way_in_too() -> None:
    assert Cluster(np("x", from_block("10.0.2.0/24"))).who_reaches("x/a") == {"y/a", "y/b", "y/c"}


def test_I35_a_block_means_the_pods_behind_a_service_not_its_own_address() -> None:
    web = Service(
        "y", "web", label_set({"pod": "a"}), (ServicePort("", Protocol.TCP, 80, 80),), (parse_address("10.96.0.1"),)
    )
    for cidr, allowed in (("10.96.0.1/32", False), ("10.0.2.1/32", True)):
        policies = (np("x", to_block(cidr)),)
        directory = Directory(Snapshot(NAMESPACES, PODS, (), (web,), (), policies))
        answer = ask(directory, resolve(directory, "x/a"), resolve(directory, "y/service/web"), parse_port("80"))
        assert answer.verdict.allowed is allowed


def test_I36_a_client_may_come_with_a_nodes_address() -> None:
    nodes = (node("n1", "172.16.0.1"), node("n2", "172.16.0.2"))
    cluster = Cluster(np("x", from_block("172.16.0.1/32")), nodes=nodes)
    assert (cluster.allows("node/n1", "x/a"), cluster.allows("node/n2", "x/a")) == (True, False)


def test_I37_a_block_of_a_nodes_address_lets_in_its_host_network_pods() -> None:
    pods = (pod("x/a"), pod("y/host", node="n1", host_network=True), pod("y/far", node="n2", host_network=True))
    nodes = (node("n1", "172.16.0.1"), node("n2", "172.16.0.2"))
    cluster = Cluster(np("x", from_block("172.16.0.1/32")), pods=pods, nodes=nodes, namespaces=NAMESPACES)
    assert cluster.who_reaches("x/a") == {"y/host"}


def test_I38_a_block_that_nobody_owns_denies_everybody() -> None:
    cluster = Cluster(np("x", from_block("0.0.0.0/31")))
    assert cluster.who_reaches("x/a") == set()
    assert not cluster.allows("8.8.8.8", "x/a")


def test_I39_a_block_matches_the_outside_which_no_selector_does() -> None:
    assert Cluster(np("x", to_block("8.0.0.0/8"))).allows("x/a", "8.8.8.8")
    by_selectors = (
        "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{podSelector: {}}, {namespaceSelector: {}}]}]}"
    )
    assert not Cluster(np("x", by_selectors)).allows("x/a", "8.8.8.8")


def test_a_block_must_hold_every_address_that_a_pod_can_have() -> None:
    pods = (pod("x/a", ip="10.0.1.1"), pod("y/b"))
    whole = Cluster(np("x", from_block("10.0.0.0/8")), pods=pods, namespaces=NAMESPACES)
    half = Cluster(np("x", from_block("10.0.0.0/9")), pods=pods, namespaces=NAMESPACES)
    assert whole.allows("y/b", "x/a")
    verdict = half.verdict("y/b", "x/a")
    assert not verdict.allowed
    assert verdict.depends == "it depends on the address of b: denied for 10.128.0.0, allowed for others"


def test_blocks_that_together_hold_every_address_allow_the_pod() -> None:
    pods = (pod("x/a", ip="10.0.1.1"), pod("y/b"))
    halves = [np("x", from_block(cidr), cidr[:2] + str(n)) for n, cidr in enumerate(("10.0.0.0/9", "10.128.0.0/9"))]
    assert Cluster(*halves, pods=pods, namespaces=NAMESPACES).allows("y/b", "x/a")
    out = [np("x", to_block(cidr), f"np{n}") for n, cidr in enumerate(("10.0.0.0/9", "10.128.0.0/9"))]
    assert Cluster(*out, pods=pods, namespaces=NAMESPACES).allows("x/a", "y/b")
    assert not Cluster(out[0], pods=pods, namespaces=NAMESPACES).allows("x/a", "y/b")


def test_where_no_pod_ranges_are_given_no_block_matches_a_pod_of_unknown_address() -> None:
    pods = (pod("x/a", ip="10.0.1.1"), pod("y/b"))
    cluster = Cluster(np("x", from_block("0.0.0.0/0")), pods=pods, namespaces=NAMESPACES, pod_ranges="")
    assert not cluster.allows("y/b", "x/a")


def test_blocks_and_names_together_cover_an_unknown_address() -> None:
    # 10.0.0.0/9 for every port and 10.128.0.0/9 for the pod's own name: only together, and only at port 80.
    peers = (
        "{to: [{ipBlock: {cidr: 10.0.0.0/9}}]}, {to: [{ipBlock: {cidr: 10.128.0.0/9}}], ports: [{port: serve-80-tcp}]}"
    )
    spec = f"{{podSelector: {{}}, policyTypes: [Egress], egress: [{peers}]}}"
    cluster = Cluster(np("x", spec), pods=(pod("x/a", ip="10.0.1.1"), pod("y/b")), namespaces=NAMESPACES)
    assert cluster.ports_open("x/a", "y/b", "80", "81", "80/UDP", "icmp") == ["80"]


def test_a_pod_of_two_families_needs_both_to_be_allowed() -> None:
    pods = (pod("x/a", ip="10.0.1.1 fd00::1"), pod("y/b", ip="10.0.2.2 fd00::2"), pod("y/c", ip="10.0.2.3"))
    cluster = Cluster(np("x", from_block("10.0.0.0/8")), pods=pods, namespaces=NAMESPACES)
    verdict = cluster.verdict("y/b", "x/a")
    assert not verdict.allowed
    assert verdict.flow.source.address is not None
    assert family_of(verdict.flow.source.address) is Family.IPV6
    # y/c has no IPv6 address, so that there is no such connection to deny.
    assert cluster.allows("y/c", "x/a")


def test_an_ordered_deny_of_half_the_addresses_denies_a_pod_of_unknown_address() -> None:
    deny = cnp(
        "{subject: {namespaces: {matchLabels: {ns: x}}}, egress: [{action: Deny, to: [{networks: [10.128.0.0/9]}]}]}"
    )
    cluster = Cluster(
        deny, pods=(pod("x/a", ip="10.0.1.1"), pod("y/b"), pod("y/c", ip="10.0.2.3")), namespaces=NAMESPACES
    )
    assert cluster.reached_from("x/a") == {"y/c"}
