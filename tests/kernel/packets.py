"""Packets written by hand: what opens a connection, in four protocols and two families, with a number to know it by."""

from __future__ import annotations

import socket
import struct

from podfence.model.net import IPV6_ORIGIN, Family, Protocol, family_of

ICMP = {Family.IPV4: socket.IPPROTO_ICMP, Family.IPV6: socket.IPPROTO_ICMPV6}
SCTP = 132
NUMBERS = {
    family: {
        Protocol.TCP: socket.IPPROTO_TCP,
        Protocol.UDP: socket.IPPROTO_UDP,
        Protocol.SCTP: SCTP,
        Protocol.OTHER: ICMP[family],
    }
    for family in Family
}
SYN = 2
ECHO = {Family.IPV4: 8, Family.IPV6: 128}


def packet(source: int, destination: int, protocol: Protocol, source_port: int, port: int, number: int) -> bytes:
    """Write a whole packet: a SYN, a datagram, an INIT or an echo request."""
    family = family_of(source)
    carried = NUMBERS[family][protocol]
    body = _body(family, protocol, source_port, port, number)
    at = {Protocol.TCP: 16, Protocol.UDP: 6, Protocol.OTHER: 2}.get(protocol)
    if at is not None:
        pseudo = b"" if carried == socket.IPPROTO_ICMP else pseudo_header(source, destination, carried, len(body))
        body = body[:at] + struct.pack("!H", checksum(pseudo + body)) + body[at + 2 :]
    return header(source, destination, carried, body)


def header(source: int, destination: int, carried: int, body: bytes, *, fragment: int = 0, ident: int = 0) -> bytes:
    """Put an IP header before a body; ``fragment`` is IPv4's field of flags and offset."""
    if family_of(source) is Family.IPV6:
        return struct.pack("!IHBB", 6 << 28, len(body), carried, 64) + _packed(source) + _packed(destination) + body
    start = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), ident, fragment, 64, carried, 0)
    return start + _packed(source) + _packed(destination) + body


def _body(family: Family, protocol: Protocol, source_port: int, port: int, number: int) -> bytes:
    match protocol:
        case Protocol.TCP:
            return struct.pack("!HHIIBBHHH", source_port, port, number, 0, 5 << 4, SYN, 65535, 0, 0)
        case Protocol.UDP:
            return struct.pack("!HHHHI", source_port, port, 12, 0, number)
        case Protocol.SCTP:
            chunk = struct.pack("!BBHIIHHI", 1, 0, 20, number, 65535, 1, 1, 1)
            bare = struct.pack("!HHII", source_port, port, 0, 0) + chunk
            return bare[:8] + struct.pack("<I", crc32c(bare)) + bare[12:]
        case Protocol.OTHER:
            return struct.pack("!BBHHHI", ECHO[family], 0, 0, source_port, 1, number)


def probe_id(carried: int, body: bytes) -> int | None:
    """Find the number in what a raw socket has received behind the IP header; ``None`` when it is no probe."""
    if carried == socket.IPPROTO_TCP and body[13] == SYN:
        return int.from_bytes(body[4:8], "big")
    if carried == socket.IPPROTO_UDP:
        return int.from_bytes(body[8:12], "big")
    if carried == SCTP and body[12] == 1:
        return int.from_bytes(body[16:20], "big")
    if carried in ICMP.values() and body[0] in ECHO.values():
        return int.from_bytes(body[8:12], "big")
    return None


def _packed(address: int) -> bytes:
    return address.to_bytes(4, "big") if address < IPV6_ORIGIN else (address - IPV6_ORIGIN).to_bytes(16, "big")


def icmpv6(source: int, destination: int, body: bytes) -> bytes:
    """Write a whole packet of ICMPv6, its checksum put in."""
    carried = socket.IPPROTO_ICMPV6
    pseudo = pseudo_header(source, destination, carried, len(body))
    return header(source, destination, carried, body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:])


def pseudo_header(source: int, destination: int, carried: int, length: int) -> bytes:
    """Write what checksums cover besides the body."""
    if family_of(source) is Family.IPV6:
        return _packed(source) + _packed(destination) + struct.pack("!II", length, carried)
    return _packed(source) + _packed(destination) + struct.pack("!BBH", 0, carried, length)


def checksum(data: bytes) -> int:
    """Sum up as RFC 1071 says."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_CRC = _crc_table()


def crc32c(data: bytes) -> int:
    """Sum up as SCTP wants it (RFC 9260, appendix A)."""
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ _CRC[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF
