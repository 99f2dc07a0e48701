"""Entries of a listing of connections, whatever bytes they are."""

from __future__ import annotations

import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from podfence.dataplane.conntrack import Tuple, connection
from podfence.dataplane.netlink import Message, attribute, nested, netfilter_header


def tuple_(type_: int, source: bytes, destination: bytes, ports: tuple[int, int]) -> bytes:
    first = 1 if len(source) == 4 else 3
    return nested(
        type_,
        nested(1, attribute(first, source), attribute(first + 1, destination)),
        nested(
            2,
            attribute(1, bytes([6])),
            attribute(2, struct.pack("!H", ports[0])),
            attribute(3, struct.pack("!H", ports[1])),
        ),
    )


def entry(*attributes: bytes) -> Message:
    return Message(0x100, 0, 1, memoryview(netfilter_header(socket.AF_INET) + b"".join(attributes)))


def test_an_entry_tells_both_directions_mark_and_what_deletes_it() -> None:
    original = tuple_(1, bytes([10, 0, 0, 1]), bytes([10, 96, 0, 1]), (40_000, 80))
    reply = tuple_(2, bytes([10, 0, 0, 9]), bytes([10, 0, 0, 1]), (8080, 40_000))
    identity = attribute(12, struct.pack("!I", 77))
    found = connection(entry(original, reply, attribute(8, struct.pack("!I", 0x10000)), identity))
    assert found is not None
    assert found.original == Tuple(0x0A000001, 0x0A600001, 6, 40_000, 80)
    assert found.reply == Tuple(0x0A000009, 0x0A000001, 6, 8080, 40_000)
    assert (found.mark, found.family) == (0x10000, socket.AF_INET)
    assert found.key == original + identity


def test_an_entry_without_an_address_is_none() -> None:
    assert connection(entry()) is None
    assert connection(entry(tuple_(1, bytes(4), bytes(4), (1, 2)))) is None
    assert connection(entry(tuple_(1, bytes(3), bytes(4), (1, 2)), tuple_(2, bytes(4), bytes(4), (1, 2)))) is None


@given(st.lists(st.tuples(st.integers(0, 30), st.binary(max_size=60)), max_size=6), st.binary(max_size=6))
def test_hostile_bytes_never_raise(parts: list[tuple[int, bytes]], rest: bytes) -> None:
    connection(entry(*(attribute(type_, body) for type_, body in parts), rest))
    connection(Message(0x100, 0, 1, memoryview(rest)))
