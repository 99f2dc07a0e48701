"""Server-side apply: PATCH with ``application/apply-patch+yaml``, which creates what is not there."""

from __future__ import annotations

from typing import Any

from podfence.lab.apiserver.changes import replace
from podfence.lab.apiserver.creation import insert
from podfence.lab.apiserver.options import NO_REPEATS, Repeats, WriteOptions
from podfence.lab.apiserver.ownership.apply import apply_configuration
from podfence.lab.apiserver.ownership.managers import Manager, Owned, read_managers, write_managers
from podfence.lab.apiserver.ownership.updates import is_owned_through
from podfence.lab.apiserver.registry import Registry, Written, check_name, check_namespace
from podfence.lab.apiserver.resources import ApiResource
from podfence.lab.apiserver.status import bad_request, internal_error
from podfence.lab.apiserver.storage import Entry, Key

Object = dict[str, Any]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def apply(
    registry: Registry,
    resource: ApiResource,
    key: Key,
    body: Object,
    options: WriteOptions,
    subresource: str = "",
    repeats: Repeats = NO_REPEATS,
) -> Written:
    """Apply a configuration; raises ``StatusError`` 409 naming owners and fields when others own what it changes."""
    _check_fields(registry, resource, key, body)
    configuration = _configuration(resource, key, body)
    entry = registry.storage.get(resource.resource, key)
    live = entry.value if entry else _nothing(resource, key)
    before = read_managers(live["metadata"].get("managedFields") or ())
    manager = Manager(options.manager, "Apply", resource.api_version, subresource)
    merge_type = registry.merge_type(resource)
    applied = apply_configuration(
        live, configuration, merge_type, _as_applied(before, manager), manager, registry.now(), force=options.force
    )
    value, faults = registry.read(resource, _unversioned(applied.value), options, repeats)
    owners = {
        each: Owned(
            frozenset(path for path in owned.paths if each != manager or is_owned_through(path, subresource)),
            owned.time,
        )
        for each, owned in applied.managers.items()
    }
    return _store(registry, resource, key, entry, value, options, faults, subresource, write_managers(owners))


def _configuration(resource: ApiResource, key: Key, body: Object) -> Object:
    """Check what is applied, and bring it into plain form."""
    configuration = without_nulls(body)
    configuration["metadata"] = dict(configuration.get("metadata") or {})
    check_name(configuration, key[1])
    check_namespace(resource, configuration, key[0])
    if configuration["metadata"].get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    own = configuration.get("apiVersion")
    if own != resource.api_version:
        start = "Incorrect version specified in apply patch. Specified patch version"
        raise bad_request(f"{start}: {own}, expected: {resource.api_version}")
    return configuration


def _check_fields(registry: Registry, resource: ApiResource, key: Key, body: Object) -> None:
    """Refuse fields that the kind has not, as the server does whatever the field validation is."""
    if not isinstance(body.get("metadata") or {}, dict):
        raise bad_request("metadata is no object")
    decoded = registry.admissions.of(resource).decode(body, strict=True, sort=True)
    if decoded.wrong_types:
        raise bad_request(decoded.wrong_types[0].message)
    if not decoded.strict:
        return
    # The server stops at the first that it meets, in an order that changes; here it is the last.
    why = f".{decoded.strict[-1].field}: field not declared in schema"
    where = f"{key[0]}/{key[1]}; {resource.api_version}, Kind={resource.kind}"
    raise internal_error(f"failed to create typed patch object ({where}): {why}")


def _nothing(resource: ApiResource, key: Key) -> Object:
    metadata = {"name": key[1]} | ({"namespace": key[0]} if resource.namespaced else {})
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata}


def _as_applied(managers: dict[Manager, Owned], manager: Manager) -> dict[Manager, Owned]:
    """Let an applier be the same whatever API version it used before."""
    same = [each for each in managers if each.applies and each.name == manager.name]
    return {
        (manager if each in same and each.subresource == manager.subresource else each): owned
        for each, owned in managers.items()
    }


def _unversioned(value: Object) -> Object:
    metadata = {name: entry for name, entry in value["metadata"].items() if name != "managedFields"}
    return {**value, "metadata": metadata}


def _store(
    registry: Registry,
    resource: ApiResource,
    key: Key,
    entry: Entry | None,
    value: Object,
    options: WriteOptions,
    faults: list[str],
    subresource: str,
    managed: list[Object],
) -> Written:
    if entry is None:
        return insert(registry, resource, key[0], value, options, faults, managed)
    return replace(registry, resource, entry, value, options, faults, subresource, managed)


def without_nulls(value: Object) -> Object:
    """Drop the fields of an object that are null, at any depth of objects."""
    return {
        name: without_nulls(entry) if isinstance(entry, dict) else entry
        for name, entry in value.items()
        if entry is not None
    }
