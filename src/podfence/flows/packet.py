"""The ends of a packet out of its first bytes: addresses, protocol and ports.

The bytes come from whoever sent the packet. Reading them never raises; what is not there is left out.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from podfence.model.net import IPV6_ORIGIN, Protocol

TCP, UDP, SCTP, ICMP, ICMPV6 = 6, 17, 132, 1, 58

PROTOCOLS: Final = {TCP: Protocol.TCP, UDP: Protocol.UDP, SCTP: Protocol.SCTP}

_FRAGMENT, _AUTHENTICATION = 44, 51
# Hop-by-hop, routing, destination options, mobility, HIP, shim6: RFC 8200 and the IANA registry of extension headers.
_EXTENSIONS = frozenset((0, 43, 60, 135, 139, 140))
# The kernel itself reads a bounded chain; nobody honest sends more.
_MOST_EXTENSIONS = 16
_MAPPED_PREFIX = 0xFFFF

_PORTS = struct.Struct("!HH")


class Packet(msgspec.Struct, frozen=True, gc=False):
    """Addresses are on the address line (``model.net``); ``number`` is IANA's of the protocol.

    Ports are ``None`` where the protocol has none, and where they were cut off or stand in another fragment.
    """

    source: int
    destination: int
    number: int
    source_port: int | None = None
    port: int | None = None

    @property
    def protocol(self) -> Protocol:
        """The protocol as policies tell them apart."""
        return PROTOCOLS.get(self.number, Protocol.OTHER)

    def reversed(self) -> Packet:
        """Give the packet that this one answers: both ends and both ports change places."""
        return Packet(self.destination, self.source, self.number, self.port, self.source_port)


def parse_packet(payload: bytes | memoryview) -> Packet | None:
    """Read a packet that starts with its IP header; ``None`` when it is neither IPv4 nor IPv6 or lacks an address."""
    upper = _upper(payload)
    if upper is None:
        return None
    if payload[0] >> 4 == 4:
        source, destination = (int.from_bytes(payload[at : at + 4], "big") for at in (12, 16))
    else:
        source, destination = (_ipv6_on_line(payload[at : at + 16]) for at in (8, 24))
    return _with_ports(payload, source, destination, *upper)


def upper_layer(payload: bytes | memoryview) -> tuple[int, int] | None:
    """Find the protocol above IP and where it starts; ``None`` where that is not in this packet."""
    upper = _upper(payload)
    if upper is None or upper[1] is None:
        return None
    return upper[0], upper[1]


def _upper(payload: bytes | memoryview) -> tuple[int, int | None] | None:
    """Find the protocol above IP, and where it starts if that is in this packet; ``None`` for what is no IP packet."""
    version = payload[0] >> 4 if payload else 0
    if version == 4 and len(payload) >= 20:
        header_bytes = (payload[0] & 0x0F) * 4
        is_later_fragment = bool(int.from_bytes(payload[6:8], "big") & 0x1FFF)
        return None if header_bytes < 20 else (payload[9], None if is_later_fragment else header_bytes)
    if version == 6 and len(payload) >= 40:
        return _behind_extensions(payload)
    return None


def _ipv6_on_line(octets: bytes | memoryview) -> int:
    address = int.from_bytes(octets, "big")
    if address >> 32 == _MAPPED_PREFIX:
        return address & 0xFFFFFFFF
    return IPV6_ORIGIN + address


def _behind_extensions(payload: bytes | memoryview) -> tuple[int, int | None]:
    """Walk the extension headers: the protocol behind them, and where it starts if that is in this packet."""
    number, offset = payload[6], 40
    for _ in range(_MOST_EXTENSIONS):
        if number not in _EXTENSIONS and number not in {_FRAGMENT, _AUTHENTICATION}:
            return number, offset
        if offset + 8 > len(payload):
            return number, None
        following, length = payload[offset], payload[offset + 1]
        if number == _FRAGMENT:
            if int.from_bytes(payload[offset + 2 : offset + 4], "big") & 0xFFF8:
                return following, None
            offset += 8
        else:
            offset += (length + 2) * 4 if number == _AUTHENTICATION else (length + 1) * 8
        number = following
    return number, None


def _with_ports(payload: bytes | memoryview, source: int, destination: int, number: int, offset: int | None) -> Packet:
    if offset is None or number not in PROTOCOLS or offset + 4 > len(payload):
        return Packet(source, destination, number)
    source_port, port = _PORTS.unpack_from(payload, offset)
    return Packet(source, destination, number, source_port, port)
