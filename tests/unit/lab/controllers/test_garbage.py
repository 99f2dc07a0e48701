"""The garbage collector, running: what nobody owns goes, in the order that was asked for. And the runner itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from podfence.lab.apiserver.status import conflict
from podfence.lab.controllers.controller import Key, Keys, own_key, run
from podfence.lab.controllers.garbage import GarbageCollector
from podfence.lab.controllers.pods import PODS
from podfence.lab.controllers.replicasets import REPLICASETS
from podfence.lab.interface import Object, Resource
from tests.unit.lab.controllers.cluster import KINDS, Store

DEPLOYMENTS = KINDS["apps/v1", "Deployment"]
SERVED = (DEPLOYMENTS, REPLICASETS, PODS)


def owner(value: Object, *, blocks: bool = True) -> Object:
    metadata = value["metadata"]
    reference = {"apiVersion": value["apiVersion"], "kind": value["kind"], "name": metadata["name"]}
    return reference | {"uid": metadata["uid"], "blockOwnerDeletion": blocks}


def create(store: Store, kind: str, name: str, *owners: Object, **metadata: object) -> Object:
    version = "v1" if kind == "Pod" else "apps/v1"
    value: Object = {"apiVersion": version, "kind": kind, "metadata": {"name": name, **metadata}, "spec": {}}
    value["metadata"] |= {"ownerReferences": list(owners)} if owners else {}
    return store.create(KINDS[version, kind], "default", value)


def collect(store: Store, then: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run the collector beside a story."""

    async def both() -> None:
        collector = GarbageCollector(store, lambda: SERVED, lambda version, kind: KINDS.get((version, kind)))
        running = asyncio.create_task(collector.run())
        try:
            await asyncio.wait_for(then(), 20)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(both())


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110 - no event tells of all that is waited for here
        await asyncio.sleep(0.001)


def test_what_an_owner_leaves_behind_goes_all_the_way_down() -> None:
    store = Store()
    deployment = create(store, "Deployment", "d")
    replica_set = create(store, "ReplicaSet", "r", owner(deployment))
    create(store, "Pod", "p", owner(replica_set))
    create(store, "Pod", "bare")

    async def story() -> None:
        await asyncio.sleep(0)
        store.delete(DEPLOYMENTS, "default", "d")
        await until(lambda: not store.list(REPLICASETS) and len(store.list(PODS)) == 1)

    collect(store, story)
    assert [one["metadata"]["name"] for one in store.list(PODS)] == ["bare"]


def test_an_object_whose_owner_never_was_goes_and_one_with_another_owner_stays() -> None:
    store = Store()
    alive = create(store, "ReplicaSet", "r")
    gone = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "gone", "uid": "never"}
    create(store, "Pod", "lost", gone)
    create(store, "Pod", "shared", gone, owner(alive))
    create(store, "Pod", "foreign", {"apiVersion": "example.com/v1", "kind": "Thing", "name": "t", "uid": "u"})

    async def story() -> None:
        await until(lambda: len(store.list(PODS)) == 2)

    collect(store, story)
    assert [one["metadata"]["name"] for one in store.list(PODS)] == ["foreign", "shared"]


def test_in_the_foreground_the_owner_goes_last() -> None:
    store = Store()
    replica_set = create(store, "ReplicaSet", "r", finalizers=["foregroundDeletion"])
    create(store, "Pod", "p", owner(replica_set), finalizers=["example.com/hold"])

    async def story() -> None:
        store.delete(REPLICASETS, "default", "r")
        await until(lambda: "deletionTimestamp" in store.list(PODS)[0]["metadata"])
        assert store.list(REPLICASETS)
        held = store.list(PODS)[0]
        store.update(PODS, "default", held | {"metadata": held["metadata"] | {"finalizers": []}})
        await until(lambda: not store.list(REPLICASETS))

    collect(store, story)
    assert not store.list(PODS)


def test_orphans_stay_without_their_owner() -> None:
    store = Store()
    replica_set = create(store, "ReplicaSet", "r", finalizers=["orphan"])
    create(store, "Pod", "p", owner(replica_set))

    async def story() -> None:
        await asyncio.sleep(0.01)
        store.delete(REPLICASETS, "default", "r")
        await until(lambda: not store.list(REPLICASETS))
        await asyncio.sleep(0.01)

    collect(store, story)
    assert [one["metadata"].get("ownerReferences") for one in store.list(PODS)] == [None]


class Flaky:
    """Fails twice for each key: once with a conflict, once with a bug; wants to see a key again once."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    @property
    def watched(self) -> Mapping[Resource, Keys]:
        return {PODS: own_key}

    def reconcile(self, key: Key) -> float | None:
        self.calls.append(key.name)
        if self.calls.count(key.name) == 1:
            raise conflict("", "pods", key.name)
        if self.calls.count(key.name) == 2:
            raise ZeroDivisionError
        return 0.001 if self.calls.count(key.name) == 3 else None


def test_a_key_that_failed_is_tried_again_and_does_not_stop_the_others() -> None:
    store, flaky = Store(), Flaky()
    for name in "ab":
        create(store, "Pod", name)

    async def story() -> None:
        running = asyncio.create_task(run(flaky, store))
        await asyncio.wait_for(until(lambda: len(flaky.calls) == 8), 20)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(story())
    assert sorted(flaky.calls) == ["a"] * 4 + ["b"] * 4
