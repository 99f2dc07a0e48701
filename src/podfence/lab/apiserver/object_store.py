"""The objects for those who live in the server's process: controllers, scheduler, nodes, DNS.

Implements ``podfence.lab.interface.ObjectStore``: the same admission and the same refusals as over HTTP, without the
HTTP. One instance for each of them, since it also says who owns what is written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from podfence.lab.apiserver.binding import bind
from podfence.lab.apiserver.changes import update
from podfence.lab.apiserver.creation import create
from podfence.lab.apiserver.deletion import delete
from podfence.lab.apiserver.finalizing import finalize
from podfence.lab.apiserver.options import DeleteOptions, Preconditions, WriteOptions
from podfence.lab.apiserver.plugins import NAMESPACES
from podfence.lab.apiserver.registry import Registry
from podfence.lab.apiserver.resources import ApiResource
from podfence.lab.apiserver.storage import Entry, Event, Key, TooOldError
from podfence.lab.interface import Resource, Seen

Object = dict[str, Any]


class InProcessStore:
    """An ``ObjectStore`` over a registry; ``manager`` is the name under which it owns fields."""

    def __init__(self, registry: Registry, manager: str) -> None:
        self._registry = registry
        self._options = WriteOptions(manager, validation="Ignore")

    def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        """Give an object, ``None`` when there is none."""
        entry = self._registry.storage.get(resource, (namespace or "", name))
        return entry.value if entry else None

    def list(self, resource: Resource, namespace: str | None = None) -> Sequence[Object]:
        """Give all objects of one namespace or of all, by namespace and name."""
        return [entry.value for entry in self._registry.storage.collection(resource).in_order(namespace)]

    def create(self, resource: Resource, namespace: str | None, value: Object) -> Object:
        """Create an object and give it as stored; raises ``StatusError``, 409 AlreadyExists when it is there."""
        kind = self._registry.catalogue.preferred(resource)
        return create(self._registry, kind, namespace or "", value, self._options).value

    def update(self, resource: Resource, namespace: str | None, value: Object, subresource: str = "") -> Object:
        """Replace an object or its status; raises ``StatusError``, 409 when its resourceVersion is old.

        ``subresource="finalize"`` is for namespaces: it sets what they still wait for.
        """
        kind = self._registry.catalogue.preferred(resource)
        key = (namespace or "", value["metadata"]["name"])
        if resource == NAMESPACES and subresource == "finalize":
            return finalize(self._registry, kind, key, value)
        return update(self._registry, kind, key, value, self._options, subresource).value

    def delete(
        self, resource: Resource, namespace: str | None, name: str, *, grace_s: int | None = None, uid: str = ""
    ) -> None:
        """Delete an object as a DELETE request would; a pod with a grace period only gets its deletionTimestamp."""
        kind = self._registry.catalogue.preferred(resource)
        options = DeleteOptions(grace_s, preconditions=Preconditions(uid))
        delete(self._registry, kind, (namespace or "", name), options)

    def bind(self, pod: Object, node: str) -> None:
        """Give a pod its node, as a POST of a Binding does; raises ``StatusError`` 409 when it has one."""
        metadata = pod["metadata"]
        bind(self._registry, (metadata["namespace"], metadata["name"]), node)

    def served(self) -> Sequence[Resource]:
        """List the resources whose objects are stored, as they are now."""
        return self._resources(lambda _: True)

    def served_in_namespaces(self) -> Sequence[Resource]:
        """List those of them that are in namespaces."""
        return self._resources(lambda each: each.namespaced)

    def _resources(self, is_wanted: Callable[[ApiResource], bool]) -> Sequence[Resource]:
        kinds = (each for each in self._registry.catalogue if "list" in each.verbs and is_wanted(each))
        return sorted({each.resource for each in kinds}, key=lambda each: (each.group, each.plural))

    def resource_of(self, api_version: str, kind: str) -> Resource | None:
        """Find the resource of what an object says of itself, ``None`` for one that is not served."""
        found = self._registry.catalogue.of_kind(api_version, kind)
        return found.resource if found else None

    async def watch(self, resource: Resource) -> AsyncIterator[Seen]:
        """Give every object as ADDED, then every change, without end and without a gap."""
        collection = self._registry.storage.collection(resource)
        known: dict[Key, Entry] = {}
        place = collection.end
        for seen in list(_caught_up(known, collection.entries)):
            yield seen
        while True:
            await collection.wait(place)
            try:
                events = collection.events_from(place)
                place += len(events)
                changes = [_seen(known, event) for event in events]
            except TooOldError:
                # Whoever was away for longer than the history is told the difference instead.
                place = collection.end
                changes = list(_caught_up(known, collection.entries))
            for seen in changes:
                yield seen


def _seen(known: dict[Key, Entry], event: Event) -> Seen:
    if event.type == "DELETED":
        known.pop(event.after.key, None)
    else:
        known[event.after.key] = event.after
    return Seen(event.type, event.after.value)


def _caught_up(known: dict[Key, Entry], entries: dict[Key, Entry]) -> Iterator[Seen]:
    """Bring what is known up to date, and tell of each difference."""
    for key in sorted(known.keys() - entries.keys()):
        yield Seen("DELETED", known.pop(key).value)
    for key in sorted(entries):
        entry, before = entries[key], known.get(key)
        if before is not entry:
            known[key] = entry
            yield Seen("ADDED" if before is None else "MODIFIED", entry.value)
