"""Packets taken apart and written anew, held against packets that somebody else wrote."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.agent.answers import stream
from podfence.agent.answers.segment import checksum, read_segment, reset, written
from podfence.agent.answers.stream import Streams, UnknownStreamError
from podfence.dataplane.conntrack import Tuple
from podfence.model.net import parse_address

SYN = 0x12
FAMILIES = [("10.9.0.2", "10.9.0.1", "10.96.0.10"), ("fd09::2", "fd09::1", "fd09:96::a")]


def packet(source: str, destination: str, number: int, upper: bytes) -> bytes:
    ends = b"".join(_packed(text) for text in (source, destination))
    if ":" in source:
        return struct.pack("!IHBB", 6 << 28, len(upper), number, 64) + ends + upper
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(upper), 1, 0, 64, number, 0)
    return head + ends + upper


def _packed(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def udp(source_port: int, port: int, data: bytes) -> bytes:
    return struct.pack("!HHHH", source_port, port, 8 + len(data), 0x1234) + data


def tcp(source_port: int, port: int, data: bytes, sequence: int = 7, flags: int = 0x18) -> bytes:
    return struct.pack("!HHIIBBHHH", source_port, port, sequence, 9, 5 << 4, flags, 1000, 0, 0) + data


def folded(data: bytes) -> int:
    """Sum as RFC 1071 spells it out, word by word."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@given(st.binary(max_size=64))
def test_the_checksum_is_that_of_the_rfc(data: bytes) -> None:
    assert checksum(data) == 0xFFFF - folded(data)


@pytest.mark.parametrize(("real", "pod", "asked"), FAMILIES)
@pytest.mark.parametrize(("number", "write"), [(17, udp), (6, tcp)])
def test_an_answer_is_written_as_from_whom_the_pod_has_asked(
    real: str, pod: str, asked: str, number: int, write: Callable[[int, int, bytes], bytes]
) -> None:
    segment = read_segment(packet(real, pod, number, write(5353, 40_000, b"answer!")))
    assert segment is not None
    assert segment.data == b"answer!"
    assert segment.ends == Tuple(parse_address(real), parse_address(pod), number, 5353, 40_000)
    question = Tuple(parse_address(pod), parse_address(asked), number, 40_000, 53)
    again = written(segment, question)
    assert struct.unpack("!HH", again[:4]) == (53, 40_000)
    assert again.endswith(b"answer!")
    length = struct.pack("!I", len(again))
    assert folded(_packed(asked) + _packed(pod) + length + bytes((0, number)) + again) == 0xFFFF


def test_bytes_behind_the_datagram_are_no_part_of_it() -> None:
    whole = packet("10.9.0.2", "10.9.0.1", 17, udp(53, 4000, b"answer") + b"padding")
    segment = read_segment(whole)
    assert segment is not None
    assert segment.data == b"answer"


@pytest.mark.parametrize(
    "data",
    [b"", b"\x45", packet("10.9.0.2", "10.9.0.1", 17, b"\0\x35\0"), packet("1.1.1.1", "1.1.1.2", 1, b"ping" * 9)],
)
def test_what_is_no_whole_datagram_or_segment_is_none(data: bytes) -> None:
    assert read_segment(data) is None


@given(st.binary(max_size=120))
def test_any_bytes_are_a_segment_or_none(data: bytes) -> None:
    read_segment(data)
    read_segment(b"\x45" + data)
    read_segment(b"\x60" + data)


@given(st.lists(st.binary(max_size=30), max_size=5), st.data())
def test_messages_come_out_of_a_stream_however_it_is_cut(messages: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(struct.pack("!H", len(one)) + one for one in messages)
    sequence = data.draw(st.integers(0, 0xFFFFFFFF))
    streams, found, at = Streams(), [], 0
    first = read_segment(packet("10.9.0.2", "10.9.0.1", 6, tcp(53, 4000, b"", (sequence - 1) % (1 << 32), SYN)))
    assert first is not None
    assert streams.feed(first) == []
    while at < len(whole):
        back = data.draw(st.integers(0, min(at, 5)))
        end = data.draw(st.integers(at + 1, len(whole)))
        piece = whole[at - back : end] if at else whole[:end]
        start = (sequence + (at - back if at else 0)) % (1 << 32)
        segment = read_segment(packet("10.9.0.2", "10.9.0.1", 6, tcp(53, 4000, piece, start)))
        assert segment is not None
        found += streams.feed(segment)
        at = end
    assert found == messages


class Fed:
    """Streams that are fed the segments of one connection, or of others by their port."""

    def __init__(self) -> None:
        self.streams = Streams()

    def __call__(self, sequence: int, data: bytes = b"", flags: int = 0x18, port: int = 4000) -> list[bytes]:
        segment = read_segment(packet("10.9.0.2", "10.9.0.1", 6, tcp(53, port, data, sequence, flags)))
        assert segment is not None
        return self.streams.feed(segment)


def test_a_stream_with_a_gap_is_not_understood_any_more() -> None:
    feed = Fed()
    feed(99, flags=SYN)
    assert feed(100, b"\0\x04ab") == []
    for sequence in (106, 110):
        with pytest.raises(UnknownStreamError):
            feed(sequence, b"\0\x02cd")


def test_a_stream_whose_start_was_not_seen_is_not_understood() -> None:
    feed = Fed()
    assert feed(100) == []
    with pytest.raises(UnknownStreamError):
        feed(100, b"\0\x02ef")


@pytest.mark.parametrize(("limit", "value"), [("MOST_STREAMS", 8), ("MOST_BUFFERED_BYTES", 8)])
def test_a_stream_that_had_to_be_forgotten_is_not_taken_up_in_the_middle(
    limit: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, limit, value)
    feed = Fed()
    feed(99, flags=SYN)
    assert feed(100, b"\0\x04ab") == []
    for port in range(5000, 5008):
        feed(1, flags=SYN, port=port)
        feed(2, b"\0\x04", port=port)
    with pytest.raises(UnknownStreamError):
        feed(104, b"\0\x02ef")
    assert feed(4, b"wxyz", port=5007) == [b"wxyz"]


def test_a_stream_that_ends_is_forgotten_with_its_last_message_read() -> None:
    feed = Fed()
    feed(99, flags=SYN)
    assert feed(100, b"\0\x02ab", flags=0x19) == [b"ab"]
    with pytest.raises(UnknownStreamError):
        feed(105, b"\0\x02cd")


def test_a_reset_ends_the_stream_where_its_client_is() -> None:
    segment = read_segment(packet("10.9.0.2", "10.9.0.1", 6, tcp(53, 4000, b"data", 77)))
    assert segment is not None
    asked = Tuple(parse_address("10.9.0.1"), parse_address("10.96.0.10"), 6, 4000, 53)
    raw = written(reset(segment), asked)
    source, port, sequence, _, offset, flags = struct.unpack("!HHIIBB", raw[:14])
    assert (source, port, sequence, offset >> 4, flags, len(raw)) == (53, 4000, 77, 5, 0x14, 20)
