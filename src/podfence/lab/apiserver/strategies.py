"""What single resources need of the store when they are created or changed: pods, Services and CRDs.

What belongs to a kind alone (defaults, status, generation, validation) is in its admission.
"""

from __future__ import annotations

from typing import Any, Final

from podfence.lab.apiserver.crds.validation import validate_crd, with_names
from podfence.lab.apiserver.names import Making
from podfence.lab.apiserver.plugins import NAMESPACES, admit_pod
from podfence.lab.apiserver.service_addresses import SERVICES, ServiceAddresses
from podfence.lab.apiserver.storage import Storage
from podfence.lab.interface import Resource
from podfence.manifests.validation.cause import Cause

Object = dict[str, Any]

PODS: Final = Resource("", "pods")
CRDS: Final = Resource("apiextensions.k8s.io", "customresourcedefinitions")


class Strategies:
    """Prepares objects of special kinds; with ``service_accounts`` each pod has one, that must exist."""

    def __init__(
        self, storage: Storage, making: Making, addresses: ServiceAddresses, *, service_accounts: bool
    ) -> None:
        self._storage = storage
        self._making = making
        self._service_accounts = service_accounts
        self._addresses = addresses

    def new(self, resource: Resource, value: Object) -> Object:
        """Prepare a new object before it is validated."""
        if resource == CRDS:
            return with_names(value)
        if resource != PODS:
            return value
        return admit_pod(self._storage, value, self._making.suffix() if self._service_accounts else "")

    def changed(self, resource: Resource, new: Object, old: Object) -> Object:
        """Prepare a changed object before it is validated."""
        if resource == CRDS:
            return with_names(new)
        # Only the subresource finalize changes what a namespace waits for.
        return {**new, "spec": old.get("spec", {})} if resource == NAMESPACES else new

    def causes(self, resource: Resource, value: Object) -> tuple[Cause, ...]:
        """Judge what no admission judges."""
        return tuple(validate_crd(value)) if resource == CRDS else ()

    def complete(self, resource: Resource, value: Object) -> Object:
        """Give a valid object what the store hands out."""
        return self._addresses.complete(value) if resource == SERVICES else value
