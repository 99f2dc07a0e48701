"""Where a proxied request goes: the address and port behind ``NAME``, ``NAME:PORT`` or ``SCHEME:NAME:PORT``.

Every refusal is the server's (k8s.io/kubernetes pkg/registry/core/{pod,service,node}, ResourceLocation). Nothing here
sends anything.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from podfence.lab.apiserver.registry import Registry
from podfence.lab.apiserver.resources import ApiResource
from podfence.lab.apiserver.status import StatusError, bad_request, not_found, service_unavailable
from podfence.lab.interface import Resource
from podfence.manifests.validation.cause import quoted

Object = dict[str, Any]

PODS: Final = Resource("", "pods")
ENDPOINTS: Final = Resource("", "endpoints")
_KUBELET_PORT: Final = 10250
_USUAL_PORTS: Final = {"": 80, "http": 80, "https": 443}


class Location(msgspec.Struct, frozen=True):
    """Where to connect; ``pod`` is the pod that has the address, if one has."""

    scheme: str
    address: str
    port: int
    pod: Object | None = None

    @property
    def authority(self) -> str:
        """Address and port as a URL writes them."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


def locate(registry: Registry, resource: ApiResource, namespace: str, given: str) -> Location:
    """Find where requests to a pod, a Service or a node go; raises 400, 404 or 503."""
    of_kind = {"Pod": _pod, "Service": _service, "Node": _node}[resource.kind]
    parts = _parts(given)
    if parts is None:
        raise bad_request(f"invalid {resource.kind.lower()} request {quoted(given)}")
    return of_kind(registry, resource, namespace, *parts)


def _parts(given: str) -> tuple[str, str, str] | None:
    """Take ``SCHEME:NAME:PORT`` apart; scheme and port are empty where they are not given."""
    match given.split(":"):
        case [name] if name:
            return "", name, ""
        case [name, port] if name:
            return "", name, port
        case [scheme, name, port] if name and scheme in _USUAL_PORTS:
            return scheme, name, port
    return None


def _pod(registry: Registry, resource: ApiResource, namespace: str, scheme: str, name: str, port: str) -> Location:
    pod = registry.find(resource, (namespace, name)).value
    address = (pod.get("status") or {}).get("podIP", "")
    if not _is_allowed(address):
        raise bad_request("address not allowed")
    return Location(scheme, address, _number(port or _first_port(pod), scheme), pod)


def _is_allowed(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not (found.is_loopback or found.is_link_local or found.is_multicast or found.is_unspecified)


def _first_port(pod: Object) -> str:
    ports = (one["ports"][0]["containerPort"] for one in pod["spec"]["containers"] if one.get("ports"))
    return str(next(ports, ""))


def _number(port: str, scheme: str) -> int:
    if not port:
        return _USUAL_PORTS[scheme]
    if port in _USUAL_PORTS:
        # Go's dialler knows the usual services by name.
        return _USUAL_PORTS[port]
    if port.isascii() and port.isdecimal() and int(port) < 1 << 16:
        return int(port)
    kind = "address " if port.isdecimal() else "lookup tcp/"
    what = f"{port}: invalid port" if port.isdecimal() else f"{port}: unknown port"
    raise unreachable(f"dial tcp: {kind}{what}")


def unreachable(why: str) -> StatusError:
    """Say that there was no answer."""
    return service_unavailable(f"error trying to reach service: {why}")


def _service(registry: Registry, resource: ApiResource, namespace: str, scheme: str, name: str, port: str) -> Location:
    service = registry.find(resource, (namespace, name)).value
    # What is asked for by its number is meant by the name that the Service gives it.
    port_name = _name_of_port(service, int(port)) if port.isdecimal() else port
    endpoints = registry.storage.get(ENDPOINTS, (namespace, name))
    if endpoints is None:
        raise not_found("", "services", name)
    subsets = endpoints.value.get("subsets") or ()
    found = [place for each in subsets for place in _backends(registry, namespace, each, port_name)]
    if not found:
        given = ":".join(part for part in (scheme, name, port) if part) if subsets else name
        raise service_unavailable(f"no endpoints available for service {quoted(given)}")
    pod, address, number = random.choice(found)  # noqa: S311 - a share of the load, no secret
    return Location(scheme, address, number, pod)


def _name_of_port(service: Object, number: int) -> str:
    for port in service["spec"].get("ports") or ():
        if port["port"] == number:
            return str(port.get("name", ""))
    name = service["metadata"]["name"]
    raise service_unavailable(f"no service port {number} found for service {quoted(name)}")


def _backends(registry: Registry, namespace: str, subset: Object, port_name: str) -> Iterator[tuple[Object, str, int]]:
    """Give the ready pods of a subset: nothing is sent to addresses that are no pod's."""
    numbers = [port["port"] for port in subset.get("ports") or () if port.get("name", "") == port_name]
    for address in subset.get("addresses") or () if numbers else ():
        target = address.get("targetRef") or {}
        entry = registry.storage.get(PODS, (namespace, target.get("name", "")))
        if target.get("kind") == "Pod" and entry is not None and address["ip"] in _addresses(entry.value):
            yield entry.value, address["ip"], numbers[0]


def _addresses(pod: Object) -> list[str]:
    return [one["ip"] for one in (pod.get("status") or {}).get("podIPs") or ()]


def _node(registry: Registry, resource: ApiResource, _: str, scheme: str, name: str, port: str) -> Location:
    node = registry.find(resource, ("", name)).value
    for each in (node.get("status") or {}).get("addresses") or ():
        if each.get("type") == "InternalIP":
            return Location(scheme or "https", each["address"], _number(port or str(_KUBELET_PORT), scheme))
    raise bad_request("no preferred addresses found; known addresses: []")
