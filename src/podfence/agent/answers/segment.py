"""A packet of UDP or TCP taken apart, and written anew between the ends that the pod knows of.

The bytes come from whoever answered. Reading them never raises.
"""

from __future__ import annotations

import struct

import msgspec

from podfence.dataplane.conntrack import Tuple
from podfence.flows.packet import TCP, UDP, parse_packet, upper_layer
from podfence.model.net import Family, family_of, from_line

_UDP_HEADER = struct.Struct("!HHHH")
_TCP_HEADER_BYTES = 20
_FIN_OR_RST, _SYN, _RST_AND_ACK = 0x05, 0x02, 0x14
_CHECKSUM_AT = {UDP: 6, TCP: 16}


class Segment(msgspec.Struct, frozen=True):
    """What one packet carries; ``ends`` are the addresses and ports it bore, and ``sequence`` is 0 for UDP.

    ``is_first`` tells that a stream begins behind it, ``is_last`` that nothing follows in it.
    """

    ends: Tuple
    header: bytes
    data: bytes
    sequence: int = 0
    is_first: bool = False
    is_last: bool = False


def read_segment(payload: bytes | memoryview) -> Segment | None:
    """Read a packet that starts with its IP header; ``None`` when it is no whole UDP or TCP."""
    packet, upper = parse_packet(payload), upper_layer(payload)
    if packet is None or upper is None or packet.source_port is None or packet.port is None:
        return None
    number, offset = upper
    ends = Tuple(packet.source, packet.destination, number, packet.source_port, packet.port)
    raw = bytes(payload[offset:])
    if number == UDP and len(raw) >= _UDP_HEADER.size:
        length = int.from_bytes(raw[4:6], "big")
        return Segment(ends, raw[: _UDP_HEADER.size], raw[_UDP_HEADER.size : max(length, _UDP_HEADER.size)])
    if number == TCP and len(raw) >= _TCP_HEADER_BYTES:
        return _tcp(ends, raw)
    return None


def _tcp(ends: Tuple, raw: bytes) -> Segment | None:
    header_bytes = (raw[12] >> 4) * 4
    if not _TCP_HEADER_BYTES <= header_bytes <= len(raw):
        return None
    sequence = int.from_bytes(raw[4:8], "big")
    return Segment(
        ends,
        raw[:header_bytes],
        raw[header_bytes:],
        sequence,
        is_first=bool(raw[13] & _SYN),
        is_last=bool(raw[13] & _FIN_OR_RST),
    )


def written(segment: Segment, asked: Tuple) -> bytes:
    """Write a segment as the answer to who opened the connection ``asked``: ports, data and checksum.

    What was captured bore the ports of behind the translation, and on the same machine no checksum yet.
    """
    number = segment.ends.protocol
    raw = bytearray(segment.header + segment.data)
    raw[0:4] = struct.pack("!HH", asked.destination_port, asked.source_port)
    at = _CHECKSUM_AT[number]
    raw[at : at + 2] = bytes(2)
    found = checksum(_pseudo_header(asked.destination, asked.source, number, len(raw)) + raw)
    if number == UDP and found == 0:
        found = 0xFFFF  # 0 would say that there is none (RFC 768)
    raw[at : at + 2] = found.to_bytes(2, "big")
    return bytes(raw)


def reset(segment: Segment) -> Segment:
    """Make the segment of TCP that ends the stream in the place of this one."""
    header = bytearray(segment.header[:_TCP_HEADER_BYTES])
    header[12:14] = bytes((_TCP_HEADER_BYTES // 4 << 4, _RST_AND_ACK))
    return msgspec.structs.replace(segment, header=bytes(header), data=b"", is_last=True)


def checksum(data: bytes | bytearray) -> int:
    """Compute the checksum of the internet (RFC 1071): a sum modulo 65,535, since 2**16 is 1 there."""
    whole = bytes(data) + bytes(len(data) % 2)
    total = int.from_bytes(whole, "big")
    rest = total % 0xFFFF
    return 0xFFFF - (rest or (0xFFFF if total else 0))


def _pseudo_header(source: int, destination: int, number: int, length: int) -> bytes:
    ends = from_line(source).packed + from_line(destination).packed
    if family_of(source) is Family.IPV4:
        return ends + struct.pack("!BBH", 0, number, length)
    return ends + struct.pack("!II", length, number)
