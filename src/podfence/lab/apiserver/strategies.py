"""What is special about single resources when they are created or changed: namespaces, pods, Services, Secrets.

Everything else that belongs to a kind alone (defaults, validation) is in its admission.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Final

from podfence.lab.apiserver.names import Making
from podfence.lab.apiserver.plugins import admit_pod
from podfence.lab.apiserver.service_addresses import ServiceAddresses
from podfence.lab.apiserver.storage import Storage
from podfence.lab.interface import Resource
from podfence.model.labels import NAMESPACE_NAME_LABEL

Object = dict[str, Any]


class Strategies:
    """Prepares objects of special kinds; knows the store, which some of them look into."""

    def __init__(self, storage: Storage, making: Making, addresses: ServiceAddresses) -> None:
        self._storage = storage
        self._making = making
        self._addresses = addresses
        self._on_create: Final[dict[Resource, Callable[[Object], Object]]] = {
            Resource("", "namespaces"): new_namespace,
            Resource("", "pods"): self._new_pod,
            Resource("", "services"): self._addresses.for_new,
            Resource("", "secrets"): stored_secret,
        }
        self._on_update: Final[dict[Resource, Callable[[Object, Object], Object]]] = {
            Resource("", "namespaces"): changed_namespace,
            Resource("", "services"): self._addresses.for_changed,
            Resource("", "secrets"): lambda new, _: stored_secret(new),
        }

    def new(self, resource: Resource, value: Object) -> Object:
        """Prepare a new object, before it is validated."""
        prepare = self._on_create.get(resource)
        return prepare(value) if prepare else value

    def changed(self, resource: Resource, new: Object, old: Object) -> Object:
        """Prepare a changed object, before it is validated."""
        prepare = self._on_update.get(resource)
        return prepare(new, old) if prepare else new

    def _new_pod(self, pod: Object) -> Object:
        admitted = admit_pod(self._storage, pod)
        quality = {"qosClass": (pod.get("status") or {}).get("qosClass") or quality_of_service(pod)}
        return {**admitted, "status": {"phase": "Pending", **quality}}


def new_namespace(value: Object) -> Object:
    """Label a namespace with its name, and let it wait for its content when it is deleted."""
    return {**_labelled(value), "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}


def changed_namespace(new: Object, old: Object) -> Object:
    """Keep the label, and the finalizers, which only the subresource changes."""
    return {**_labelled(new), "spec": old.get("spec", {})}


def _labelled(value: Object) -> Object:
    metadata = value["metadata"]
    labels = {**(metadata.get("labels") or {}), NAMESPACE_NAME_LABEL: metadata.get("name", "")}
    return {**value, "metadata": {**metadata, "labels": labels}}


def stored_secret(value: Object) -> Object:
    """Move the plain texts of a Secret to its data."""
    result = {"type": "Opaque", **value}
    texts = result.pop("stringData", None)
    if texts:
        encoded = {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()}
        result["data"] = {**(result.get("data") or {}), **encoded}
    return result


def quality_of_service(pod: Object) -> str:
    """Tell the class of a pod by its containers' requests and limits."""
    spec = pod.get("spec") or {}
    demands = [
        container.get("resources") or {}
        for part in ("initContainers", "containers")
        for container in spec.get(part) or ()
    ]
    if not any(demand.get("requests") or demand.get("limits") for demand in demands):
        return "BestEffort"
    return "Guaranteed" if all(map(_is_guaranteed, demands)) else "Burstable"


def _is_guaranteed(demand: Object) -> bool:
    limits, requests = demand.get("limits") or {}, demand.get("requests") or {}
    return all(name in limits and requests.get(name, limits[name]) == limits[name] for name in ("cpu", "memory"))
