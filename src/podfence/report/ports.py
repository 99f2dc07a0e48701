"""Ports as every format writes them: maximal ranges of one protocol, or all traffic there is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from podfence.model.net import MAX_PORT, MIN_PORT, Protocol
from podfence.model.policy import PortRange

ALL = "all"
"""How every format says: every port of every protocol, ICMP included."""


def ports_json(ports: Sequence[PortRange] | None) -> list[dict[str, Any]] | str:
    """Write ports as JSON has them; ``None`` is all traffic (design: a port range)."""
    return ALL if ports is None else [port_json(port) for port in ports]


def port_json(port: PortRange) -> dict[str, Any]:
    """Write one range; ``endPort`` is left out for one port, both for protocols without ports."""
    found: dict[str, Any] = {"protocol": port.protocol.value}
    if port.protocol is not Protocol.OTHER:
        found["port"] = port.first
        if port.last != port.first:
            found["endPort"] = port.last
    return found


def ports_list(ports: Sequence[PortRange] | None) -> str:
    """Write ports for a table that a program may read: ``TCP 80-90; UDP 53``, or ``all``."""
    return ALL if ports is None else "; ".join(map(_listed, ports))


def ports_text(ports: Sequence[PortRange] | None) -> str:
    """Write ports for people: ``TCP 80, 443-450; UDP 53``, a whole protocol by its name alone.

    Every protocol but the three with ports is ``ICMP and others``.
    """
    if ports is None:
        return ALL
    by_protocol: dict[Protocol, list[PortRange]] = {}
    for port in ports:
        by_protocol.setdefault(port.protocol, []).append(port)
    return "; ".join(_of_protocol(protocol, found) for protocol, found in by_protocol.items())


def _listed(port: PortRange) -> str:
    if port.protocol is Protocol.OTHER:
        return Protocol.OTHER.value
    return f"{port.protocol.value} {_numbers(port)}"


def _of_protocol(protocol: Protocol, ports: Iterable[PortRange]) -> str:
    if protocol is Protocol.OTHER:
        return "ICMP and others"
    if any(port.first == MIN_PORT and port.last == MAX_PORT for port in ports):
        return f"all {protocol.value}"
    return f"{protocol.value} {', '.join(map(_numbers, ports))}"


def _numbers(port: PortRange) -> str:
    return str(port.first) if port.first == port.last else f"{port.first}-{port.last}"
