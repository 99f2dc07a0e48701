"""Ends of connections on a real kernel: what they carried is what rules of nftables counted at the same time.

The counters are in a table of the test's own, before the rules and behind them; the totals are not theirs.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import pytest

from podfence.agent.end_pump import EndPump
from podfence.agent.flow_server import FlowServer
from podfence.agent.metrics import Metrics
from podfence.dataplane.conntrack import connections
from podfence.dataplane.endings import EndingsReader, endings
from podfence.dataplane.netlink import NetlinkSocket
from podfence.dataplane.settings import HIGH_BITS
from podfence.flows.owners import Owners
from podfence.flows.recent import Recent
from podfence.flows.record import Carried, Ended, FlowPort, FlowRecord, FlowVerdict
from podfence.flows.request import FlowRequest
from podfence.flows.resolve import Resolver
from podfence.flows.text import end_name
from podfence.model.net import Family, Protocol, parse_address
from tests.kernel.forest import probe
from tests.kernel.own_network import in_own_network, nft
from tests.kernel.world import World
from tests.small_cluster import ADDRESSES, FAMILIES, NODE, POD_CIDRS, Allow, address, cluster, pods_of, policy, tcp, udp

pytestmark = pytest.mark.kernel

both_families = pytest.mark.parametrize("family", FAMILIES)

OPEN = policy("in", "api", ingress=[Allow((pods_of("web"),), (tcp(80), udp(53)))])
WAYS = {"sent": "original", "received": "reply"}
COUNTING = "\n".join(
    [
        "table inet counting {",
        *(f"counter {way}-{place} {{ }}" for way in WAYS for place in ("before", "behind")),
        "chain before { type filter hook prerouting priority 0;",
        *(f"meta l4proto tcp ct direction {direction} counter name {way}-before" for way, direction in WAYS.items()),
        "}",
        "chain behind { type filter hook forward priority 100;",
        *(f"ct direction {direction} counter name {way}-behind" for way, direction in WAYS.items()),
        "}",
        "}",
    ]
)
SERVICE = {Family.IPV4: "10.96.0.1", Family.IPV6: "fd96::1"}
ELSEWHERE = "203.0.113.77"
WITNESS = 9


class Watch:
    """Listens on the node as its agent does, and keeps the records."""

    def __init__(self, world: World, **sysctls: int) -> None:
        self.world = world
        self.recent = Recent()
        self.metrics = Metrics()
        self.node = world.place("node")
        wanted = {"acct": 1, "timestamp": 1, **sysctls}
        self.node.sysctl({f"netfilter/nf_conntrack_{name}": value for name, value in wanted.items()})
        self.node.nft(COUNTING)
        self.pump = EndPump(
            lambda: EndingsReader(HIGH_BITS),
            Resolver(NODE, Owners(cluster())),
            FlowServer(Path("unused"), self.recent, lambda _: None, lambda _: None),
            self.metrics,
        )

    def records(self, traffic: Callable[[], None], *, forget: bool = True, count: int = 1) -> list[FlowRecord]:
        """Have traffic while somebody listens, forget its connections, and give the records when so many have come."""

        async def main() -> None:
            with self.node.entered():
                self.pump.want(True)
            try:
                traffic()
                # Whatever is still on its way is to be counted.
                self.world.behind("api")
                if forget:
                    self.world.forest.forget_connections()
                async with asyncio.timeout(20):
                    while len(self.found()) < count:
                        self.look_through()
                        await asyncio.sleep(0.01)
                self.pump.pump()
            finally:
                self.pump.want(False)

        asyncio.run(main())
        return self.found()

    def look_through(self) -> None:
        """List what is tracked: the kernel then lets go at once of what has run out."""
        with self.node.entered(), NetlinkSocket() as netlink:
            list(connections(netlink))

    def found(self) -> list[FlowRecord]:
        """Give the records so far, without those of the world's own witnesses."""
        return [record for record in self.recent.read(FlowRequest(ended=True)) if record.port.port != WITNESS]

    def counted(self, place: str = "behind") -> Ended:
        listed = json.loads(self.node.run("nft", "-j", "list", "counters", "table", "inet", "counting"))
        found = {item["counter"]["name"]: item["counter"] for item in listed["nftables"] if "counter" in item}
        sent, received = (found[f"{way}-{place}"] for way in WAYS)
        return Ended(Carried(sent["packets"], sent["bytes"]), Carried(received["packets"], received["bytes"]))


def amounts(record: FlowRecord) -> Ended:
    assert isinstance(record.ended, Ended)
    return Ended(record.ended.sent, record.ended.received)


def ends(record: FlowRecord) -> tuple[str, str, FlowPort]:
    return end_name(record.source), end_name(record.destination), record.port


@contextmanager
def tcp_connection(
    world: World, family: Family, source: str = "web", to: str = ""
) -> Iterator[tuple[socket.socket, socket.socket]]:
    address = ADDRESSES["api"][FAMILIES.index(family)]
    with world.open_socket("api", family) as listener, world.open_socket(source, family) as near:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, 80))
        listener.listen()
        near.connect((to or address, 80))
        far, _ = listener.accept()
        with far:
            yield near, far


def exchange(near: socket.socket, far: socket.socket, there: int, back: int) -> None:
    """Carry so many bytes both ways and close in order."""
    for sender, receiver, size in ((near, far, there), (far, near, back)):
        sent = 0
        while sent < size:
            sent += sender.send(bytes(min(4096, size - sent)))
        sender.shutdown(socket.SHUT_WR)
        while receiver.recv(1 << 16):
            pass


@both_families
def test_a_tcp_connection_carried_what_rules_counted(world: World, family: Family) -> None:
    world.enforce(OPEN, pod_cidrs=POD_CIDRS)
    watch = Watch(world)

    def traffic() -> None:
        with tcp_connection(world, family) as (near, far):
            exchange(near, far, there=5_000, back=70_000)

    (record,) = watch.records(traffic)
    assert ends(record) == ("shop/web", "shop/api", FlowPort(Protocol.TCP, 80))
    assert (record.verdict, record.direction, record.count) == (FlowVerdict.ALLOW, None, 1)
    assert amounts(record) == watch.counted()
    assert isinstance(record.ended, Ended)
    assert isinstance(record.ended.received, Carried)
    assert record.ended.received.bytes > 70_000


@both_families
def test_datagrams_are_counted_with_their_headers(world: World, family: Family) -> None:
    world.enforce(OPEN, pod_cidrs=POD_CIDRS)
    watch = Watch(world)
    headers = 28 if family is Family.IPV4 else 48

    def traffic() -> None:
        with world.open_socket("api", family, socket.SOCK_DGRAM) as far, datagrams(world, family) as near:
            far.bind((ADDRESSES["api"][FAMILIES.index(family)], 53))
            for size in (1, 100, 1000):
                near.send(bytes(size))
                _, address = far.recvfrom(2000)
            far.sendto(bytes(500), address)
            near.recv(2000)

    (record,) = watch.records(traffic)
    assert ends(record) == ("shop/web", "shop/api", FlowPort(Protocol.UDP, 53))
    assert amounts(record) == Ended(Carried(3, 1101 + 3 * headers), Carried(1, 500 + headers)) == watch.counted()


@contextmanager
def datagrams(world: World, family: Family, source: str = "web", port: int = 53) -> Iterator[socket.socket]:
    with world.open_socket(source, family, socket.SOCK_DGRAM) as near:
        near.connect((ADDRESSES["api"][FAMILIES.index(family)], port))
        yield near


@both_families
def test_behind_a_service_the_destination_is_the_pod_that_answered(world: World, family: Family) -> None:
    world.enforce(OPEN, pod_cidrs=POD_CIDRS)
    word = "ip" if family is Family.IPV4 else "ip6"
    world.place("node").nft(
        "table inet service { chain c { type nat hook prerouting priority -100; "
        f"{word} daddr {SERVICE[family]} tcp dport 80 dnat {word} to {ADDRESSES['api'][FAMILIES.index(family)]}; }}; }}"
    )
    watch = Watch(world)

    def traffic() -> None:
        with tcp_connection(world, family, to=SERVICE[family]) as (near, far):
            exchange(near, far, there=10, back=20)

    (record,) = watch.records(traffic)
    assert ends(record) == ("shop/web", "shop/api", FlowPort(Protocol.TCP, 80))
    assert amounts(record) == watch.counted()


@both_families
def test_of_a_connection_that_was_cut_packets_that_were_dropped_are_in_the_sum(world: World, family: Family) -> None:
    world.enforce(OPEN, pod_cidrs=POD_CIDRS)
    watch = Watch(world)

    def traffic() -> None:
        with tcp_connection(world, family) as (near, far):
            near.send(bytes(100))
            assert far.recv(200) == bytes(100)
            world.enforce(policy("in", "api", ingress=()), pod_cidrs=POD_CIDRS)
            near.send(bytes(1000))
            for end in (near, far):
                # A reset instead of an end in order: neither has to wait for the other.
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    (record,) = watch.records(traffic)
    assert ends(record) == ("shop/web", "shop/api", FlowPort(Protocol.TCP, 80))
    assert amounts(record) == watch.counted("before")
    assert amounts(record) != watch.counted("behind")


def test_how_long_it_took_does_not_hold_the_time_that_it_is_remembered(world: World) -> None:
    world.enforce(OPEN, pod_cidrs=POD_CIDRS)
    watch = Watch(world, tcp_timeout_time_wait=2)

    took_s = 0.0

    def traffic() -> None:
        nonlocal took_s
        began_s = time.monotonic()
        with tcp_connection(world, Family.IPV4) as (near, far):
            exchange(near, far, there=10, back=10)
        took_s = time.monotonic() - began_s

    (record,) = watch.records(traffic, forget=False)
    assert isinstance(record.ended, Ended)
    assert isinstance(record.ended.duration_s, float)
    assert isinstance(record.ended.started, datetime)
    # It was told two seconds after its end; the kernel's ticks are some milliseconds apart.
    assert record.time.timestamp() - record.ended.started.timestamp() > 1.9
    assert 0 <= record.ended.duration_s < took_s + 0.1


def test_what_is_not_counted_is_left_out(world: World) -> None:
    world.enforce(OPEN, pod_cidrs=POD_CIDRS)
    watch = Watch(world, acct=0, timestamp=0)

    def traffic() -> None:
        with datagrams(world, Family.IPV4) as near:
            near.send(b"x")

    (record,) = watch.records(traffic)
    assert ends(record) == ("shop/web", "shop/api", FlowPort(Protocol.UDP, 53))
    assert record.ended == Ended()


def test_only_connections_that_were_judged_for_a_pod_of_the_node_are_told(world: World) -> None:
    world.enforce(OPEN, pod_cidrs=POD_CIDRS)
    watch = Watch(world)

    def traffic() -> None:
        for source, destination in (("db", "api"), ("outside", ""), ("web", "api"), ("web", "")):
            ends = address(source), address(destination) if destination else parse_address(ELSEWHERE)
            world.place(source).send(probe(*ends, Protocol.UDP, 53, number=1), ends[1])

    found = watch.records(traffic, count=2)
    assert {ends(record)[:2] for record in found} == {("shop/web", "shop/api"), ("shop/web", ELSEWHERE)}
    sent = watch.counted().sent
    assert isinstance(sent, Carried)
    assert sent.packets == 3


def test_connections_without_our_bits_in_the_mark_do_not_reach_the_reader() -> None:
    def body() -> None:
        nft(
            "table inet t { chain c { type filter hook output priority 0; udp dport 1 ct mark set 0x4000; "
            "udp dport 2 ct mark set 0x14000; udp dport 3 ct mark set 0x80000000; ct state new accept; }; }"
        )
        reader = EndingsReader(HIGH_BITS)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for port in (1, 2, 3, 4):
                sender.sendto(b"x", ("127.0.0.8", port))
        empty_tracking()
        found = [ending for datagram in reader.read(64) for ending in endings(datagram)]
        reader.close()
        told = {(item.original.destination_port, item.mark) for item in found}
        assert told == {(2, 0x14000), (3, 0x80000000)}

    in_own_network(body)


def empty_tracking() -> None:
    flush = struct.pack("=IHHIIBBH", 20, (1 << 8) | 2, 5, 1, 0, 0, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:
        netlink.send(flush)
        netlink.recv(4096)


def test_what_the_kernel_could_not_deliver_is_counted_exactly() -> None:
    def body() -> None:
        nft("table inet t { chain c { type filter hook output priority 0; ct state new ct mark set 0x70000; }; }")
        total = 3000
        reader = EndingsReader(HIGH_BITS, buffer_bytes=4096)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind(("127.0.0.9", 0))
            for port in range(total):
                with suppress(ConnectionRefusedError):
                    sender.sendto(b"x", ("127.0.0.8", 10_000 + port))
        empty_tracking()
        read = 0
        while found := [ending for datagram in reader.read(64) for ending in endings(datagram)]:
            read += sum(ending.original.protocol == socket.IPPROTO_UDP for ending in found)
        assert 0 < read < total
        assert read + reader.newly_lost() == total
        reader.close()

    in_own_network(body)
