"""Namespaces that are deleted: emptied first, then let go by taking the finalizer ``kubernetes`` from them.

Source: ``pkg/controller/namespace/deletion``, conditions included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from podfence.lab.apiserver.status import StatusError
from podfence.lab.controllers.clock import Clock, timestamp
from podfence.lab.controllers.conditions import is_same_status, with_condition
from podfence.lab.controllers.controller import Key, Keys, own_key
from podfence.lab.controllers.pods import PODS
from podfence.lab.interface import Object, ObjectStore, Resource

NAMESPACES: Final = Resource("", "namespaces")
FINALIZER: Final = "kubernetes"

_AGAIN_S = 0.5
"""Until the next look at what still terminates; the end of a pod is noticed at once."""
_KINDS_WITHOUT_PROBLEMS = (
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    ("NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions", "All legacy kube types successfully parsed"),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
)


class NamespaceController:
    """Empties namespaces; ``resources`` gives all namespaced resources that are served now."""

    def __init__(self, store: ObjectStore, clock: Clock, resources: Callable[[], Iterable[Resource]]) -> None:
        self._store, self._clock, self._resources = store, clock, resources

    @property
    def watched(self) -> Mapping[Resource, Keys]:
        """Give what matters: namespaces, and pods, which take longest to go."""
        return {NAMESPACES: own_key, PODS: self._terminating}

    def reconcile(self, key: Key) -> float | None:
        """Take one namespace that is being deleted a step further."""
        namespace = self._store.get(NAMESPACES, None, key.name)
        if namespace is None or not namespace["metadata"].get("deletionTimestamp"):
            return None
        remaining = self._empty(key.name)
        self._report(namespace, remaining)
        if remaining:
            return _AGAIN_S
        namespace = self._store.get(NAMESPACES, None, key.name) or namespace
        finalizers = [one for one in (namespace.get("spec") or {}).get("finalizers") or () if one != FINALIZER]
        if finalizers != (namespace.get("spec") or {}).get("finalizers"):
            value = namespace | {"spec": {**(namespace.get("spec") or {}), "finalizers": finalizers}}
            self._store.update(NAMESPACES, None, value, "finalize")
        return None

    def _terminating(self, pod: Object) -> Sequence[Key]:
        name = pod["metadata"]["namespace"]
        namespace = self._store.get(NAMESPACES, None, name)
        return (Key("", name),) if namespace is not None and namespace["metadata"].get("deletionTimestamp") else ()

    def _empty(self, name: str) -> dict[Resource, list[Object]]:
        """Delete all that is in a namespace, and give what remains for now."""
        remaining: dict[Resource, list[Object]] = {}
        for resource in self._resources():
            for value in self._store.list(resource, name):
                if not value["metadata"].get("deletionTimestamp"):
                    self._delete(resource, value)
            if left := list(self._store.list(resource, name)):
                remaining[resource] = left
        return remaining

    def _delete(self, resource: Resource, value: Object) -> None:
        metadata = value["metadata"]
        try:
            self._store.delete(resource, metadata["namespace"], metadata["name"])
        except StatusError as error:
            if error.code != 404:
                raise

    def _report(self, namespace: Object, remaining: Mapping[Resource, Sequence[Object]]) -> None:
        now, status = timestamp(self._clock()), dict(namespace.get("status") or {})
        conditions = status.get("conditions") or []
        for kind, reason, message in _KINDS_WITHOUT_PROBLEMS:
            conditions = with_condition(conditions, kind, reason, message, now, holds=False)
        for kind, is_left, reason, message in (_content(remaining), _finalizers(remaining)):
            conditions = with_condition(conditions, kind, reason, message, now, holds=is_left)
        status |= {"phase": "Terminating", "conditions": conditions}
        if not is_same_status(status, namespace.get("status") or {}):
            self._store.update(NAMESPACES, None, namespace | {"status": status}, "status")


def _content(remaining: Mapping[Resource, Sequence[Object]]) -> tuple[str, bool, str, str]:
    kind = "NamespaceContentRemaining"
    if not remaining:
        return kind, False, "ContentRemoved", "All content successfully removed"
    listed = ", ".join(
        sorted(f"{one.plural}.{one.group} has {len(values)} resource instances" for one, values in remaining.items())
    )
    return kind, True, "SomeResourcesRemain", f"Some resources are remaining: {listed}"


def _finalizers(remaining: Mapping[Resource, Sequence[Object]]) -> tuple[str, bool, str, str]:
    kind, counts = "NamespaceFinalizersRemaining", dict[str, int]()
    for values in remaining.values():
        for finalizer in (name for value in values for name in value["metadata"].get("finalizers") or ()):
            counts[finalizer] = counts.get(finalizer, 0) + 1
    if not counts:
        return kind, False, "ContentHasNoFinalizers", "All content-preserving finalizers finished"
    listed = ", ".join(f"{name} in {count} resource instances" for name, count in sorted(counts.items()))
    return kind, True, "SomeFinalizersRemain", f"Some content in the namespace has finalizers remaining: {listed}"
