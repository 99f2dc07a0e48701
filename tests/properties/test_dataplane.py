"""A compiler that takes changes desires what one would that is made anew, and its transactions lead there."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import TypeVar

import msgspec
import pytest

from podfence.dataplane.compiler import Compiler, compile_snapshot
from podfence.dataplane.difference import Desired, difference
from podfence.dataplane.enforcer import Enforcer
from podfence.dataplane.fake import FakeNft
from podfence.dataplane.settings import Settings
from podfence.dataplane.transaction import delta_text, full_text
from podfence.engine.decide import decide_side
from podfence.model.change import Change, Changing
from podfence.model.net import Protocol, format_address, parse_address, parse_cidr
from podfence.model.objects import Node, Pod
from podfence.model.policy import Direction
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import End, Flow
from tests.properties.clusters import POD_ADDRESSES, PORTS, random_cluster
from tests.properties.pairs import remembering

CIDRS = (parse_cidr("10.0.0.0/16"), parse_cidr("fd00::/64"))


def settings_of(rng: Random) -> Settings:
    return Settings(
        node="n1",
        pod_cidrs=rng.choice(((), CIDRS)),
        unready=rng.choice(("drop", "accept")),
        audit=rng.random() < 0.2,
        log_allowed=rng.random() < 0.3,
    )


@pytest.mark.parametrize("seed", [*range(150), 1106])
def test_the_state_after_changes_is_the_state_of_the_later_snapshot(seed: int) -> None:
    rng = Random(seed)
    settings = settings_of(rng)
    before = addressed(rng, random_cluster(rng.randrange(1 << 30)))
    compiler = Compiler(before, settings)
    nft = FakeNft()
    nft.apply(full_text(compiler.desired, 1))
    for _ in range(6):
        old = copied(compiler.desired)
        after, changes = changed(rng, before)
        found = compiler.apply(changes)
        anew = compile_snapshot(after, settings)
        assert compiler.desired == anew
        wanted = difference(old, anew)
        assert sorted_difference(found) == sorted_difference(wanted)
        if not found.is_empty:
            nft.apply(delta_text(found, settings))
        fresh = FakeNft()
        fresh.apply(full_text(anew, 1))
        assert nft.dump() == fresh.dump()
        before = after


def copied(desired: Desired) -> Desired:
    return msgspec.structs.replace(
        desired,
        sets=dict(desired.sets),
        elements={name: dict(elements) for name, elements in desired.elements.items()},
        chains=dict(desired.chains),
        classes=dict(desired.classes),
    )


def sorted_difference(found: object) -> object:
    return msgspec.structs.asdict(found)  # type: ignore[arg-type]


def addressed(rng: Random, snapshot: Snapshot) -> Snapshot:
    """Give most pods addresses, some of them shared."""
    pods = tuple(
        msgspec.structs.replace(
            pod, addresses=tuple(sorted({parse_address(text) for text in rng.sample(POD_ADDRESSES, rng.randrange(3))}))
        )
        for pod in snapshot.pods
    )
    return msgspec.structs.replace(snapshot, pods=pods)


def changed(rng: Random, snapshot: Snapshot) -> tuple[Snapshot, list[Change]]:
    """Change some objects of a snapshot to what they are in another, one after the other."""
    other = addressed(rng, random_cluster(rng.randrange(1 << 30)))
    changes = []
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        field = rng.choice(("pods", "pods", "policies", "policies", "namespaces", "nodes"))
        mine = {identity(item): item for item in getattr(snapshot, field)}
        theirs = {identity(item): item for item in getattr(other, field)}
        key = rng.choice(sorted({**mine, **theirs}, key=str) or [()])
        before, after = mine.pop(key, None), theirs.get(key)
        if field == "namespaces" and after is None:
            continue
        if rng.random() < 0.3 and field != "namespaces":
            after = None
        if before is None and after is None:
            continue
        changes.append(Change(before, after))
        if after is not None:
            mine[key] = after
        snapshot = msgspec.structs.replace(snapshot, **{field: tuple(mine[key] for key in sorted(mine, key=str))})
    return snapshot, changes


def identity(item: Changing) -> tuple[str, ...]:
    ref = getattr(item, "ref", None)
    if ref is not None:
        return (ref.kind, ref.namespace or "", ref.name)
    return (getattr(item, "namespace", ""), item.name)  # type: ignore[union-attr]


def desired_states(seed: int) -> Iterator[Desired]:
    rng = Random(seed)
    settings = settings_of(rng)
    for _ in range(2):
        yield compile_snapshot(addressed(rng, random_cluster(rng.randrange(1 << 30))), settings)


@pytest.mark.parametrize("seed", range(60))
def test_any_state_is_reached_from_any_other_by_their_difference(seed: int) -> None:
    old, new = desired_states(seed)
    nft, fresh = FakeNft(), FakeNft()
    nft.apply(full_text(old, 1))
    found = difference(old, new)
    nft.apply(delta_text(found, new.settings))
    fresh.apply(full_text(new, 1))
    assert nft.dump() == fresh.dump()
    assert difference(new, new).is_empty


@pytest.mark.parametrize("seed", range(20))
def test_any_state_replaces_any_other_as_a_whole(seed: int) -> None:
    old, new = desired_states(seed)
    nft, fresh = FakeNft(), FakeNft()
    nft.apply(full_text(old, 1))
    nft.apply(full_text(new, 2, nft.chains.keys(), nft.sets.keys()))
    fresh.apply(full_text(new, 2))
    assert nft.dump() == fresh.dump()


class CuttingNft(FakeNft):
    """An nft that takes anything, and says that it takes next to nothing: everything that can be cut is."""

    def apply(self, text: str) -> None:
        self.most_bytes = None
        super().apply(text)
        self.most_bytes = 1


@pytest.mark.parametrize("seed", range(40))
def test_any_state_is_reached_from_any_other_in_the_smallest_pieces(seed: int) -> None:
    old, new = desired_states(seed)
    nft, fresh = CuttingNft(), FakeNft()
    nft.most_bytes = 1
    enforcer = Enforcer(nft)
    enforcer.apply(old)
    enforcer.apply(new)
    assert enforcer.check_drift() == ()
    enforcer.apply(old)
    other = Enforcer(nft)
    other.adopt()
    other.apply(new)
    fresh.apply(full_text(new, other.figures.generation))
    assert nft.dump() == fresh.dump()
    assert other.figures.errors == enforcer.figures.errors == 0


@pytest.mark.parametrize("seed", range(60))
def test_a_change_that_is_not_said_to_shrink_takes_nothing_away(seed: int) -> None:
    """What ``decide`` allowed before it allows afterwards; an address that nobody of the node has is not judged."""
    rng = Random(seed)
    before = numbered(random_cluster(rng.randrange(1 << 30)))
    compiler = Compiler(before, Settings("n1"))
    for _ in range(12):
        after, changes = changed(rng, before)
        after = numbered(after)
        changes = [Change(renumbered(change.before), renumbered(change.after)) for change in changes]
        if not compiler.apply(changes).shrinks:
            assert taken_away(rng, before, after) == []
        before = after


def numbered(snapshot: Snapshot) -> Snapshot:
    """Give every pod and node an address of its own, by its name."""
    pods = tuple(renumbered(pod) for pod in snapshot.pods)
    nodes = tuple(renumbered(node) for node in snapshot.nodes)
    return msgspec.structs.replace(snapshot, pods=pods, nodes=nodes)


Item = TypeVar("Item")


def renumbered(item: Item) -> Item:
    if isinstance(item, Pod):
        return msgspec.structs.replace(item, addresses=(OWN_ADDRESSES[int(item.name[1:])],))
    if isinstance(item, Node):
        return msgspec.structs.replace(item, addresses=(OWN_ADDRESSES[-int(item.name[1:])],))
    return item


OWN_ADDRESSES = tuple(
    parse_address(text)
    for text in ("10.0.0.1", "10.0.9.9", "10.1.0.1", "192.168.0.1", "8.8.8.8", "172.16.0.9", "172.16.0.1", "10.0.0.200")
)


def taken_away(rng: Random, before: Snapshot, after: Snapshot) -> list[str]:
    ports = [(Protocol.TCP, rng.choice(PORTS)), (Protocol.UDP, rng.choice(PORTS)), (Protocol.OTHER, 0)]
    # Nobody can say who an address is that two pods have; the rest is told apart.
    known = [a for a in OWN_ADDRESSES if owners(before, a) < 2 and owners(after, a) < 2]
    with remembering():
        return [
            f"{format_address(a)} -> {format_address(b)} {protocol} {port}"
            for a in known
            for b in known
            for protocol, port in ports
            # The node's own processes are never judged, whether or not its Node object is there.
            if a not in {b, OWN_ADDRESSES[-1]}
            and is_allowed_here(before, a, b, protocol, port)
            and not is_allowed_here(after, a, b, protocol, port)
        ]


def owners(snapshot: Snapshot, address: int) -> int:
    pods = sum(address in pod.addresses for pod in snapshot.pods)
    return pods + sum(address in node.addresses for node in snapshot.nodes)


def is_allowed_here(snapshot: Snapshot, source: int, destination: int, protocol: Protocol, port: int) -> bool:
    """Ask the engine for the sides that the node judges."""
    ends = {address: end_of(snapshot, address) for address in (source, destination)}
    flow = Flow(ends[source], ends[destination], protocol, port)
    sides = {Direction.EGRESS: ends[source], Direction.INGRESS: ends[destination]}
    return all(
        decide_side(snapshot, flow, direction).allowed
        for direction, end in sides.items()
        if end.pod is not None and end.pod.node == "n1" and not end.pod.host_network
    )


def end_of(snapshot: Snapshot, address: int) -> End:
    pod = next((pod for pod in snapshot.pods if address in pod.addresses), None)
    node = next((node for node in snapshot.nodes if address in node.addresses), None)
    return End(pod=pod, node=node if pod is None else None, address=address)
