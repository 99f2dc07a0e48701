"""Gives Services their cluster addresses and node ports, as the API server itself does when it stores them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Any, Final

from podfence.lab.apiserver.status import StatusError, invalid
from podfence.lab.apiserver.storage import Storage
from podfence.lab.interface import Resource
from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.cause import invalid as invalid_value

Object = dict[str, Any]

SERVICES: Final = Resource("", "services")
NODE_PORTS: Final = range(30000, 32768)
DEFAULT_CIDRS: Final = ("10.96.0.0/16", "fd00:10:96::/112")
_RESERVED: Final = 16
"""Addresses at the start of the range that are only given to those who ask for them (kube-dns, kubernetes)."""


class ServiceAddresses:
    """Hands out what no Service in the store has; the first CIDR's family is the default one."""

    def __init__(self, storage: Storage, cidrs: Sequence[str] = DEFAULT_CIDRS) -> None:
        self._storage = storage
        self._networks = {f"IPv{network.version}": network for network in map(ipaddress.ip_network, cidrs)}

    def for_new(self, service: Object) -> Object:
        """Give a new Service what it lacks."""
        spec = dict(service.get("spec") or {})
        if spec.get("type") != "ExternalName":
            _set_families(spec, tuple(self._networks))
            self._set_addresses(service, spec)
            self._set_node_ports(service, spec, ())
        return {**service, "spec": spec, "status": {"loadBalancer": {}}}

    def for_changed(self, new: Object, old: Object) -> Object:
        """Keep what a Service has, and give it what its new form needs besides."""
        spec, before = dict(new.get("spec") or {}), old.get("spec") or {}
        if spec.get("type") == "ExternalName":
            for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"):
                spec.pop(name, None)
            return {**new, "spec": spec}
        for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if not spec.get(name) and before.get(name):
                spec[name] = before[name]
        if spec.get("clusterIP") and spec["clusterIP"] != "None" and not spec.get("clusterIPs"):
            spec["clusterIPs"] = [spec["clusterIP"]]
        _set_families(spec, tuple(self._networks))
        self._set_addresses(new, spec)
        self._set_node_ports(new, spec, before.get("ports") or ())
        return {**new, "spec": spec}

    def _set_addresses(self, service: Object, spec: Object) -> None:
        given = list(spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else []))
        if given[:1] == ["None"]:
            spec |= {"clusterIP": "None", "clusterIPs": ["None"]}
            return
        used = set(self._used_addresses(service["metadata"]))
        for address in given:
            if address in used:
                raise _refused(
                    service,
                    "spec.clusterIPs",
                    given,
                    "failed to allocate IP " + address + ": provided IP is already allocated",
                )
        for family in spec["ipFamilies"][len(given) :]:
            given.append(self._free_address(family, used))
        spec |= {"clusterIP": given[0], "clusterIPs": given}

    def _used_addresses(self, metadata: Object) -> Iterator[str]:
        own = (metadata.get("namespace", ""), metadata.get("name", ""))
        for key, entry in self._storage.collection(SERVICES).entries.items():
            if key != own:
                yield from entry.value["spec"].get("clusterIPs") or ()

    def _free_address(self, family: str, used: set[str]) -> str:
        network = self._networks[family]
        for number in range(_RESERVED, network.num_addresses - 1):
            address = str(network[number])
            if address not in used:
                return address
        raise StatusError(
            500, "InternalError", "Internal error occurred: failed to allocate a serviceIP: range is full"
        )

    def _set_node_ports(self, service: Object, spec: Object, before: Sequence[Object]) -> None:
        kind = spec.get("type")
        wanted = kind == "NodePort" or (kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts", True))
        if not wanted:
            if kind == "ClusterIP" and before:
                earlier = {port.get("nodePort") for port in before}
                spec["ports"] = [
                    {name: entry for name, entry in port.items() if name != "nodePort" or entry not in earlier}
                    for port in spec.get("ports") or ()
                ]
            return
        kept = {(port.get("port"), port.get("protocol")): port["nodePort"] for port in before if port.get("nodePort")}
        used = set(self._used_node_ports(service["metadata"])) | set(kept.values())
        used |= {port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")}
        spec["ports"] = [_with_node_port(port, kept, used) for port in spec.get("ports") or ()]

    def _used_node_ports(self, metadata: Object) -> Iterator[int]:
        own = (metadata.get("namespace", ""), metadata.get("name", ""))
        for key, entry in self._storage.collection(SERVICES).entries.items():
            if key != own:
                yield from (port["nodePort"] for port in entry.value["spec"].get("ports") or () if port.get("nodePort"))


def _with_node_port(port: Object, kept: dict[tuple[Any, Any], int], used: set[int]) -> Object:
    if port.get("nodePort"):
        return port
    earlier = kept.pop((port.get("port"), port.get("protocol")), None)
    number = earlier or next(each for each in NODE_PORTS if each not in used)
    used.add(number)
    return {**port, "nodePort": number}


def _set_families(spec: Object, families: tuple[str, ...]) -> None:
    """Fill in the address families: one unless the Service asks for both."""
    addresses = [
        address for address in spec.get("clusterIPs") or [spec.get("clusterIP")] if address not in {None, "", "None"}
    ]
    named = list(spec.get("ipFamilies") or [f"IPv{ipaddress.ip_address(address).version}" for address in addresses])
    headless_without_selector = spec.get("clusterIP") == "None" and not spec.get("selector")
    policy = spec.get("ipFamilyPolicy") or ("RequireDualStack" if headless_without_selector else "SingleStack")
    if len(named) > 1 and not spec.get("ipFamilyPolicy"):
        policy = "RequireDualStack"
    count = 1 if policy == "SingleStack" else 2
    named += (family for family in families if family not in named)
    spec |= {"ipFamilies": named[:count], "ipFamilyPolicy": policy}


def _refused(service: Object, field: str, value: object, detail: str) -> StatusError:
    cause: Cause = invalid_value(field, value, detail, "address-taken")
    return invalid("", "Service", service["metadata"].get("name", ""), (cause,))
