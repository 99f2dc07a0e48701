"""The port items of every policy API: plain value to model (facts: semantics 1.3, 2.3, 3.1, 3.2)."""

from __future__ import annotations

import re
from typing import Any

from podfence.manifests.convert.fields import (
    UnreadableField,
    known_fields,
    mapping,
    only_one,
    text,
    whole_number,
    wrong_type,
)
from podfence.model.net import MAX_PORT, MIN_PORT, Protocol
from podfence.model.policy import PortName, PortRange

_PROTOCOLS = {"TCP": Protocol.TCP, "UDP": Protocol.UDP, "SCTP": Protocol.SCTP}
_PORT_FIELDS = frozenset({"protocol", "port", "endPort"})
_PORT_NAME = re.compile(r"(?=[^a-z]*[a-z])(?!.*--)[a-z0-9](?:[-a-z0-9]{0,13}[a-z0-9])?\Z")

_ADMIN_CHOICES = ("portNumber", "portRange", "namedPort")
_CLUSTER_CHOICES = ("tcp", "udp", "sctp", "destinationNamedPort")


def read_protocol(value: object, path: str) -> Protocol:
    """Read ``protocol``; absent or ``null`` is TCP, the empty string is refused. Raises ``UnreadableField``."""
    if value is None:
        return Protocol.TCP
    protocol = _PROTOCOLS.get(value) if isinstance(value, str) else None
    if protocol is None:
        raise UnreadableField(path, f"{_quoted(value)} is not a protocol: TCP, UDP or SCTP")
    return protocol


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def network_policy_port(value: object, path: str) -> PortRange | PortName:
    """Read a port item of NetworkPolicy: ``{}`` and ``null`` are every TCP port. Raises ``UnreadableField``."""
    fields = mapping(value, path)
    known_fields(fields, _PORT_FIELDS, path)
    protocol = read_protocol(fields.get("protocol"), f"{path}.protocol")
    port, end_port = fields.get("port"), fields.get("endPort")
    if isinstance(port, str):
        return PortName(_port_name(port, end_port, path), protocol)
    if port is None:
        if end_port is not None:
            raise UnreadableField(f"{path}.endPort", "may not be specified when port is not")
        return PortRange(protocol, MIN_PORT, MAX_PORT)
    first = port_number(port, f"{path}.port")
    if end_port is None:
        return PortRange(protocol, first, first)
    last = port_number(end_port, f"{path}.endPort")
    if last < first:
        raise UnreadableField(f"{path}.endPort", "must be greater than or equal to port")
    return PortRange(protocol, first, last)


def _port_name(name: str, end_port: object, path: str) -> str:
    if end_port is not None:
        raise UnreadableField(f"{path}.endPort", "may not be specified when port is a name")
    if not _PORT_NAME.match(name):
        raise UnreadableField(f"{path}.port", f'"{name}" is not a valid port name')
    return name


def port_number(value: object, path: str) -> int:
    """Read a port number. Raises ``UnreadableField``."""
    number = whole_number(value, path)
    if not MIN_PORT <= number <= MAX_PORT:
        raise UnreadableField(path, f"{number} is not a port: {MIN_PORT} to {MAX_PORT}")
    return number


def admin_policy_port(value: object, path: str) -> PortRange | PortName:
    """Read a port item of the v1alpha1 kinds; a range whose start lies above its end is legal and empty (row C28).

    Raises ``UnreadableField``.
    """
    fields = _present(value, path)
    known_fields(fields, _ADMIN_CHOICES, path)
    choice = only_one(fields, _ADMIN_CHOICES, path)
    place = f"{path}.{choice}"
    if choice == "namedPort":
        return PortName(text(fields[choice], place), None)
    inner = mapping(fields[choice], place)
    numbers = ("port",) if choice == "portNumber" else ("start", "end")
    known_fields(inner, ("protocol", *numbers), place)
    protocol = read_protocol(inner.get("protocol"), f"{place}.protocol")
    if choice == "portNumber":
        number = port_number(inner.get("port"), f"{place}.port")
        return PortRange(protocol, number, number)
    return PortRange(protocol, *_ends(inner, place))


def cluster_policy_protocol(value: object, path: str) -> PortRange | PortName:
    """Read an item of ``protocols`` of the v1alpha2 kind, which names a port in every case (row C24).

    Raises ``UnreadableField``.
    """
    fields = _present(value, path)
    known_fields(fields, _CLUSTER_CHOICES, path)
    choice = only_one(fields, _CLUSTER_CHOICES, path)
    if choice == "destinationNamedPort":
        return PortName(text(fields[choice], f"{path}.{choice}"), None)
    return PortRange(_PROTOCOLS[choice.upper()], *_destination_port(fields[choice], f"{path}.{choice}"))


def _destination_port(value: object, path: str) -> tuple[int, int]:
    fields = mapping(value, path)
    known_fields(fields, {"destinationPort"}, path)
    path = f"{path}.destinationPort"
    port = _present(fields.get("destinationPort"), path)
    known_fields(port, {"number", "range"}, path)
    if only_one(port, ("number", "range"), path) == "number":
        number = port_number(port["number"], f"{path}.number")
        return number, number
    inner = mapping(port["range"], f"{path}.range")
    known_fields(inner, {"start", "end"}, f"{path}.range")
    first, last = _ends(inner, f"{path}.range")
    if first >= last:
        raise UnreadableField(f"{path}.range", "start must be less than end")
    return first, last


def _ends(fields: dict[str, Any], path: str) -> tuple[int, int]:
    return port_number(fields.get("start"), f"{path}.start"), port_number(fields.get("end"), f"{path}.end")


def _present(value: object, path: str) -> dict[str, Any]:
    if value is None:
        raise wrong_type(value, "a mapping", path)
    return mapping(value, path)
