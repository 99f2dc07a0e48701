"""What went wrong elsewhere and must not here: each row of the list of advisories that applies, by its id.

Those of other products' proxies, DNS parsers, load balancers and privilege models have no counterpart in a dataplane
that consists of nftables rules (facts, dataplane 7).
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator

import pytest

from podfence.dataplane.compiler import compile_snapshot
from podfence.dataplane.settings import Settings
from podfence.model.labels import EVERYTHING, NAMESPACE_NAME_LABEL, selector
from podfence.model.net import Family, Protocol
from podfence.model.policy import Action, PodPeer
from tests.kernel.packets import checksum, header, icmpv6, packet, pseudo_header
from tests.kernel.world import World
from tests.small_cluster import (
    FAMILIES,
    NODE,
    POD_CIDRS,
    Allow,
    address,
    block,
    cluster,
    cluster_policy,
    deny,
    pod,
    pods_of,
    policy,
    tcp,
)

pytestmark = pytest.mark.kernel


def test_GHSA_c66w_hq56_4q97_echo_requests_are_judged(world: World) -> None:
    world.enforce(policy("in", "web", ingress=[Allow((pods_of("api"),), (tcp(80),))]), policy("out", "db", egress=()))
    assert not world.passes("api", "web", protocol=Protocol.OTHER)
    assert not world.passes("db", "api", protocol=Protocol.OTHER)


def test_GHSA_pfhr_pccp_hwmh_a_pods_labels_are_not_its_namespaces(world: World) -> None:
    of_shop = PodPeer(None, selector({NAMESPACE_NAME_LABEL: "shop"}), EVERYTHING)
    crafted = pod("db", "other", labels=tuple(sorted({NAMESPACE_NAME_LABEL: "shop", "team": "shop"}.items())))
    world.enforce(policy("in", "web", ingress=[Allow((of_shop,))]), pods=[pod("web"), pod("api"), crafted])
    assert world.passes("api", "web")
    assert not world.passes("db", "web")


def test_CVE_2023_39347_a_pods_labels_cannot_move_it_to_another_namespace(world: World) -> None:
    crafted = pod("db", "other", labels=(("app", "web"), (NAMESPACE_NAME_LABEL, "shop")))
    world.enforce(policy("in", "web", ingress=()), pods=[pod("web"), pod("api"), crafted])
    assert not world.passes("api", "web")
    assert world.passes("api", "db")


def test_CVE_2023_41333_a_networkpolicy_is_about_its_own_namespace_alone(world: World) -> None:
    world.enforce(policy("in", None, ingress=(), namespace="other"), pods=[pod("web"), pod("api", "other")])
    assert world.passes("outside", "web")
    assert not world.passes("outside", "api")


def test_CVE_2023_27594_no_address_makes_anybody_the_node(world: World) -> None:
    """The node's own address is no pass: neither from outside nor from a pod."""
    world.enforce(policy("in", "web", ingress=()), policy("out", "api", egress=()))
    for family in FAMILIES:
        for name in ("outside", "db", "api"):
            number = next(world.numbers)
            forged = packet(address("node", family), address("web", family), Protocol.UDP, 5000, 80, number)
            world.place(name).send(forged, address("web", family))
            assert number not in world.behind("web")


def test_CVE_2023_27595_nothing_opens_while_the_agent_is_away_and_when_it_comes_back(world: World) -> None:
    closed = policy("in", "web", ingress=[Allow((pods_of("db"),))])
    world.enforce(closed, pod_cidrs=POD_CIDRS)
    generation = world.enforcer.figures.generation
    world.start()
    assert not world.passes("api", "web")
    assert world.enforcer.adopt().generation == generation
    assert not world.passes("api", "web")
    world.enforce(closed, pod_cidrs=POD_CIDRS)
    assert world.enforcer.figures.generation == generation + 1
    assert not world.passes("api", "web")
    assert world.passes("db", "web")


def test_CVE_2024_47825_a_deny_of_a_block_holds_within_a_narrower_allow_behind_it(world: World) -> None:
    wide, narrow = block("203.0.113.0/24", "2001:db8::/64"), block("203.0.113.9/32", "2001:db8::9/128")
    world.enforce(cluster_policy("a", "web", egress=[deny((wide,)), Allow((narrow,))]))
    assert not world.passes("web", "outside")
    world.enforce(cluster_policy("a", "web", egress=[Allow((narrow,)), deny((wide,))]))
    assert world.passes("web", "outside")


def test_CVE_2025_64715_an_empty_selection_is_not_everybody(world: World) -> None:
    nobody = pods_of("nobody")
    world.enforce(policy("io", "web", ingress=[Allow((nobody,))], egress=[Allow((nobody,))]))
    assert not world.passes("api", "web")
    assert not world.passes("web", "outside")
    world.enforce(policy("io", "web", ingress=[Allow(())], egress=[Allow(())]))
    assert not world.passes("api", "web")
    assert not world.passes("web", "outside")


def test_CVE_2026_25804_priorities_do_not_overflow(world: World) -> None:
    first = cluster_policy("z", "web", priority=1, ingress=[Allow((pods_of("api"),))])
    rest = [cluster_policy(f"a{n}", "web", priority=65535 + n, ingress=[deny()]) for n in range(4)]
    world.enforce(first, *rest)
    assert world.passes("api", "web")
    assert not world.passes("db", "web")


def test_CVE_2020_13597_a_pods_router_advertisement_never_leaves_its_link(world: World) -> None:
    world.enforce(policy("out", "web", egress=()))
    with world.place("api").open_socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as listener:
        listener.settimeout(0)
        for hop_limit in (255, 254, 64):
            ends = (address("web", Family.IPV6), address("api", Family.IPV6))
            data = bytearray(icmpv6(*ends, bytes((134, 0, 0, 0)) + bytes(8) + b"route"))
            data[7] = hop_limit
            world.place("web").send(bytes(data), ends[1])
        world.behind("api")
        assert b"route" not in b"".join(everything(listener))


def everything(listener: socket.socket) -> Iterator[bytes]:
    with contextlib.suppress(BlockingIOError):
        while True:
            yield listener.recv(2048)


def test_aws_576_pods_of_one_name_in_two_namespaces_are_two(world: World) -> None:
    twin = pod("web", "other", addresses=pod("db").addresses)
    world.enforce(policy("in", "web", ingress=()), pods=[pod("web"), pod("api"), twin])
    assert not world.passes("api", "web")
    assert world.passes("api", "db")


def test_aws_bc504a4_names_that_join_to_the_same_text_are_told_apart() -> None:
    joined = [selector({"a": "bc"}), selector({"ab": "c"}), selector({"a": "b", "c": ""})]
    peers = tuple(PodPeer("shop", None, chosen) for chosen in joined)
    wanted = compile_snapshot(cluster(policy("in", "web", ingress=[Allow(peers)])), Settings(NODE))
    assert len([name for name in wanted.sets if name.startswith("sel4-")]) == len(joined)


@pytest.mark.parametrize("family", FAMILIES)
def test_aws_584_packets_out_of_nowhere_open_no_connection(world: World, family: Family) -> None:
    """Answers that nobody asked for, written by hand, must not make connection tracking take the way back for open."""
    world.enforce(policy("in", "web", ingress=()), policy("out", "api", egress=()))
    before = world.send("api", "web", 80, Protocol.TCP, family, source_port=5000)
    for flags in (0x10, 0x12, 0x18):
        body = struct.pack("!HHIIBBHHH", 80, 5000, 1, 1, 5 << 4, flags, 65535, 0, 0)
        world.place("web").send(
            header(address("web", family), address("api", family), 6, summed(family, "web", "api", body)),
            address("api", family),
        )
    after = world.send("api", "web", 80, Protocol.TCP, family, source_port=5000)
    assert not {before, after} & world.behind("web")


def summed(family: Family, source: str, destination: str, body: bytes) -> bytes:
    """Put the checksum into a TCP header."""
    pseudo = pseudo_header(address(source, family), address(destination, family), 6, len(body))
    return body[:16] + struct.pack("!H", checksum(pseudo + body)) + body[18:]


def test_an_untracked_packet_passes_no_policy(world: World) -> None:
    world.forest.node.nft("table inet raw { chain c { type filter hook prerouting priority -300; notrack; }; }")
    world.enforce(policy("in", "web", ingress=[Allow((pods_of("api"),))]), policy("out", "db", egress=[Allow()]))
    assert not world.passes("api", "web")
    assert not world.passes("db", "api")
    assert not world.passes("db", "node")
    # Pods that no policy judges are not touched.
    assert world.passes("api", "outside")
    assert world.passes("outside", "api")


@pytest.mark.parametrize("victim", ["api", "web"])
def test_a_pod_cannot_send_as_another_pod_of_its_node(world: World, victim: str) -> None:
    world.enforce(policy("in", "web", ingress=[Allow((pods_of("api"),))]))
    for family in FAMILIES:
        for name in ("db", "outside"):
            number = next(world.numbers)
            forged = packet(address(victim, family), address("web", family), Protocol.UDP, 5000, 80, number)
            if victim == "web":
                forged = packet(address("web", family), address("api", family), Protocol.UDP, 5000, 80, number)
            world.place(name).send(forged, address("api" if victim == "web" else "web", family))
            assert number not in world.behind("api" if victim == "web" else "web")


@pytest.mark.parametrize("is_isolated", [False, True])
def test_a_pod_cannot_send_as_anybody_elsewhere(world: World, *, is_isolated: bool) -> None:
    """Who opened a connection is known by its address alone: another one would pass by every rule about the pod."""
    world.enforce(*([policy("out", "db", egress=())] if is_isolated else []))
    for family in FAMILIES:
        for source, destination in (("outside", "api"), ("late", "outside"), ("node", "outside")):
            number = next(world.numbers)
            forged = packet(address(source, family), address(destination, family), Protocol.UDP, 5000, 80, number)
            world.place("db").send(forged, address(destination, family))
            assert number not in world.behind(destination), source


def test_a_deny_is_not_passed_by_what_a_later_tier_allows(world: World) -> None:
    denied = cluster_policy("no", "web", ingress=[Allow((pods_of("db"),), None, Action.PASS), deny()])
    world.enforce(denied, policy("in", "web", ingress=[Allow()]))
    assert world.passes("db", "web")
    assert not world.passes("api", "web")
