"""The corners of the semantics with real packets, in both families (design: semantics where the API is silent)."""

from __future__ import annotations

import socket

import pytest

from podfence.dataplane.compiler import Compiler
from podfence.dataplane.lookups import Answer, Lookups
from podfence.dataplane.settings import Settings
from podfence.model.labels import Selector, selector
from podfence.model.net import AddressRange, Family, Protocol, parse_address, subtract
from podfence.model.policy import Action, AddressPeer, DomainPeer, NodePeer, Policy, Tier, Unreadable
from tests.kernel.forest import probe
from tests.kernel.world import World
from tests.small_cluster import (
    ADDRESSES,
    FAMILIES,
    NODE,
    POD_CIDRS,
    Allow,
    address,
    block,
    cluster,
    cluster_policy,
    deny,
    named,
    pod,
    pods_of,
    policy,
    tcp,
    udp,
)

pytestmark = pytest.mark.kernel

ICMP = Protocol.OTHER
CLOSED = policy("closed", None, ingress=(), egress=())


def test_without_policies_everything_passes(world: World) -> None:
    world.enforce()
    assert world.passes("web", "api")
    assert world.passes("outside", "web", 443, Protocol.SCTP)
    assert world.passes("web", "outside", protocol=ICMP)


def test_a_policy_without_rules_isolates_in_the_directions_that_it_names(world: World) -> None:
    world.enforce(policy("in", "web", ingress=()), policy("out", "api", egress=()))
    assert not world.passes("api", "web")
    assert not world.passes("outside", "web", protocol=ICMP)
    assert world.passes("web", "outside")
    assert not world.passes("api", "outside")
    assert world.passes("outside", "api")


def test_both_sides_must_allow(world: World) -> None:
    out = policy("out", "web", egress=[Allow((pods_of("api"),))])
    world.enforce(out, policy("in", "api", ingress=[Allow((pods_of("db"),))]))
    assert not world.passes("web", "api")
    world.enforce(out, policy("in", "api", ingress=[Allow((pods_of("web"),))]))
    assert world.passes("web", "api")
    assert not world.passes("web", "db")


def test_ports_ranges_and_protocols_are_told_apart(world: World) -> None:
    world.enforce(policy("in", "web", ingress=[Allow(None, (tcp(80), tcp(9000, 9010), udp(53)))]))
    assert world.passes("api", "web", 80)
    assert world.passes("api", "web", 9010)
    assert not world.passes("api", "web", 9011)
    assert not world.passes("api", "web", 80, Protocol.UDP)
    assert not world.passes("api", "web", 80, Protocol.SCTP)
    assert world.passes("api", "web", 53, Protocol.UDP)
    assert not world.passes("api", "web", protocol=ICMP)


def test_a_rule_without_ports_is_all_traffic(world: World) -> None:
    world.enforce(policy("in", "web", ingress=[Allow((pods_of("api"),))]))
    for protocol in Protocol:
        assert world.passes("api", "web", 7, protocol)
        assert not world.passes("db", "web", 7, protocol)


def test_a_named_port_is_the_destination_pods_own(world: World) -> None:
    other = pod("db", named_ports=())
    to_http = policy("out", "web", egress=[Allow(None, (named("http"),))])
    from_http = policy("in", None, ingress=[Allow(None, (named("http"), named("http", Protocol.UDP)))])
    world.enforce(to_http, from_http, pods=[pod("web"), pod("api"), other])
    assert world.passes("web", "api", 8080)
    assert not world.passes("web", "api", 5353, Protocol.UDP)
    assert not world.passes("web", "db", 8080)
    assert not world.passes("web", "outside", 8080)
    assert world.passes("outside", "api", 5353, Protocol.UDP)
    assert not world.passes("outside", "db", 8080)


def test_a_block_matches_pods_and_nodes_and_its_hole_does_not(world: World) -> None:
    holes = [AddressRange(a, a) for a in map(parse_address, ADDRESSES["api"])]
    hollow = AddressPeer(subtract(block("10.9.0.0/24", "fd09::/120").ranges, holes), "around")
    world.enforce(policy("out", "web", egress=[Allow((hollow,))]))
    assert world.passes("web", "db")
    assert not world.passes("web", "api")
    assert not world.passes("web", "node")
    world.enforce(policy("out", "web", egress=[Allow((hollow, block("10.9.0.2/31", "fd09::2/128")))]))
    assert world.passes("web", "api")
    world.enforce(policy("out", "web", egress=[Allow((block("10.9.255.254/32", "fd09::ffff/128"),))]))
    assert world.passes("web", "node")


def test_ingress_from_the_own_node_is_always_allowed_and_egress_to_it_is_judged(world: World) -> None:
    world.enforce(CLOSED, cluster_policy("no", None, ingress=[deny()], egress=[deny()]))
    assert world.passes("node", "web")
    assert world.passes("node", "web", protocol=ICMP)
    assert not world.passes("web", "node")
    world.enforce(CLOSED, cluster_policy("no", None, ingress=[deny()], egress=[Allow((NodePeer(Selector()),))]))
    assert world.passes("web", "node")


def test_a_pod_on_the_host_network_is_no_pod_to_policies(world: World) -> None:
    host = pod("outside", host_network=True, node="n9", addresses=tuple(address("outside", f) for f in FAMILIES))
    by_label = policy("in", "web", ingress=[Allow((pods_of("outside"),))])
    world.enforce(by_label, policy("host", "outside", ingress=(), egress=()), pods=[pod("web"), pod("api"), host])
    assert not world.passes("outside", "web")
    assert world.passes("outside", "api")
    by_block = policy("in", "web", ingress=[Allow((block("203.0.113.9/32", "2001:db8::9/128"),))])
    world.enforce(by_block, pods=[pod("web"), host])
    assert world.passes("outside", "web")


def test_a_host_network_pod_of_unknown_node_is_denied_by_any_nodes_peer_and_accepted_by_none(world: World) -> None:
    host = pod("outside", host_network=True, node="n9", addresses=tuple(address("outside", f) for f in FAMILIES))
    some = NodePeer(selector({"color": "red"}))
    closed = policy("closed", "web", egress=())
    world.enforce(closed, cluster_policy("a", "web", egress=[Allow((some,))]), pods=[pod("web"), host])
    assert not world.passes("web", "outside")
    world.enforce(cluster_policy("a", "web", egress=[deny((some,))]), pods=[pod("web"), host])
    assert not world.passes("web", "outside")
    passing = cluster_policy("a", "web", egress=[Allow((some,), None, Action.PASS)])
    world.enforce(passing, pods=[pod("web"), host])
    assert not world.passes("web", "outside")
    world.enforce(passing, pods=[pod("web")])
    assert world.passes("web", "outside")


def test_the_tiers_speak_in_their_order_and_pass_hands_over(world: World) -> None:
    admin = cluster_policy(
        "admin",
        "web",
        ingress=[Allow((pods_of("db"),), None, Action.PASS), Allow(None, (tcp(1),)), deny(None, (tcp(2),))],
    )
    middle = policy("middle", "web", ingress=[Allow(None, (tcp(2), tcp(3)))])
    base = cluster_policy("base", "web", tier=Tier.BASELINE, ingress=[deny()])
    world.enforce(admin, middle, base)
    assert world.passes("api", "web", 1)
    assert not world.passes("api", "web", 2)
    assert world.passes("api", "web", 3)
    assert not world.passes("db", "web", 1)
    assert world.passes("db", "web", 2)
    world.enforce(admin, base)
    assert world.passes("api", "web", 1)
    assert not world.passes("api", "web", 3)
    world.enforce(
        admin,
        cluster_policy("base", "web", tier=Tier.BASELINE, ingress=[Allow(None, (tcp(3),), Action.PASS), deny()]),
    )
    assert world.passes("api", "web", 3)
    assert not world.passes("api", "web", 4)


def test_what_cannot_be_read_fails_closed(world: World) -> None:
    world.enforce(policy("in", "web", ingress=[Allow((Unreadable("x"),)), Allow((pods_of("db"),), (Unreadable("x"),))]))
    assert not world.passes("api", "web")
    assert not world.passes("db", "web")
    world.enforce(cluster_policy("no", "web", ingress=[deny((Unreadable("x"),))]))
    assert not world.passes("api", "web")


def test_a_host_is_reached_by_the_pod_that_was_told_of_it_and_by_no_other(world: World) -> None:
    allowed = cluster_policy("dns", None, egress=[Allow((DomainPeer(("example.com",)),)), deny()])
    lookups = Lookups()
    told = Answer(address("web", Family.IPV4), "example.com", tuple(address("outside", f) for f in FAMILIES), 60)

    def enforce(*more: Policy) -> None:
        compiler = Compiler(cluster(allowed, *more), Settings(NODE), lookups)
        compiler.hosts.learn(told, now_s=0.0)
        compiler.apply(())
        world.enforcer.apply(compiler.desired)

    world.enforce(allowed)
    assert not world.passes("web", "outside")
    enforce()
    assert world.passes("web", "outside")
    assert not world.passes("api", "outside")
    # Neither a difference nor a replacement of the whole forgets what was told.
    enforce(policy("more", "api", ingress=()))
    world.enforcer.adopt()
    enforce()
    assert world.passes("web", "outside")
    assert world.enforcer.check_drift() == ()


def test_a_pod_reaches_itself_through_a_service_unless_a_cluster_policy_denies(world: World) -> None:
    world.forest.node.nft(SERVICE)
    client = world.open_socket("web", Family.IPV4, socket.SOCK_DGRAM)
    server = world.open_socket("web", Family.IPV4, socket.SOCK_DGRAM)
    client.bind((ADDRESSES["web"][0], 4000))
    server.bind((ADDRESSES["web"][0], 8080))

    def reaches_itself() -> bool:
        world.forest.forget_connections()
        client.sendto(b"hello", ("10.96.0.1", 80))
        world.behind("web")
        server.settimeout(0)
        try:
            return server.recv(100) == b"hello"
        except BlockingIOError:
            return False

    with client, server:
        world.enforce()
        assert reaches_itself()
        world.enforce(CLOSED)
        assert reaches_itself()
        world.enforce(CLOSED, cluster_policy("no", "web", ingress=[deny((pods_of("web"),))]))
        assert not reaches_itself()
        world.enforce(cluster_policy("no", "web", tier=Tier.BASELINE, egress=[deny()]))
        assert not reaches_itself()


SERVICE = """
table ip services {
	chain pre { type nat hook prerouting priority dstnat; ip daddr 10.96.0.1 udp dport 80 dnat to 10.9.0.1:8080; }
	chain post { type nat hook postrouting priority srcnat; ip saddr 10.9.0.1 ip daddr 10.9.0.1 masquerade; }
}
"""


@pytest.mark.parametrize("family", FAMILIES)
def test_a_service_is_judged_by_the_port_and_address_of_the_pod_behind_it(world: World, family: Family) -> None:
    word, cluster_ip = ("ip", "10.96.0.2") if family is Family.IPV4 else ("ip6", "fd96::2")
    target = ADDRESSES["api"][FAMILIES.index(family)]
    target = target if family is Family.IPV4 else f"[{target}]"
    world.forest.node.nft(
        f"table {word} services {{ chain pre {{ type nat hook prerouting priority dstnat; "
        f"{word} daddr {cluster_ip} tcp dport 80 dnat to {target}:8080; }}; }}"
    )

    def reaches(source: str) -> bool:
        world.forest.forget_connections()
        service = parse_address(cluster_ip)
        number = next(world.numbers)
        data = probe(address(source, family), service, Protocol.TCP, 80, number)
        world.place(source).send(data, service)
        return number in world.behind("api")

    world.enforce(policy("out", "web", egress=[Allow((pods_of("api"),), (tcp(8080),))]))
    assert reaches("web")
    world.enforce(policy("out", "web", egress=[Allow((pods_of("api"),), (tcp(80),))]))
    assert not reaches("web")
    world.enforce(policy("out", "web", egress=[Allow((pods_of("api"),), (named("http"),))]))
    assert reaches("web")
    world.enforce(policy("in", "api", ingress=[Allow((pods_of("db"),), (tcp(8080),))]))
    assert not reaches("web")
    assert reaches("db")


@pytest.mark.parametrize("family", FAMILIES)
def test_errors_of_an_allowed_connection_come_back(world: World, family: Family) -> None:
    world.enforce(policy("both", "web", ingress=(), egress=[Allow((pods_of("api"),))]))
    with world.open_socket("web", family, socket.SOCK_DGRAM) as client:
        client.bind((ADDRESSES["web"][FAMILIES.index(family)], 0))
        client.connect((ADDRESSES["api"][FAMILIES.index(family)], 9))
        client.send(b"to a port where nobody listens")
        with pytest.raises(ConnectionRefusedError):
            client.recv(1)


@pytest.mark.parametrize("family", FAMILIES)
def test_fragments_are_judged_as_the_whole(world: World, family: Family) -> None:
    world.enforce(policy("in", "api", ingress=[Allow((pods_of("web"),), (udp(5353),))]))
    text = ADDRESSES["api"][FAMILIES.index(family)]
    with (
        world.open_socket("web", family, socket.SOCK_DGRAM) as client,
        world.open_socket("api", family, socket.SOCK_DGRAM) as good,
        world.open_socket("api", family, socket.SOCK_DGRAM) as bad,
    ):
        client.bind((ADDRESSES["web"][FAMILIES.index(family)], 0))
        good.bind((text, 5353))
        bad.bind((text, 5354))
        client.sendto(b"x" * 4000, (text, 5354))
        client.sendto(b"y" * 4000, (text, 5353))
        assert good.recv(5000) == b"y" * 4000
        world.behind("api")
        bad.settimeout(0)
        with pytest.raises(BlockingIOError):
            bad.recv(5000)


def test_an_address_of_the_node_that_is_not_ready_is_dropped(world: World) -> None:
    world.enforce(pod_cidrs=POD_CIDRS)
    assert world.passes("web", "api")
    assert not world.passes("late", "web")
    assert not world.passes("web", "late")
    assert not world.passes("late", "outside", protocol=ICMP)
    assert not world.passes("late", "node")
    assert not world.passes("outside", "late")
    # The node has an address among its pods, and its probes must not wait for policies.
    assert world.passes("node", "late")
    assert world.passes("web", "node")
    assert world.passes("node", "outside")
    world.enforce(pod_cidrs=POD_CIDRS, pods=[pod(name) for name in ("web", "api", "db", "late")])
    assert world.passes("late", "web")
    world.enforce(pod_cidrs=POD_CIDRS, unready="accept")
    assert world.passes("late", "web")


def test_an_answer_to_the_nodes_own_connection_is_let_in_from_a_pod_that_is_not_ready(world: World) -> None:
    world.enforce(pod_cidrs=POD_CIDRS)
    for family in FAMILIES:
        near, far = world.connected("node", "late", 8080, family)
        with near, far:
            far.send(b"ready")
            assert near.recv(10) == b"ready"


def test_an_address_that_two_different_pods_claim_is_nobodys(world: World) -> None:
    addresses = tuple(address("db", family) for family in FAMILIES)
    twin = pod("twin", addresses=addresses)
    allowed = policy("in", "web", ingress=[Allow((pods_of("db"), pods_of("twin")))])
    world.enforce(allowed, pods=[pod("web"), pod("api"), pod("db"), twin])
    assert not world.passes("db", "web")
    assert not world.passes("web", "db")
    assert not world.passes("db", "outside")
    same = pod("db-2", labels=pod("db").labels, addresses=addresses)
    world.enforce(allowed, pods=[pod("web"), pod("api"), pod("db"), same])
    assert world.passes("db", "web")
    world.enforce(allowed, pods=[pod("web"), pod("api"), twin])
    assert world.passes("db", "web")


def test_an_audit_drops_nothing(world: World) -> None:
    world.enforce(
        CLOSED, cluster_policy("no", None, ingress=[deny()], egress=[deny()]), audit=True, pod_cidrs=POD_CIDRS
    )
    assert world.passes("web", "api")
    assert world.passes("late", "outside")
    assert world.passes("web", "node")
    world.enforce(CLOSED, pod_cidrs=POD_CIDRS)
    assert not world.passes("web", "api")


@pytest.mark.parametrize("log_allowed", [False, True])
def test_logging_what_is_allowed_changes_no_verdict(world: World, log_allowed: bool) -> None:  # noqa: FBT001
    world.enforce(
        policy("in", "web", ingress=[Allow((pods_of("api"),), (tcp(80),))]),
        cluster_policy("admin", "web", ingress=[Allow((pods_of("db"),), None, Action.PASS), Allow(None, (tcp(1),))]),
        log_allowed=log_allowed,
    )
    assert world.passes("api", "web", 80)
    assert world.passes("api", "web", 1)
    assert not world.passes("db", "web", 1)
    assert not world.passes("api", "web", 81)
    assert world.passes("web", "api", 81)


def test_a_peer_that_selects_nobody_opens_nothing(world: World) -> None:
    world.enforce(policy("in", "web", ingress=[Allow((pods_of("nobody"),))]))
    assert not world.passes("api", "web")
    world.enforce(policy("in", "web", ingress=[Allow((), None)]))
    assert not world.passes("api", "web")
