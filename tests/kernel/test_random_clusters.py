"""Random clusters and policies: what the kernel does with real packets is what ``engine.decide`` says, on every pair.

Each cluster follows the one before by a transaction of their difference, now and then by a replacement of the whole,
in one table that is never emptied.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import msgspec
import pytest

from podfence.dataplane.compiler import compile_snapshot
from podfence.dataplane.enforcer import Enforcer
from podfence.dataplane.settings import Settings
from podfence.engine.decide import decide_side, is_governed
from podfence.model.net import Protocol, family_of, format_address, parse_address
from podfence.model.policy import Direction
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import End, Flow
from tests.kernel.forest import Forest, Namespace, probe
from tests.properties.clusters import PORTS, random_cluster
from tests.properties.pairs import remembering

pytestmark = pytest.mark.kernel

CLUSTERS = 200
PARTS = 4
OFTEN = 64
"""Probes after which what has arrived is read: no socket can keep many more."""
NODE = "n1"
POD_POOL = (
    *("10.0.0.1", "10.0.0.2", "10.0.9.9", "10.1.0.1", "10.200.0.1", "192.168.0.1", "8.8.8.8", "172.20.0.1"),
    *("fd00::1", "fd00::2", "fd00:0:0:0:8000::1", "2600::1", "2600::2", "fe00::1", "fd77::1", "2a00::1"),
)
STRANGERS = ("10.0.0.77", "172.16.9.9", "192.168.7.7", "203.0.113.77", "9.9.9.9", "fd00::77", "2600::77", "4000::1")
ASKED = [(p, port) for p in (Protocol.TCP, Protocol.UDP, Protocol.SCTP) for port in (*PORTS, 7777)]


class Party(msgspec.Struct):
    """One end with the namespace that it lives in."""

    end: End
    address: int
    where: Namespace

    @property
    def is_local(self) -> bool:
        """Tell whether the node under test judges it."""
        return is_governed(self.end) and self.end.pod is not None and self.end.pod.node == NODE


@pytest.mark.parametrize("part", range(PARTS))
def test_the_kernel_does_what_the_engine_says(part: int) -> None:
    forest = Forest(6)
    try:
        enforcer = Enforcer(forest.runner())
        enforcer.adopt()
        tried = 0
        for seed in range(part, CLUSTERS, PARTS):
            rng = Random(seed)
            snapshot = settled(rng, random_cluster(seed))
            if rng.random() < 0.1:
                enforcer.adopt()
            enforcer.apply(compile_snapshot(snapshot, Settings(NODE, log_allowed=seed % 50 < 10)))
            tried += compare(seed, rng, forest, snapshot)
            if seed % 10 == part:
                assert enforcer.check_drift() == ()
        assert tried > 20_000
        assert enforcer.figures.errors == 0
        assert enforcer.figures.delta_transactions > CLUSTERS / PARTS / 2
    finally:
        forest.close()


def settled(rng: Random, snapshot: Snapshot) -> Snapshot:
    """Give everybody addresses of their own, and put most of them on the node under test."""
    pool = [parse_address(text) for text in rng.sample(POD_POOL, len(POD_POOL))]
    pods = []
    for pod in snapshot.pods:
        addresses = tuple(sorted(pool.pop() for _ in range(rng.choice((1, 2, 2)))))
        node = rng.choice((NODE, NODE, NODE, pod.node))
        if pod.host_network and node == NODE:
            node = "n2"
        pods.append(msgspec.structs.replace(pod, addresses=addresses, node=node))
    taken: set[int] = set()
    nodes = []
    for item in snapshot.nodes:
        nodes.append(msgspec.structs.replace(item, addresses=tuple(a for a in item.addresses if a not in taken)))
        taken.update(item.addresses)
    return msgspec.structs.replace(snapshot, pods=tuple(pods), nodes=tuple(nodes))


def parties(forest: Forest, snapshot: Snapshot) -> list[Party]:
    """List who can send and receive, and give everybody a place."""
    local: dict[int, int] = {}
    found = []
    slots = iter(range(len(forest.pods)))
    for pod in snapshot.pods:
        where = forest.outside
        if pod.node == NODE and not pod.host_network:
            slot = next(slots)
            where = forest.pods[slot]
            local |= dict.fromkeys(pod.addresses, slot)
        found += [Party(End(pod=pod, address=address), address, where) for address in pod.addresses]
    own: list[int] = []
    for node in snapshot.nodes:
        if node.name == NODE:
            own += node.addresses
        where = forest.node if node.name == NODE else forest.outside
        found += [Party(End(node=node, address=address), address, where) for address in node.addresses]
    forest.place(local, own)
    for text in STRANGERS:
        found.append(Party(End(address=parse_address(text)), parse_address(text), forest.outside))
    return found


def compare(seed: int, rng: Random, forest: Forest, snapshot: Snapshot) -> int:
    """Send every probe, collect what arrived, and hold it against the engine; gives how many were sent."""
    asked: dict[int, tuple[Party, Party, Protocol, int]] = {}
    arrived: set[int] = set()
    forest.forget_connections()
    for source, destination in pairs(parties(forest, snapshot)):
        for protocol, port in (*rng.sample(ASKED, 14), (Protocol.OTHER, 0)):
            number = len(asked) + 1
            asked[number] = (source, destination, protocol, port)
            data = probe(source.address, destination.address, protocol, port, number)
            source.where.send(data, destination.address)
            if number % OFTEN == 0:
                arrived |= forest.arrived()
    with remembering():
        wanted = {number for number, question in asked.items() if is_allowed(snapshot, *question)}
    arrived |= forest.settled(wanted - arrived)
    wrong = [
        f"cluster {seed}: {format_address(a.address)} -> {format_address(b.address)} {protocol} {port}: "
        f"the engine says {number in wanted}"
        for number, (a, b, protocol, port) in asked.items()
        if (number in wanted) is not (number in arrived)
    ]
    assert not wrong, "\n".join(wrong[:20])
    return len(asked)


def pairs(found: list[Party]) -> Iterator[tuple[Party, Party]]:
    """Give the pairs that can meet on the node: of one family, a pod of the node among them, not one with itself."""
    for source in found:
        for destination in found:
            is_judged = source.is_local or destination.is_local
            meets = family_of(source.address) is family_of(destination.address)
            if is_judged and meets and source.where is not destination.where:
                yield source, destination


def is_allowed(snapshot: Snapshot, source: Party, destination: Party, protocol: Protocol, port: int) -> bool:
    """Ask the engine; of a connection with another node only the side of this node is judged here."""
    flow = Flow(source.end, destination.end, protocol, port)
    sides = []
    if source.is_local:
        sides.append(Direction.EGRESS)
    if destination.is_local:
        sides.append(Direction.INGRESS)
    return all(decide_side(snapshot, flow, side).allowed for side in sides)
