"""What single resources need of the store when they are created or changed: pods and Services.

What belongs to a kind alone (defaults, status, generation, validation) is in its admission.
"""

from __future__ import annotations

from typing import Any, Final

from podfence.lab.apiserver.plugins import NAMESPACES, admit_pod
from podfence.lab.apiserver.service_addresses import SERVICES, ServiceAddresses
from podfence.lab.apiserver.storage import Storage
from podfence.lab.interface import Resource

Object = dict[str, Any]

PODS: Final = Resource("", "pods")


class Strategies:
    """Prepares objects of special kinds; with ``service_accounts`` each pod has one, that must exist."""

    def __init__(self, storage: Storage, addresses: ServiceAddresses, *, service_accounts: bool) -> None:
        self._storage = storage
        self._service_accounts = service_accounts
        self._addresses = addresses

    def new(self, resource: Resource, value: Object) -> Object:
        """Prepare a new object before it is validated."""
        if resource != PODS:
            return value
        return admit_pod(self._storage, value, service_accounts=self._service_accounts)

    def changed(self, resource: Resource, new: Object, old: Object) -> Object:
        """Prepare a changed object before it is validated."""
        # Only the subresource finalize changes what a namespace waits for.
        return {**new, "spec": old.get("spec", {})} if resource == NAMESPACES else new

    def complete(self, resource: Resource, value: Object) -> Object:
        """Give a valid object what the store hands out."""
        return self._addresses.complete(value) if resource == SERVICES else value
