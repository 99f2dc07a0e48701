"""What Prometheus is told to scrape: by monitors and by annotations, and which pods do the scraping."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from podfence.lint.exposure import classes_of
from podfence.lint.inspection import Inspection, target_ports
from podfence.model.net import MAX_PORT, Protocol
from podfence.model.objects import Pod
from podfence.model.surroundings import Monitor

_IMAGES = ("prometheus/prometheus:", "prom/prometheus", "victoriametrics/vmagent", "grafana/alloy", "grafana/agent")
_LABELS = (("app.kubernetes.io/name", "prometheus"), ("app", "prometheus"), ("app", "prometheus-server"))


class Scrape(msgspec.Struct, frozen=True):
    """A port of some pods, and of their classes, that something called ``title`` wants to be scraped."""

    title: str
    port: int
    classes: tuple[int, ...]
    pods: tuple[Pod, ...]


def scrapers(inspection: Inspection) -> list[int]:
    """Give the classes of the pods that scrape, as far as the input shows them."""
    found: dict[int, None] = {}
    for number in range(inspection.frame.classes.total):
        members = inspection.members[number]
        if any(_scrapes(inspection, pod) for pod in members):
            found[number] = None
    return list(found)


def _scrapes(inspection: Inspection, pod: Pod) -> bool:
    if any(label in pod.labels for label in _LABELS):
        return True
    details = inspection.details(pod)
    images = details.images if details is not None else ()
    return any(part in image or image == part.rstrip(":") for image in images for part in _IMAGES)


def scrapes(inspection: Inspection) -> Iterator[Scrape]:
    """List what is to be scraped: each port once for each monitor or annotated workload."""
    for monitor in inspection.surroundings.monitors:
        title = f"{monitor.ref.kind} {monitor.ref}"
        found: dict[int, list[Pod]] = {}
        for pod, port in _wanted(inspection, monitor):
            found.setdefault(port, []).append(pod)
        for port, pods in found.items():
            classes = dict.fromkeys(number for pod in pods for number in classes_of(inspection, pod))
            yield Scrape(title, port, tuple(classes), tuple(pods))
    yield from _annotated(inspection)


def _wanted(inspection: Inspection, monitor: Monitor) -> Iterator[tuple[Pod, int]]:
    names = inspection.pods_in if monitor.namespaces is None else monitor.namespaces
    for name in names:
        yield from (
            _by_services(inspection, monitor, name) if monitor.of_services else _by_pods(inspection, monitor, name)
        )


def _by_services(inspection: Inspection, monitor: Monitor, namespace: str) -> Iterator[tuple[Pod, int]]:
    for service in inspection.services_with(namespace, monitor.selector):
        pods = [pod for pod in inspection.behind(service) if not pod.host_network]
        for port in service.ports:
            if port.name in monitor.ports or port.target in monitor.ports:
                for (protocol, number), listening in target_ports(port, pods).items():
                    if protocol is Protocol.TCP:
                        yield from ((pod, number) for pod in listening)


def _by_pods(inspection: Inspection, monitor: Monitor, namespace: str) -> Iterator[tuple[Pod, int]]:
    for pod in inspection.pods_with(namespace, monitor.selector):
        if pod.host_network:
            continue
        for port in monitor.ports:
            numbers = [named.number for named in pod.named_ports if named.name == port]
            yield from ((pod, number) for number in ([port] if isinstance(port, int) else numbers))


def _annotated(inspection: Inspection) -> Iterator[Scrape]:
    for key, details in inspection.surroundings.details.items():
        said = dict(details.annotations)
        port = said.get("prometheus.io/port", "")
        if said.get("prometheus.io/scrape") != "true" or not port.isdigit() or not 0 < int(port) <= MAX_PORT:
            continue
        classes = tuple(c for c in inspection.class_of.get(key, ()) if c < inspection.frame.classes.pods)
        if classes:
            pods = (pod for number in classes for pod in inspection.members[number])
            own = tuple(pod for pod in pods if (pod.namespace, *pod.workload) == key)
            yield Scrape("the annotation prometheus.io/scrape", int(port), classes, own)
