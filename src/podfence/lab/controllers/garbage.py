"""Garbage collection by owner: what nobody owns any more goes; foreground and orphan deletions are finished.

It remembers who refers to whom from watches on every resource, and asks the store itself before it acts
(``pkg/controller/garbagecollector``).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from podfence.lab.apiserver.status import StatusError
from podfence.lab.interface import Object, ObjectStore, Resource

CUSTOM_RESOURCES: Final = Resource("apiextensions.k8s.io", "customresourcedefinitions")
FOREGROUND: Final = "foregroundDeletion"
ORPHAN: Final = "orphan"

_FIRST_RETRY_S = 0.05
_LAST_RETRY_S = 5.0


class _Place(msgspec.Struct, frozen=True):
    """Where an object is kept."""

    resource: Resource
    namespace: str
    name: str


class GarbageCollector:
    """Collects; ``resources`` gives all resources that are served now, ``resource_of`` the one of a kind."""

    def __init__(
        self,
        store: ObjectStore,
        resources: Callable[[], Iterable[Resource]],
        resource_of: Callable[[str, str], Resource | None],
    ) -> None:
        self._store, self._resources, self._resource_of = store, resources, resource_of
        self._dependents: dict[str, set[_Place]] = defaultdict(set)
        self._owners: dict[_Place, frozenset[str]] = {}
        self._watching: dict[Resource, asyncio.Task[None]] = {}
        self._waiting: asyncio.Queue[tuple[_Place, float]] = asyncio.Queue()

    async def run(self) -> None:
        """Collect until cancelled; resources that are defined later are watched from then on."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._work(group))
            self._watch_all(group)
            async for _ in self._store.watch(CUSTOM_RESOURCES):
                self._watch_all(group)

    def _watch_all(self, group: asyncio.TaskGroup) -> None:
        served = set(self._resources())
        for resource in self._watching.keys() - served:
            self._watching.pop(resource).cancel()
        for resource in served - self._watching.keys():
            self._watching[resource] = group.create_task(self._watch(resource))

    async def _watch(self, resource: Resource) -> None:
        async for seen in self._store.watch(resource):
            metadata = seen.object["metadata"]
            place = _Place(resource, metadata.get("namespace", ""), metadata["name"])
            if seen.type == "DELETED":
                self._remember(place, ())
                for dependent in self._dependents.pop(metadata["uid"], set()):
                    self._waiting.put_nowait((dependent, _FIRST_RETRY_S))
                continue
            owners = metadata.get("ownerReferences") or ()
            if self._remember(place, [one["uid"] for one in owners]) or metadata.get("deletionTimestamp"):
                self._waiting.put_nowait((place, _FIRST_RETRY_S))

    def _remember(self, place: _Place, owners: Iterable[str]) -> bool:
        """Note who owns an object; True when that is new and there are any."""
        before, after = self._owners.get(place, frozenset()), frozenset(owners)
        for uid in before - after:
            self._dependents[uid].discard(place)
        for uid in after - before:
            self._dependents[uid].add(place)
        if after:
            self._owners[place] = after
        else:
            self._owners.pop(place, None)
        return bool(after) and after != before

    async def _work(self, group: asyncio.TaskGroup) -> None:
        while True:
            place, retry_s = await self._waiting.get()
            try:
                is_waiting = self._collect(place)
            except StatusError:
                is_waiting = True
            if is_waiting:
                group.create_task(self._later(place, retry_s))
            await asyncio.sleep(0)

    async def _later(self, place: _Place, retry_s: float) -> None:
        await asyncio.sleep(retry_s)
        self._waiting.put_nowait((place, min(2 * retry_s, _LAST_RETRY_S)))

    def _collect(self, place: _Place) -> bool:
        """Do what one object needs; True when it must be looked at again."""
        value = self._store.get(place.resource, place.namespace or None, place.name)
        if value is None:
            return False
        finalizers = value["metadata"].get("finalizers") or ()
        if value["metadata"].get("deletionTimestamp"):
            if ORPHAN in finalizers:
                return self._orphan(place, value)
            return self._finish(place, value) if FOREGROUND in finalizers else False
        owners = value["metadata"].get("ownerReferences") or ()
        if owners and not any(self._is_there(owner, place.namespace) for owner in owners):
            self._delete(place, value)
        return False

    def _is_there(self, owner: Object, namespace: str) -> bool:
        """Tell whether an owner exists and is not waiting for just this dependent to go."""
        resource = self._resource_of(owner["apiVersion"], owner["kind"])
        if resource is None:
            return True  # a kind that is not served: nobody can say that it is gone
        found = self._store.get(resource, namespace or None, owner["name"]) or self._store.get(
            resource, None, owner["name"]
        )
        if found is None or found["metadata"]["uid"] != owner["uid"]:
            return False
        metadata = found["metadata"]
        return not (metadata.get("deletionTimestamp") and FOREGROUND in (metadata.get("finalizers") or ()))

    def _finish(self, place: _Place, owner: Object) -> bool:
        """Delete the dependents of a foreground deletion; let the owner go once no blocking one is left."""
        is_blocked = False
        for dependent, value in self._living(owner):
            references = value["metadata"]["ownerReferences"]
            others = [one for one in references if one["uid"] != owner["metadata"]["uid"]]
            if others and any(self._is_there(one, dependent.namespace) for one in others):
                self._set_owners(dependent, value, others)
                continue
            is_blocked |= any(
                one.get("blockOwnerDeletion") for one in references if one["uid"] == owner["metadata"]["uid"]
            )
            if not value["metadata"].get("deletionTimestamp"):
                self._delete(dependent, value)
        if not is_blocked:
            self._release(place, owner, FOREGROUND)
        return is_blocked

    def _orphan(self, place: _Place, owner: Object) -> bool:
        for dependent, value in self._living(owner):
            uid = owner["metadata"]["uid"]
            self._set_owners(
                dependent, value, [one for one in value["metadata"]["ownerReferences"] if one["uid"] != uid]
            )
        self._release(place, owner, ORPHAN)
        return False

    def _living(self, owner: Object) -> list[tuple[_Place, Object]]:
        found = []
        for place in sorted(self._dependents.get(owner["metadata"]["uid"], ()), key=str):
            value = self._store.get(place.resource, place.namespace or None, place.name)
            uids = [one["uid"] for one in (value or {"metadata": {}})["metadata"].get("ownerReferences") or ()]
            if value is not None and owner["metadata"]["uid"] in uids:
                found.append((place, value))
        return found

    def _delete(self, place: _Place, value: Object) -> None:
        self._store.delete(place.resource, place.namespace or None, place.name, uid=value["metadata"]["uid"])

    def _set_owners(self, place: _Place, value: Object, owners: list[Object]) -> None:
        metadata = {name: part for name, part in value["metadata"].items() if name != "ownerReferences"}
        metadata |= {"ownerReferences": owners} if owners else {}
        self._store.update(place.resource, place.namespace or None, value | {"metadata": metadata})

    def _release(self, place: _Place, owner: Object, finalizer: str) -> None:
        kept = [one for one in owner["metadata"].get("finalizers") or () if one != finalizer]
        value = owner | {"metadata": owner["metadata"] | {"finalizers": kept}}
        self._store.update(place.resource, place.namespace or None, value)
