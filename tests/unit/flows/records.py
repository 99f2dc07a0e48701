"""Records, packets and logged bytes for the tests of flows."""

from __future__ import annotations

import ipaddress
import struct
from datetime import UTC, datetime

import msgspec

from podfence.flows.nflog import Logged
from podfence.flows.record import (
    Carried,
    DecidedBy,
    Ended,
    FlowEnd,
    FlowPort,
    FlowRecord,
    FlowVerdict,
    Ref,
    Reference,
)  # fmt: skip
from podfence.model.net import Protocol
from podfence.model.policy import Direction
from podfence.model.verdict import DecidedIn

TIME = datetime(2026, 11, 26, 8, 14, 3, 112_000, UTC)


def reference(kind: str, namespace: str | None, name: str) -> Reference:
    return Reference(Ref(kind, namespace, name))


FRONTEND = FlowEnd(
    "10.0.1.5",
    pod=reference("Pod", "shop", "frontend-5c9d"),
    workload=reference("Deployment", "shop", "frontend"),
    node=reference("Node", None, "n1"),
)
PAYMENT = FlowEnd("10.0.2.7", pod=reference("Pod", "shop", "payment-7f44"), node=reference("Node", None, "n2"))

DENIED = FlowRecord(
    time=TIME,
    node="n1",
    verdict=FlowVerdict.DROP,
    direction=Direction.INGRESS,
    tier=DecidedIn.NETWORK_POLICY,
    decided_by=None,
    isolated_by=(reference("NetworkPolicy", "shop", "payment-isolate"),),
    note="",
    source=FRONTEND,
    destination=PAYMENT,
    port=FlowPort(Protocol.TCP, 50051),
    source_port=40000,
    count=1,
    verdict_id="D1",
)

ACCEPTED = msgspec.structs.replace(
    DENIED,
    verdict=FlowVerdict.ALLOW,
    decided_by=DecidedBy(Ref("NetworkPolicy", "shop", "payment"), "spec.ingress[0]"),
    isolated_by=(),
    verdict_id="A1",
)

ENDED = msgspec.structs.replace(
    ACCEPTED,
    direction=None,
    tier=DecidedIn.NOT_APPLICABLE,
    decided_by=None,
    verdict_id="",
    ended=Ended(Carried(10, 1234), Carried(1, 96_000), TIME, 2.5),
)


def ipv4(source: str, destination: str, number: int, upper: bytes = b"", options: bytes = b"") -> bytes:
    """Build an IPv4 packet; its checksum is left at zero."""
    head = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(upper), 0, 0, 64, number, 0)
    return head + _octets(source) + _octets(destination) + options + upper


def ipv6(source: str, destination: str, following: int, upper: bytes = b"") -> bytes:
    """Build an IPv6 packet; ``upper`` starts with the header that ``following`` announces."""
    return struct.pack("!IHBB", 6 << 28, len(upper), following, 64) + _octets(source) + _octets(destination) + upper


def ports(source: int, destination: int) -> bytes:
    """Build what TCP, UDP and SCTP start with, and some bytes behind."""
    return struct.pack("!HH", source, destination) + bytes(8)


def logged(prefix: str, packet: bytes, *, time_s: float | None = 1.5, is_reply: bool | None = None) -> Logged:
    return Logged(prefix, memoryview(packet), time_s, is_reply)


def _octets(address: str) -> bytes:
    return ipaddress.ip_address(address).packed
