"""Services and EndpointSlices: wire to model."""

from __future__ import annotations

from collections.abc import Iterable

from podfence.manifests import wire
from podfence.manifests.convert.fields import FieldProblem, FieldProblems, note_missing
from podfence.manifests.convert.pods import read_addresses
from podfence.manifests.convert.sharing import Shared
from podfence.model.net import MAX_PORT, MIN_PORT, Protocol
from podfence.model.objects import EndpointSlice, Service, ServicePort

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
"""The label by which an EndpointSlice belongs to a Service."""

_PROTOCOLS = {None: Protocol.TCP, "TCP": Protocol.TCP, "UDP": Protocol.UDP, "SCTP": Protocol.SCTP}
_HEADLESS = "None"


def service(read: wire.Service, namespace: str, name: str, shared: Shared, problems: FieldProblems) -> Service:
    """Convert a Service; its addresses are every one that it answers on, cluster, external and load balancer."""
    spec = read.spec or wire.ServiceSpec()
    return Service(
        namespace=namespace,
        name=name,
        selector=shared.labels(spec.selector) or None,
        ports=_ports(spec.ports or (), problems),
        addresses=_service_addresses(spec, read.status, problems),
        type=spec.type or "ClusterIP",
        external_traffic_policy=spec.external_traffic_policy or "Cluster",
        headless=spec.cluster_ip == _HEADLESS,
    )


def _ports(ports: Iterable[wire.ServicePort | None], problems: FieldProblems) -> tuple[ServicePort, ...]:
    found: list[ServicePort] = []
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        if port is None or not _is_port(port.port, f"{path}.port", problems) or port.port is None:
            continue
        protocol = _protocol(port.protocol, f"{path}.protocol", problems)
        target = port.target_port or port.port
        if isinstance(target, int) and not _is_port(target, f"{path}.targetPort", problems):
            continue
        if protocol is not None:
            found.append(ServicePort(port.name or "", protocol, port.port, target))
    return tuple(found)


def _is_port(number: int | None, path: str, problems: FieldProblems) -> bool:
    if number is None:
        note_missing(path, "a port number", problems)
        return False
    if MIN_PORT <= number <= MAX_PORT:
        return True
    problems.append(FieldProblem(path, f"{number} is not a port: {MIN_PORT} to {MAX_PORT}"))
    return False


def _protocol(text: str | None, path: str, problems: FieldProblems) -> Protocol | None:
    protocol = _PROTOCOLS.get(text)
    if protocol is None:
        problems.append(FieldProblem(path, f'"{text}" is not a protocol: TCP, UDP or SCTP'))
    return protocol


def _service_addresses(
    spec: wire.ServiceSpec, status: wire.ServiceStatus | None, problems: FieldProblems
) -> tuple[int, ...]:
    balancer = (status.load_balancer if status is not None else None) or wire.LoadBalancerStatus()
    balanced = [item.ip for item in balancer.ingress or () if item is not None]
    groups: tuple[tuple[str, list[str | None]], ...] = (
        ("spec.clusterIPs", [spec.cluster_ip, *(spec.cluster_ips or ())]),
        ("spec.externalIPs", spec.external_ips or []),
        ("status.loadBalancer.ingress", balanced),
    )
    found: dict[int, None] = {}
    for path, texts in groups:
        known = (text for text in texts if text != _HEADLESS)
        found.update(dict.fromkeys(read_addresses(known, path, problems)))
    return tuple(found)


def endpoint_slice(read: wire.EndpointSlice, namespace: str, problems: FieldProblems) -> EndpointSlice | None:
    """Convert an EndpointSlice; ``None`` when it belongs to no Service or lists names instead of addresses."""
    labels = (read.metadata.labels if read.metadata is not None else None) or {}
    belongs_to = labels.get(SERVICE_NAME_LABEL)
    if not belongs_to or read.address_type == "FQDN":
        return None
    texts = [text for item in read.endpoints or () if item is not None for text in item.addresses or ()]
    return EndpointSlice(
        namespace=namespace,
        service=belongs_to,
        addresses=read_addresses(texts, "endpoints", problems),
        ports=_endpoint_ports(read.ports or (), problems),
    )


def _endpoint_ports(ports: Iterable[wire.EndpointPort | None], problems: FieldProblems) -> tuple[ServicePort, ...]:
    """Read the ports of a slice; one without a number stands for every port and names none."""
    found: list[ServicePort] = []
    for index, port in enumerate(ports):
        if port is None or port.port is None or not _is_port(port.port, f"ports[{index}].port", problems):
            continue
        protocol = _protocol(port.protocol, f"ports[{index}].protocol", problems)
        if protocol is not None:
            found.append(ServicePort(port.name or "", protocol, port.port, port.port))
    return tuple(found)
