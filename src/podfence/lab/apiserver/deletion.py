"""Deletes objects: grace periods, finalizers, propagation and namespaces that empty themselves first."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from podfence.lab.apiserver.names import rfc3339, seconds_of
from podfence.lab.apiserver.options import DeleteOptions
from podfence.lab.apiserver.plugins import NAMESPACES, refuse_immortal
from podfence.lab.apiserver.registry import Registry
from podfence.lab.apiserver.resources import ApiResource
from podfence.lab.apiserver.status import conflict
from podfence.lab.apiserver.storage import Entry, Key
from podfence.lab.interface import Resource

Object = dict[str, Any]

PODS: Final = Resource("", "pods")
_GRACE_S: Final = 30
_FINALIZERS: Final = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}


class Deleted(msgspec.Struct, frozen=True):
    """The outcome: the object as it is now, or was last; ``gone`` tells whether it is out of the store."""

    value: Object
    gone: bool


def is_ready_to_go(resource: ApiResource, value: Object) -> bool:
    """Tell whether an object that is being deleted has nothing left to wait for."""
    metadata = value["metadata"]
    if not metadata.get("deletionTimestamp") or metadata.get("finalizers"):
        return False
    if resource.resource == NAMESPACES:
        return not value.get("spec", {}).get("finalizers")
    return not metadata.get("deletionGracePeriodSeconds")


def delete(registry: Registry, resource: ApiResource, key: Key, options: DeleteOptions) -> Deleted:
    """Delete an object as a DELETE does; raises ``StatusError`` with the server's refusal."""
    refusal = refuse_immortal(key[1]) if resource.resource == NAMESPACES else None
    if refusal:
        raise refusal
    entry = registry.find(resource, key)
    _check_preconditions(resource, entry, options)
    marked = _marked(registry, resource, entry, options)
    if is_ready_to_go(resource, marked):
        last = entry.value if options.dry_run else registry.storage.remove(resource.resource, key).value
        return Deleted(last, gone=True)
    if marked == entry.value or options.dry_run:
        return Deleted(marked, gone=False)
    return Deleted(registry.storage.put(resource.resource, key, marked).value, gone=False)


def _check_preconditions(resource: ApiResource, entry: Entry, options: DeleteOptions) -> None:
    metadata, wanted = entry.value["metadata"], options.preconditions
    for name, given, own in (
        ("UID", wanted.uid, metadata.get("uid", "")),
        ("ResourceVersion", wanted.resource_version, metadata.get("resourceVersion", "")),
    ):
        if given and given != own:
            why = f"Precondition failed: {name} in precondition: {given}, {name} in object meta: {own}"
            raise conflict(resource.group, resource.plural, entry.key[1], why)


def _marked(registry: Registry, resource: ApiResource, entry: Entry, options: DeleteOptions) -> Object:
    """Give the object with the marks of its deletion."""
    value = entry.value
    grace_s = _grace_s(value, options) if resource.resource == PODS else 0
    metadata = dict(value["metadata"])
    finalizers = _finalizers(resource, metadata, options)
    if finalizers != (metadata.get("finalizers") or []):
        metadata["finalizers"] = finalizers
    if not metadata.get("deletionTimestamp") or grace_s < metadata.get("deletionGracePeriodSeconds", 0):
        _mark(metadata, registry.making.now(), grace_s)
        if "generation" in metadata:
            metadata["generation"] += 1
    marked = {**value, "metadata": metadata}
    if resource.resource == NAMESPACES:
        marked["status"] = {**value.get("status", {}), "phase": "Terminating"}
        metadata.pop("deletionGracePeriodSeconds", None)
    return marked


def _mark(metadata: Object, now: float, grace_s: int) -> None:
    earlier = metadata.get("deletionTimestamp")
    start = seconds_of(earlier) - metadata.get("deletionGracePeriodSeconds", 0) if earlier else now
    metadata["deletionTimestamp"] = rfc3339(start + grace_s)
    metadata["deletionGracePeriodSeconds"] = grace_s


def _grace_s(pod: Object, options: DeleteOptions) -> int:
    """Give the time that a pod has to end: none where nothing runs."""
    spec = pod.get("spec") or {}
    if not spec.get("nodeName") or pod.get("status", {}).get("phase") in {"Failed", "Succeeded"}:
        return 0
    if options.grace_s is not None:
        return max(options.grace_s, 0)
    return int(spec.get("terminationGracePeriodSeconds", _GRACE_S))


def _finalizers(resource: ApiResource, metadata: Object, options: DeleteOptions) -> list[str]:
    """Add the finalizer of the wanted propagation, and drop that of another one."""
    given = list(metadata.get("finalizers") or ())
    if not options.propagation or resource.resource == NAMESPACES:
        return given
    wanted = _FINALIZERS.get(options.propagation)
    kept = [name for name in given if name not in _FINALIZERS.values() or name == wanted]
    return kept if wanted is None or wanted in kept else [*kept, wanted]
