"""What a lab holds before anybody applies anything: cluster DNS, as other clusters have it."""

from __future__ import annotations

import contextlib
from typing import Final

from podfence.lab.address_plan import DNS_SERVICE_ADDRESSES
from podfence.lab.apiserver.status import StatusError
from podfence.lab.interface import Object, ObjectStore, Resource

OWN_LABEL: Final = "podfence.io/lab"
"""On what the lab itself has put there."""

_LABELS: Final = {"k8s-app": "kube-dns"}
_PORTS: Final = (("dns", 53, "UDP"), ("dns-tcp", 53, "TCP"))


def create_first_objects(store: ObjectStore) -> None:
    """Create cluster DNS where it is missing, as in a lab whose objects were kept."""
    for resource, value in ((Resource("", "services"), _service()), (Resource("apps", "deployments"), _deployment())):
        with contextlib.suppress(StatusError):
            store.create(resource, "kube-system", value)


def _metadata(name: str) -> Object:
    labels = {**_LABELS, "kubernetes.io/name": "CoreDNS", OWN_LABEL: "own"}
    return {"name": name, "namespace": "kube-system", "labels": labels}


def _service() -> Object:
    ports = [{"name": name, "port": port, "protocol": protocol, "targetPort": port} for name, port, protocol in _PORTS]
    spec = {
        "selector": _LABELS,
        "clusterIP": DNS_SERVICE_ADDRESSES[0],
        "clusterIPs": list(DNS_SERVICE_ADDRESSES),
        "ipFamilyPolicy": "PreferDualStack",
        "ports": ports,
    }
    metadata = _metadata("kube-dns")
    # What "kubectl cluster-info" lists.
    metadata["labels"]["kubernetes.io/cluster-service"] = "true"
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _deployment() -> Object:
    ports = [{"name": name, "containerPort": port, "protocol": protocol} for name, port, protocol in _PORTS]
    container = {"name": "coredns", "image": "registry.k8s.io/coredns/coredns:v1.12.1", "ports": ports}
    template = {
        "metadata": {"labels": {**_LABELS, OWN_LABEL: "own"}},
        "spec": {"containers": [container], "priorityClassName": "system-cluster-critical"},
    }
    spec = {"replicas": 1, "selector": {"matchLabels": _LABELS}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": _metadata("coredns"), "spec": spec}
