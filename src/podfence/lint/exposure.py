"""Which pods serve requests from outside the cluster, on which port, and through what."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import msgspec

from podfence.lint.inspection import Inspection, target_ports
from podfence.model.net import Protocol
from podfence.model.objects import Pod, Service, ServicePort
from podfence.model.surroundings import Backend

_DIRECT = ("LoadBalancer", "NodePort")
_CONTROLLERS = (
    "ingress-nginx/controller",
    "nginx/nginx-ingress",
    "traefik",
    "haproxytech/kubernetes-ingress",
    "haproxy-ingress",
    "projectcontour/contour",
    "kong/kubernetes-ingress-controller",
    "envoyproxy/envoy",
)
"""Parts of the names of images that are ingress controllers or gateways."""


class Exposure(msgspec.Struct, frozen=True):
    """Pods, and their classes, that are asked from outside on one of their own ports.

    ``direct`` is a Service that takes requests from outside itself; ``controllers`` are the classes of the pods
    that pass requests on, where the input shows them.
    """

    title: str
    protocol: Protocol
    port: int
    classes: tuple[int, ...]
    pods: tuple[Pod, ...]
    direct: bool
    controllers: tuple[int, ...] = ()

    @property
    def clients(self) -> str:
        """Say who asks."""
        return "anybody from outside" if self.direct else "the ingress controller" if self.controllers else "anybody"

    @property
    def felt(self) -> str:
        """Say what people will see."""
        return (
            "requests from outside time out, while those from the pod's own node may work."
            if self.direct
            else "the ingress controller answers 502, 503 or 504."
        )


def exposures(inspection: Inspection) -> Iterator[Exposure]:
    """List what is exposed, each port of a Service once."""
    for service in inspection.snapshot.services:
        if service.type in _DIRECT:
            for port in service.ports:
                title = f"Service {service.namespace}/{service.name} ({service.type})"
                yield from _exposed(inspection, title, service, port, direct=True)
    services = {(service.namespace, service.name): service for service in inspection.snapshot.services}
    controllers = tuple(_controllers(inspection)) if inspection.surroundings.backends else ()
    seen: set[tuple[str, str, object, object]] = set()
    for backend in inspection.surroundings.backends:
        behind = services.get((backend.namespace, backend.service))
        key = (backend.namespace, backend.service, backend.port, backend.ref.identity)
        if behind is None or key in seen:
            continue
        seen.add(key)
        for port in _wanted(behind, backend):
            title = f"{backend.ref.kind} {backend.ref}"
            yield from _exposed(inspection, title, behind, port, direct=False, controllers=controllers)


def _wanted(service: Service, backend: Backend) -> Iterator[ServicePort]:
    for port in service.ports:
        if backend.port in (None, port.port, port.name):
            yield port


def _exposed(
    inspection: Inspection,
    title: str,
    service: Service,
    port: ServicePort,
    *,
    direct: bool,
    controllers: tuple[int, ...] = (),
) -> Iterator[Exposure]:
    pods = [pod for pod in inspection.behind(service) if not pod.host_network]
    for (protocol, number), listening in target_ports(port, pods).items():
        classes = tuple(dict.fromkeys(c for pod in listening for c in classes_of(inspection, pod)))
        yield Exposure(title, protocol, number, classes, tuple(listening), direct, controllers)


def classes_of(inspection: Inspection, pod: Pod) -> list[int]:
    """Give the classes of the pods of a pod's workload that are governed by policies."""
    found = inspection.class_of.get((pod.namespace, *pod.workload), [])
    return [number for number in found if number < inspection.frame.classes.pods]


def of_classes(inspection: Inspection, pods: Iterable[Pod], numbers: Collection[int]) -> list[Pod]:
    """List those of some pods that are in some classes, each once: a class may hold others that no policy tells apart.

    They come in the order of the snapshot.
    """
    known = {(pod.namespace, pod.name, pod.workload): pod for pod in pods}
    kept = [pod for pod in known.values() if not set(numbers).isdisjoint(classes_of(inspection, pod))]
    return sorted(kept, key=lambda pod: (pod.namespace, pod.name))


def _controllers(inspection: Inspection) -> Iterator[int]:
    for key, details in inspection.surroundings.details.items():
        if any(part in image for image in details.images for part in _CONTROLLERS):
            yield from inspection.class_of.get(key, ())
