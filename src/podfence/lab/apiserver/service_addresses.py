"""Gives Services their cluster addresses and node ports, as the API server itself does when it stores them.

Which families a Service has, and what an update keeps, is decided before, in ``validation.service_strategy``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Any, Final

from podfence.lab.apiserver.status import StatusError, internal_error, invalid
from podfence.lab.apiserver.storage import Storage
from podfence.lab.interface import Resource
from podfence.manifests.validation.cause import invalid as invalid_value
from podfence.manifests.validation.service_strategy import needs_address

Object = dict[str, Any]

SERVICES: Final = Resource("", "services")
NODE_PORTS: Final = range(30000, 32768)
DEFAULT_CIDRS: Final = ("10.96.0.0/16", "fd00:10:96::/112")
_RESERVED: Final = 16
"""Addresses at the start of the range that are only given to those who ask for them (kube-dns, kubernetes)."""


def families_of(cidrs: Sequence[str]) -> tuple[str, ...]:
    """Name the families of ranges, the default one first."""
    return tuple(f"IPv{ipaddress.ip_network(cidr).version}" for cidr in cidrs)


class ServiceAddresses:
    """Hands out what no Service in the store has."""

    def __init__(self, storage: Storage, cidrs: Sequence[str] = DEFAULT_CIDRS) -> None:
        self._storage = storage
        self._networks = dict(zip(families_of(cidrs), map(ipaddress.ip_network, cidrs), strict=True))

    def complete(self, service: Object) -> Object:
        """Give a valid Service the addresses and ports that it lacks; raises ``StatusError`` 422 for taken ones."""
        spec = dict(service.get("spec") or {})
        if needs_address(spec):
            self._complete_addresses(service, spec)
            self._complete_ports(service, spec)
        return {**service, "spec": spec, "status": service.get("status") or {"loadBalancer": {}}}

    def _others(self, service: Object) -> Iterator[Object]:
        metadata = service["metadata"]
        own = (metadata.get("namespace", ""), metadata.get("name", ""))
        for key, entry in self._storage.collection(SERVICES).entries.items():
            if key != own:
                yield entry.value.get("spec") or {}

    def _complete_addresses(self, service: Object, spec: Object) -> None:
        given = list(spec.get("clusterIPs") or ())
        if given[:1] == ["None"]:
            return
        used = {address for other in self._others(service) for address in other.get("clusterIPs") or ()}
        for address in given:
            why = "provided IP is already allocated" if address in used else self._misfit(address)
            if why:
                raise _refused(service, "spec.clusterIPs", given, f"failed to allocate IP {address}: {why}")
        given += (self._free_address(family, used) for family in (spec.get("ipFamilies") or ())[len(given) :])
        spec |= {"clusterIP": given[0], "clusterIPs": given}

    def _misfit(self, address: str) -> str:
        network = self._networks[f"IPv{ipaddress.ip_address(address).version}"]
        inside = ipaddress.ip_address(address) in network
        return "" if inside else "the provided network does not match the current range"

    def _free_address(self, family: str, used: set[str]) -> str:
        network = self._networks[family]
        for number in range(_RESERVED, network.num_addresses - 1):
            address = str(network[number])
            if address not in used:
                return address
        raise internal_error("failed to allocate a serviceIP: range is full")

    def _complete_ports(self, service: Object, spec: Object) -> None:
        ports = spec.get("ports") or ()
        balanced = spec.get("type") == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts", True)
        used = {number for other in self._others(service) for number in _node_ports(other)}
        for index, port in enumerate(ports):
            if port.get("nodePort") in used:
                raise _refused(
                    service,
                    f"spec.ports[{index}].nodePort",
                    port["nodePort"],
                    "provided port is already allocated",
                )
        used |= set(_node_ports(spec))
        free = (number for number in NODE_PORTS if number not in used)
        if spec.get("type") == "NodePort" or balanced:
            spec["ports"] = [port if port.get("nodePort") else {**port, "nodePort": next(free)} for port in ports]
        if spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local":
            spec["healthCheckNodePort"] = spec.get("healthCheckNodePort") or next(free)


def _node_ports(spec: Object) -> Iterator[int]:
    yield from (port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort"))
    if spec.get("healthCheckNodePort"):
        yield spec["healthCheckNodePort"]


def _refused(service: Object, field: str, value: object, detail: str) -> StatusError:
    cause = invalid_value(field, value, detail, "address-taken")
    return invalid("", "Service", service["metadata"].get("name", ""), (cause,))
