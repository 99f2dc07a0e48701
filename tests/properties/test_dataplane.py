"""A compiler that takes changes desires what one would that is made anew, and its transactions lead there."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import msgspec
import pytest

from podfence.dataplane.compiler import Compiler, compile_snapshot
from podfence.dataplane.difference import Desired, difference
from podfence.dataplane.fake import FakeNft
from podfence.dataplane.settings import Settings
from podfence.dataplane.transaction import delta_text, full_text
from podfence.model.change import Change, Changing
from podfence.model.net import parse_address, parse_cidr
from podfence.model.snapshot import Snapshot
from tests.properties.clusters import POD_ADDRESSES, random_cluster

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
