"""Ends the waiting of namespaces: their content is gone, says whoever emptied them."""

from __future__ import annotations

from typing import Any

from podfence.lab.apiserver.deletion import is_ready_to_go
from podfence.lab.apiserver.registry import Registry
from podfence.lab.apiserver.resources import ApiResource
from podfence.lab.apiserver.status import conflict
from podfence.lab.apiserver.storage import Key

Object = dict[str, Any]


def finalize(registry: Registry, resource: ApiResource, key: Key, body: Object) -> Object:
    """Set what a namespace still waits for; one that is being deleted and waits for nothing goes.

    Raises ``StatusError`` 409 when the body's resourceVersion is old.
    """
    entry = registry.find(resource, key)
    version = body.get("metadata", {}).get("resourceVersion")
    if version and version != str(entry.revision):
        raise conflict(resource.group, resource.plural, key[1])
    finalizers = (body.get("spec") or {}).get("finalizers") or []
    spec = {"finalizers": finalizers} if finalizers else {}
    value = {**entry.value, "metadata": dict(entry.value["metadata"]), "spec": spec}
    stored = registry.storage.put(resource.resource, key, value).value
    if is_ready_to_go(resource, stored):
        return registry.storage.remove(resource.resource, key).value
    return stored
