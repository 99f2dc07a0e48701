"""Which pods stand behind a Service, at which ports, and in which state: what EndpointSlices and Endpoints say. Pure.

Sources: ``k8s.io/endpointslice`` (reconciler and utils), ``pkg/controller/endpoint``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

import msgspec

from podfence.lab.controllers.pods import is_ready, is_terminating
from podfence.lab.interface import Object

MOST_ENDPOINTS_PER_SLICE = 100


class Port(msgspec.Struct, frozen=True, order=True):
    """A port of endpoints; ``number`` is 0 where a headless Service has none."""

    name: str
    protocol: str
    number: int
    app_protocol: str = ""

    def written(self) -> Object:
        """Give the port as EndpointSlices and Endpoints write it."""
        port: Object = {"name": self.name, "protocol": self.protocol, "port": self.number}
        return port | ({"appProtocol": self.app_protocol} if self.app_protocol else {})


def is_backend(pod: Object) -> bool:
    """Tell whether a pod can be one at all: it has an address, and has not ended."""
    status = pod.get("status") or {}
    return bool(addresses(pod)) and status.get("phase") not in {"Succeeded", "Failed"}


def addresses(pod: Object) -> list[str]:
    """Give the addresses of a pod."""
    status = pod.get("status") or {}
    found = [one["ip"] for one in status.get("podIPs") or ()]
    return found or ([status["podIP"]] if status.get("podIP") else [])


def address_of_family(pod: Object, family: str) -> str | None:
    """Give the address of a pod in ``IPv4`` or ``IPv6``."""
    version = int(family[-1])
    return next((text for text in addresses(pod) if ipaddress.ip_address(text).version == version), None)


def ports_of(service: Object, pod: Object) -> tuple[Port, ...]:
    """Give the ports of a pod behind a Service; a named target port that the pod does not have is left out."""
    found = []
    for port in service["spec"].get("ports") or ():
        number = _target(port, pod)
        if number is not None:
            protocol = port.get("protocol", "TCP")
            found.append(Port(port.get("name", ""), protocol, number, port.get("appProtocol", "")))
    return tuple(sorted(found))


def endpoint(service: Object, pod: Object, address: str) -> Object:
    """Write a pod as one endpoint of a slice."""
    publishes_all = bool(service["spec"].get("publishNotReadyAddresses"))
    serving, terminating = is_ready(pod), is_terminating(pod)
    ready = publishes_all or (serving and not terminating)
    conditions = {"ready": ready, "serving": serving or publishes_all, "terminating": terminating}
    value: Object = {"addresses": [address], "conditions": conditions, "targetRef": reference(pod)}
    if pod["spec"].get("nodeName"):
        value["nodeName"] = pod["spec"]["nodeName"]
    if hostname := hostname_in(service, pod):
        value["hostname"] = hostname
    return value


def hostname_in(service: Object, pod: Object) -> str:
    """Give the host name that a pod has in a headless Service's domain: its own, when its subdomain is the Service."""
    spec = pod["spec"]
    return (
        str(spec["hostname"]) if spec.get("hostname") and spec.get("subdomain") == service["metadata"]["name"] else ""
    )


def subsets(service: Object, pods: Sequence[Object], family: str) -> list[Object]:
    """Write pods as the subsets of an Endpoints object: those with equal ports together, ready and not ready apart."""
    grouped: dict[tuple[Port, ...], tuple[list[Object], list[Object]]] = {}
    for pod in pods:
        address = address_of_family(pod, family)
        if address is None or is_terminating(pod):
            continue
        ready, unready = grouped.setdefault(ports_of(service, pod), ([], []))
        takes_traffic = is_ready(pod) or service["spec"].get("publishNotReadyAddresses")
        (ready if takes_traffic else unready).append(_endpoints_address(service, pod, address))
    written = []
    for ports, (ready, unready) in sorted(grouped.items()):
        if not ports and service["spec"].get("ports"):
            continue  # all ports are named, and the pod has none of them
        subset: Object = {"addresses": ready} if ready else {}
        subset |= {"notReadyAddresses": unready} if unready else {}
        written.append(subset | ({"ports": [port.written() for port in ports]} if ports else {}))
    return written


def chunks(endpoints: Sequence[Object]) -> Iterable[Sequence[Object]]:
    """Divide endpoints over slices."""
    for start in range(0, len(endpoints), MOST_ENDPOINTS_PER_SLICE):
        yield endpoints[start : start + MOST_ENDPOINTS_PER_SLICE]


def reference(pod: Object) -> Object:
    """Refer to a pod."""
    metadata = pod["metadata"]
    return {"kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"]}


def _endpoints_address(service: Object, pod: Object, address: str) -> Object:
    value: Object = {"ip": address, "targetRef": reference(pod)}
    if pod["spec"].get("nodeName"):
        value["nodeName"] = pod["spec"]["nodeName"]
    hostname = hostname_in(service, pod)
    return value | ({"hostname": hostname} if hostname else {})


def _target(port: Object, pod: Object) -> int | None:
    target = port.get("targetPort") or port["port"]
    if isinstance(target, int):
        return target
    spec, protocol = pod["spec"], port.get("protocol", "TCP")
    sidecars = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
    for container in (*spec["containers"], *sidecars):
        for declared in container.get("ports") or ():
            if declared.get("name") == target and declared.get("protocol", "TCP") == protocol:
                return int(declared["containerPort"])
    return None
