"""The Service ``default/kubernetes``, which stands for the API server itself; a real one keeps it, too."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Final

from podfence.lab.controllers.controller import Key, Keys, own_key
from podfence.lab.controllers.endpointslices import ENDPOINTS, SERVICE_LABEL, SERVICES, SLICES
from podfence.lab.interface import Object, ObjectStore, Resource

NAME: Final = "kubernetes"
NAMESPACE: Final = "default"
_LABELS = {"component": "apiserver", "provider": "kubernetes"}


class KubernetesServiceController:
    """Keeps the Service, its slice and its Endpoints; ``address`` and ``port`` are where the server is in the lab."""

    def __init__(self, store: ObjectStore, cluster_ip: str, address: str, port: int) -> None:
        self._store, self._cluster_ip, self._address, self._port = store, cluster_ip, address, port

    @property
    def watched(self) -> Mapping[Resource, Keys]:
        """Give what matters: the three objects, and that the namespace comes to be."""
        return {Resource("", "namespaces"): _first, SERVICES: own_key, ENDPOINTS: own_key, SLICES: own_key}

    def reconcile(self, key: Key) -> None:
        """Create what is missing of the three, and correct what differs."""
        if key != Key(NAMESPACE, NAME):
            return
        ports = [{"name": "https", "port": self._port, "protocol": "TCP"}]
        service: Object = {
            "clusterIP": self._cluster_ip,
            "clusterIPs": [self._cluster_ip],
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": self._port}],
        }
        if self._store.get(SERVICES, NAMESPACE, NAME) is None:
            self._store.create(SERVICES, NAMESPACE, _object("v1", "Service", _LABELS) | {"spec": service})
        skips = {"endpointslice.kubernetes.io/skip-mirror": "true"}
        subsets = [{"addresses": [{"ip": self._address}], "ports": ports}]
        self._keep(ENDPOINTS, _object("v1", "Endpoints", skips) | {"subsets": subsets})
        family = f"IPv{ipaddress.ip_address(self._address).version}"
        content = {"addressType": family, "ports": ports}
        content["endpoints"] = [{"addresses": [self._address], "conditions": {"ready": True}}]
        self._keep(SLICES, _object("discovery.k8s.io/v1", "EndpointSlice", {SERVICE_LABEL: NAME}) | content)

    def _keep(self, resource: Resource, wanted: Object) -> None:
        known = self._store.get(resource, NAMESPACE, NAME)
        if known is None:
            self._store.create(resource, NAMESPACE, wanted)
        elif any(known.get(name) != value for name, value in wanted.items() if name != "metadata"):
            self._store.update(resource, NAMESPACE, known | wanted | {"metadata": known["metadata"]})


def _object(version: str, kind: str, labels: Mapping[str, str]) -> Object:
    metadata = {"name": NAME, "namespace": NAMESPACE, "labels": dict(labels)}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


def _first(namespace: Object) -> Sequence[Key]:
    return (Key(NAMESPACE, NAME),) if namespace["metadata"]["name"] == NAMESPACE else ()
