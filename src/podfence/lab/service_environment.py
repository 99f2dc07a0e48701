"""The variables by which a pod is told of Services: ``WEB_SERVICE_HOST`` and its like. Pure.

Rules: ``pkg/kubelet/envvars`` and ``getServiceEnvVarMap`` of the kubelet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from podfence.lab.interface import Object

API_SERVER: Final = ("default", "kubernetes")
"""Namespace and name of the one Service that every pod is told of."""


def services_for(pod: Object, services: Iterable[Object]) -> Iterator[Object]:
    """Give the Services that a pod is told of: the API server's, and those of its namespace unless it wants none."""
    namespace = pod["metadata"]["namespace"]
    links = pod["spec"].get("enableServiceLinks", True)
    for service in services:
        metadata = service["metadata"]
        is_api_server = (metadata["namespace"], metadata["name"]) == API_SERVER
        if is_api_server or (links and metadata["namespace"] == namespace):
            yield service


def service_environment(services: Iterable[Object]) -> dict[str, str]:
    """Write the variables; Services without an address or without ports have none."""
    found: dict[str, str] = {}
    for service in services:
        address = service["spec"].get("clusterIP")
        ports = service["spec"].get("ports") or ()
        if address and address != "None" and ports:
            found |= _of_service(_name(service["metadata"]["name"]), address, ports)
    return found


def _of_service(name: str, address: str, ports: Iterable[Object]) -> dict[str, str]:
    found: dict[str, str] = {f"{name}_SERVICE_HOST": address}
    for port in ports:
        number, protocol = str(port["port"]), port.get("protocol") or "TCP"
        host = f"[{address}]" if ":" in address else address
        url = f"{protocol.lower()}://{host}:{number}"
        # The first port is the one that has no name of its own.
        found.setdefault(f"{name}_SERVICE_PORT", number)
        found.setdefault(f"{name}_PORT", url)
        if port.get("name"):
            found[f"{name}_SERVICE_PORT_{_name(port['name'])}"] = number
        own = f"{name}_PORT_{number}_{protocol}"
        found |= {own: url, f"{own}_PROTO": protocol.lower(), f"{own}_PORT": number, f"{own}_ADDR": address}
    return found


def _name(text: str) -> str:
    name = re.sub(r"[.-]", "_", text).upper()
    return f"_{name}" if name[:1].isdecimal() else name
