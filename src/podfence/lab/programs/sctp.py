"""SCTP packets (RFC 9260), as much of them as an association needs that carries one message each way. Pure.

Many kernels have no SCTP sockets, but their connection tracking and nftables know the protocol. So the lab's
programs shake hands on raw sockets, and SCTP policies meet real packets everywhere.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

PROTOCOL = 132
DATA, INIT, INIT_ACK, SACK, ABORT, SHUTDOWN, SHUTDOWN_ACK, COOKIE_ECHO, COOKIE_ACK, SHUTDOWN_COMPLETE = (
    0, 1, 2, 3, 6, 7, 8, 10, 11, 14,
)  # fmt: skip
TAG_REFLECTED = 1
"""Flag of an ABORT or SHUTDOWN COMPLETE that carries the receiver's own tag back (section 8.4)."""

_STATE_COOKIE = 7
_WINDOW_BYTES = 65536
_WHOLE_MESSAGE = 3
_HEADER_BYTES = 12


def _table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """Compute the checksum of section 6.8 and appendix A."""
    value = 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 255] ^ value >> 8
    return value ^ 0xFFFFFFFF


class Chunk(NamedTuple):
    """One part of a packet; ``body`` without header and padding."""

    kind: int
    flags: int
    body: bytes


class Packet(NamedTuple):
    """A packet that arrived whole: ports, verification tag, chunks."""

    source_port: int
    port: int
    tag: int
    chunks: tuple[Chunk, ...]


def write_packet(source_port: int, port: int, tag: int, *chunks: bytes) -> bytes:
    """Write a packet; the checksum goes in with its lowest byte first, unlike everything else."""
    head = struct.pack("!HHI", source_port, port, tag)
    body = b"".join(chunks)
    return head + struct.pack("<I", crc32c(head + bytes(4) + body)) + body


def write_chunk(kind: int, body: bytes = b"", flags: int = 0) -> bytes:
    """Write a chunk, padded to four bytes."""
    return struct.pack("!BBH", kind, flags, 4 + len(body)) + body + bytes(-len(body) % 4)


def write_init(kind: int, tag: int, tsn: int, cookie: bytes | None = None) -> bytes:
    """Write an INIT or INIT ACK: one stream each way, and the state cookie of the latter."""
    body = struct.pack("!IIHHI", tag, _WINDOW_BYTES, 1, 1, tsn)
    if cookie is not None:
        body += struct.pack("!HH", _STATE_COOKIE, 4 + len(cookie)) + cookie + bytes(-len(cookie) % 4)
    return write_chunk(kind, body)


def write_data(tsn: int, payload: bytes) -> bytes:
    """Write a whole message on stream 0."""
    return write_chunk(DATA, struct.pack("!IHHI", tsn, 0, 0, 0) + payload, _WHOLE_MESSAGE)


def write_sack(tsn: int) -> bytes:
    """Acknowledge everything up to a transmission sequence number."""
    return write_chunk(SACK, struct.pack("!IIHH", tsn, _WINDOW_BYTES, 0, 0))


def write_shutdown(tsn: int) -> bytes:
    """Ask for an orderly end, acknowledging everything up to a number."""
    return write_chunk(SHUTDOWN, struct.pack("!I", tsn))


def read_packet(data: bytes) -> Packet | None:
    """Read a packet; ``None`` when it is cut off, malformed, or its checksum is wrong."""
    if len(data) < _HEADER_BYTES + 4:
        return None
    source_port, port, tag = struct.unpack_from("!HHI", data)
    if struct.unpack_from("<I", data, 8)[0] != crc32c(data[:8] + bytes(4) + data[12:]):
        return None
    chunks = []
    at = _HEADER_BYTES
    while at + 4 <= len(data):
        kind, flags, size = struct.unpack_from("!BBH", data, at)
        if size < 4 or at + size > len(data):
            return None
        chunks.append(Chunk(kind, flags, data[at + 4 : at + size]))
        at += size + -size % 4
    return Packet(source_port, port, tag, tuple(chunks))


class Init(NamedTuple):
    """What an INIT or INIT ACK says: the sender's tag, its first TSN, the cookie to echo."""

    tag: int
    tsn: int
    cookie: bytes | None


def read_init(body: bytes) -> Init | None:
    """Read the body of an INIT or INIT ACK; ``None`` when it is too short or has no tag."""
    if len(body) < 16:
        return None
    tag, tsn = struct.unpack_from("!I8xI", body)
    cookies = [value for kind, value in _parameters(body[16:]) if kind == _STATE_COOKIE]
    return Init(tag, tsn, cookies[0] if cookies else None) if tag else None


def read_data(body: bytes) -> tuple[int, bytes] | None:
    """Read the body of a DATA chunk: its TSN and payload."""
    return (struct.unpack_from("!I", body)[0], body[12:]) if len(body) >= 12 else None


def _parameters(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        kind, size = struct.unpack_from("!HH", data, at)
        if size < 4:
            return
        yield kind, data[at + 4 : at + size]
        at += size + -size % 4
