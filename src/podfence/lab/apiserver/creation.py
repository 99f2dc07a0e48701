"""Creates objects: what happens between the decoded body of a POST and the store."""

from __future__ import annotations

from typing import Any

from podfence.lab.apiserver.options import NO_REPEATS, Repeats, WriteOptions
from podfence.lab.apiserver.ownership.managers import Manager
from podfence.lab.apiserver.ownership.updates import managed_after_update
from podfence.lab.apiserver.plugins import admit_namespace
from podfence.lab.apiserver.registry import Registry, Written, check_namespace
from podfence.lab.apiserver.resources import ApiResource
from podfence.lab.apiserver.status import already_exists, internal_error, invalid

Object = dict[str, Any]


def create(
    registry: Registry,
    resource: ApiResource,
    namespace: str,
    body: Object,
    options: WriteOptions,
    repeats: Repeats = NO_REPEATS,
) -> Written:
    """Create an object as a POST does; raises ``StatusError`` with the server's refusal."""
    value, faults = registry.read(resource, body, options, repeats)
    check_namespace(resource, value, namespace)
    if value["metadata"].get("resourceVersion"):
        raise internal_error("resourceVersion should not be set on objects to be created")
    return insert(registry, resource, namespace, value, options, faults)


def insert(
    registry: Registry,
    resource: ApiResource,
    namespace: str,
    value: Object,
    options: WriteOptions,
    faults: list[str],
    managed: list[Object] | None = None,
) -> Written:
    """Take a decoded and defaulted object into the store; ``managed`` are its owners when it was applied."""
    new = _with_identity(registry, value)
    metadata = new["metadata"]
    if resource.namespaced:
        metadata["namespace"] = namespace
        admit_namespace(registry.storage, resource, namespace, metadata.get("name", ""))
    said = new
    admission = registry.admissions.of(resource)
    new = admission.prepare(registry.strategies.new(resource.resource, new), namespace)
    causes = (*admission.validate_create(new), *registry.strategies.causes(resource.resource, new))
    if causes:
        raise invalid(resource.group, resource.kind, new["metadata"].get("name", ""), causes).warning(faults)
    warnings = [*faults, *registry.warnings(resource, new)]
    kept = registry.keep(resource, registry.strategies.complete(resource.resource, new))
    key = (namespace if resource.namespaced else "", kept["metadata"]["name"])
    if registry.storage.get(resource.resource, key) is not None:
        raise already_exists(resource.group, resource.plural, key[1])
    owners = _owners(registry, resource, said, options) if managed is None else managed
    kept["metadata"].pop("managedFields", None)
    if owners:
        kept["metadata"]["managedFields"] = owners
    stored = kept if options.dry_run else registry.storage.put(resource.resource, key, kept).value
    return Written(stored, tuple(warnings), created=True)


def _with_identity(registry: Registry, value: Object) -> Object:
    """Set what every new object is given, and clear what it may not bring."""
    metadata = dict(value["metadata"])
    for name in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion", "generation"):
        metadata.pop(name, None)
    if metadata.get("generateName") and not metadata.get("name"):
        metadata["name"] = registry.making.name(metadata["generateName"])
    metadata |= {"uid": registry.making.uid(), "creationTimestamp": registry.now()}
    return {**value, "metadata": metadata}


def _owners(registry: Registry, resource: ApiResource, new: Object, options: WriteOptions) -> list[Object]:
    """Give who creates an object all that it says; what admission adds belongs to nobody."""
    manager = Manager(options.manager, "Update", resource.api_version)
    said = registry.keep(resource, {**new, "metadata": {**new["metadata"], "managedFields": None}})
    return managed_after_update(said, None, registry.merge_type(resource), manager, registry.now())
