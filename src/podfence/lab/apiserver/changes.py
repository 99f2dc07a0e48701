"""Changes objects: PUT, PATCH and apply end here, on the object itself or on one of its subresources."""

from __future__ import annotations

from typing import Any, Final

from podfence.lab.apiserver.creation import create
from podfence.lab.apiserver.deletion import is_ready_to_go
from podfence.lab.apiserver.options import NO_REPEATS, Repeats, WriteOptions
from podfence.lab.apiserver.ownership.managers import Manager
from podfence.lab.apiserver.ownership.updates import managed_after_update
from podfence.lab.apiserver.patches.patch import Patch
from podfence.lab.apiserver.registry import SERVER_METADATA, Registry, Written, check_name, check_namespace
from podfence.lab.apiserver.resources import ApiResource
from podfence.lab.apiserver.status import conflict, invalid
from podfence.lab.apiserver.storage import Entry, Key

Object = dict[str, Any]

_PARTS: Final = frozenset({"status", "ephemeralcontainers"})
"""Subresources that set one part of an object and leave the rest as it is; others are the object itself."""


def update(
    registry: Registry,
    resource: ApiResource,
    key: Key,
    body: Object,
    options: WriteOptions,
    subresource: str = "",
    repeats: Repeats = NO_REPEATS,
) -> Written:
    """Replace an object as a PUT does; raises ``StatusError`` with the server's refusal."""
    value, faults = registry.read(resource, body, options, repeats)
    check_name(value, key[1])
    check_namespace(resource, value, key[0])
    if resource.create_on_update and not subresource and registry.storage.get(resource.resource, key) is None:
        value["metadata"].pop("resourceVersion", None)
        return create(registry, resource, key[0], value, options)
    entry = registry.find(resource, key)
    return replace(registry, resource, entry, value, options, faults, subresource)


def patch(
    registry: Registry,
    resource: ApiResource,
    key: Key,
    change: Patch,
    options: WriteOptions,
    subresource: str = "",
) -> Written:
    """Change an object by a patch."""
    entry = registry.find(resource, key)
    patched = change.apply_to(entry.value)
    value, faults = registry.read(resource, patched, options, change.repeats, change.shown(patched))
    value["metadata"].setdefault("name", key[1])
    return replace(registry, resource, entry, value, options, faults, subresource)


def replace(
    registry: Registry,
    resource: ApiResource,
    entry: Entry,
    value: Object,
    options: WriteOptions,
    faults: list[str],
    subresource: str = "",
    managed: list[Object] | None = None,
) -> Written:
    """Take a decoded and defaulted object in the place of a stored one; ``managed`` as for ``insert``."""
    old = entry.value
    _check_identity(resource, entry, value)
    part = subresource if subresource in _PARTS else ""
    admission = registry.admissions.of(resource)
    new = _with_identity(value, old, unconditional=resource.unconditional_update)
    said = new
    if not part:
        new = registry.strategies.changed(resource.resource, new, old)
    new = admission.prepare_update(new, old, part)
    causes = (*admission.validate_update(new, old, part), *registry.strategies.causes(resource.resource, new))
    if causes:
        raise invalid(resource.group, resource.kind, entry.key[1], causes).warning(faults)
    warnings = (*faults, *registry.warnings(resource, new))
    if not part:
        new = registry.strategies.complete(resource.resource, new)
    kept = registry.keep(resource, new)
    if managed is None:
        # Nothing is added to a status, so it need not be brought into its stored form twice.
        said = kept if part else registry.keep(resource, said)
        managed = _owners(registry, resource, said, old, options, subresource)
    kept["metadata"].pop("managedFields", None)
    if managed:
        kept["metadata"]["managedFields"] = managed
    return Written(_store(registry, resource, entry, kept, options), warnings)


def _check_identity(resource: ApiResource, entry: Entry, value: Object) -> None:
    wanted = value["metadata"].get("resourceVersion")
    if wanted and wanted != "0" and wanted != str(entry.revision):
        raise conflict(resource.group, resource.plural, entry.key[1])
    uid, own = value["metadata"].get("uid"), entry.value["metadata"].get("uid")
    if uid and uid != own:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {own}"
        raise conflict(resource.group, resource.plural, entry.key[1], why)


def _with_identity(new: Object, old: Object, *, unconditional: bool) -> Object:
    """Fill in what an update leaves out or cannot change."""
    metadata, before = dict(new["metadata"]), old["metadata"]
    for name in SERVER_METADATA:
        if name == "managedFields" or (name == "resourceVersion" and not unconditional):
            continue
        given = metadata.get(name)
        if name in {"generation", "creationTimestamp", "resourceVersion", "deletionTimestamp"} or not given:
            metadata.pop(name, None)
            if name in before:
                metadata[name] = before[name]
    if "namespace" in before and not metadata.get("namespace"):
        metadata["namespace"] = before["namespace"]
    return {**new, "metadata": metadata}


def _owners(
    registry: Registry, resource: ApiResource, said: Object, old: Object, options: WriteOptions, subresource: str
) -> list[Object]:
    """Say who owns what after a change, before admission adds what belongs to nobody."""
    manager = Manager(options.manager, "Update", resource.api_version, subresource)
    return managed_after_update(said, old, registry.merge_type(resource), manager, registry.now())


def _store(registry: Registry, resource: ApiResource, entry: Entry, kept: Object, options: WriteOptions) -> Object:
    old = entry.value
    kept["metadata"]["resourceVersion"] = str(entry.revision)
    if kept == old or options.dry_run:
        return old if kept == old else kept
    if is_ready_to_go(resource, kept):
        del kept["metadata"]["resourceVersion"]
        registry.storage.put(resource.resource, entry.key, kept)
        return registry.storage.remove(resource.resource, entry.key).value
    return registry.storage.put(resource.resource, entry.key, kept).value
