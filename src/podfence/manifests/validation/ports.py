"""Ports of NetworkPolicy: protocol, number or name, end of a range (facts: semantics 1.3; rows P01 to P24)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from podfence.manifests.validation.cause import Cause, invalid, not_supported
from podfence.manifests.validation.names import port_name_complaints

PROTOCOLS = ("TCP", "UDP", "SCTP")
MAX_PORT = 65535
_NOT_A_PORT = f"must be between 1 and {MAX_PORT}, inclusive"


def validate_port(port: Mapping[str, Any], field: str) -> Iterator[Cause]:
    """Judge one entry of ``ports``; number and end of range are reported together."""
    protocol = port.get("protocol")
    if protocol is not None and protocol not in PROTOCOLS:
        yield not_supported(f"{field}.protocol", protocol, PROTOCOLS, "protocol", named_type=True)
    number = port.get("port")
    end = port.get("endPort")
    if number is None:
        if end is not None:
            yield _end_port(field, end, "may not be specified when `port` is not specified")
    elif isinstance(number, str):
        if end is not None:
            yield _end_port(field, end, "may not be specified when `port` is non-numeric")
        for complaint in port_name_complaints(number):
            yield invalid(f"{field}.port", number, complaint, "port-name")
    else:
        yield from _numbers(field, number, end)


def _numbers(field: str, number: int, end: int | None) -> Iterator[Cause]:
    if not 1 <= number <= MAX_PORT:
        yield invalid(f"{field}.port", number, _NOT_A_PORT, "port-number")
    if end is None:
        return
    if end < number:
        # The server quotes the value of `port` here, not that of `endPort` (facts: semantics 1.10).
        yield _end_port(field, number, "must be greater than or equal to `port`")
    if not 1 <= end <= MAX_PORT:
        yield _end_port(field, end, _NOT_A_PORT)


def _end_port(field: str, value: int, detail: str) -> Cause:
    return invalid(f"{field}.endPort", value, detail, "end-port")
