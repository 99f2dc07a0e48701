"""What a node must know of Services and EndpointSlices to translate addresses. Pure; one entry per port and family."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from podfence.lab.interface import Object

SERVICE_LABEL: Final = "kubernetes.io/service-name"
_DEFAULT_AFFINITY_S = 10_800
_PROTOCOLS = {"TCP", "UDP", "SCTP"}


class Endpoint(msgspec.Struct, frozen=True, order=True):
    """One address and port behind a Service."""

    address: str
    port: int
    node: str


class ServicePort(msgspec.Struct, frozen=True, order=True):
    """One port of a Service in one address family."""

    namespace: str
    name: str
    port_name: str
    family: int
    protocol: str
    port: int
    cluster_ip: str
    external_addresses: tuple[str, ...]
    """Load balancers' and ``externalIPs``."""
    node_port: int
    internal_is_local: bool
    external_is_local: bool
    affinity_s: int
    """How long a client stays with its endpoint; 0 for not at all."""
    endpoints: tuple[Endpoint, ...]

    @property
    def title(self) -> str:
        """The name for people: ``shop/web:http``."""
        return f"{self.namespace}/{self.name}" + (f":{self.port_name}" if self.port_name else "")


def service_ports(services: Iterable[Object], slices: Iterable[Object]) -> list[ServicePort]:
    """Give all ports that have to be translated; headless and ExternalName Services have none."""
    behind: defaultdict[tuple[str, str], list[Object]] = defaultdict(list)
    for one in slices:
        name = (one["metadata"].get("labels") or {}).get(SERVICE_LABEL)
        if name:
            behind[one["metadata"]["namespace"], name].append(one)
    found: list[ServicePort] = []
    for service in services:
        metadata = service["metadata"]
        found += _ports(service, behind[metadata["namespace"], metadata["name"]])
    return sorted(found)


def _ports(service: Object, slices: Sequence[Object]) -> Iterator[ServicePort]:
    spec, metadata = service["spec"], service["metadata"]
    if spec.get("type") == "ExternalName" or spec.get("clusterIP") in {None, "", "None"}:
        return
    affinity_s = 0
    if spec.get("sessionAffinity") == "ClientIP":
        config = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
        affinity_s = config.get("timeoutSeconds") or _DEFAULT_AFFINITY_S
    for cluster_ip in spec.get("clusterIPs") or [spec["clusterIP"]]:
        family = ipaddress.ip_address(cluster_ip).version
        for port in spec.get("ports") or ():
            name, protocol = port.get("name") or "", port.get("protocol") or "TCP"
            if protocol in _PROTOCOLS:
                yield ServicePort(
                    metadata["namespace"],
                    metadata["name"],
                    name,
                    family,
                    protocol,
                    port["port"],
                    str(ipaddress.ip_address(cluster_ip)),
                    _external(service, family),
                    port.get("nodePort") or 0,
                    spec.get("internalTrafficPolicy") == "Local",
                    spec.get("externalTrafficPolicy") == "Local",
                    affinity_s,
                    _endpoints(slices, family, name, protocol),
                )


def _external(service: Object, family: int) -> tuple[str, ...]:
    status = (service.get("status") or {}).get("loadBalancer") or {}
    balancers = [one["ip"] for one in status.get("ingress") or () if one.get("ip")]
    found = {ipaddress.ip_address(text) for text in [*balancers, *(service["spec"].get("externalIPs") or ())]}
    return tuple(str(one) for one in sorted(found, key=int) if one.version == family)


def _endpoints(slices: Sequence[Object], family: int, name: str, protocol: str) -> tuple[Endpoint, ...]:
    """Give what is ready; when nothing is, what still serves while it terminates (``pkg/proxy/topology.go``)."""
    ready, serving = set[Endpoint](), set[Endpoint]()
    for one in slices:
        numbers = [each["port"] for each in one.get("ports") or () if _is(each, name, protocol) and each.get("port")]
        if one["addressType"] != f"IPv{family}" or not numbers:
            continue
        for endpoint in one.get("endpoints") or ():
            conditions: Mapping[str, bool | None] = endpoint.get("conditions") or {}
            found = Endpoint(
                str(ipaddress.ip_address(endpoint["addresses"][0])), numbers[0], endpoint.get("nodeName") or ""
            )
            if conditions.get("ready") in {True, None}:
                ready.add(found)
            elif conditions.get("serving") and conditions.get("terminating"):
                serving.add(found)
    return tuple(sorted(ready or serving))


def _is(port: Object, name: str, protocol: str) -> bool:
    return (port.get("name") or "", port.get("protocol") or "TCP") == (name, protocol)
