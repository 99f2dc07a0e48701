"""SPDY/3.1 frames: what a client may send, and what nobody should."""

from __future__ import annotations

import contextlib
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.lab.apiserver.spdy import (
    MOST_HEADER_BYTES,
    MOST_STREAMS,
    Opened,
    Received,
    Reset,
    ResetStatus,
    SpdyConnection,
    SpdyError,
)
from podfence.lab.apiserver.spdy_dictionary import DICTIONARY


class Client:
    """The other side, written by hand from the draft."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)

    def block(self, *pairs: tuple[str, str]) -> bytes:
        raw = struct.pack(">I", len(pairs))
        for text in (text for pair in pairs for text in pair):
            raw += struct.pack(">I", len(text)) + text.encode()
        return self._deflate.compress(raw) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def syn_stream(self, stream: int, *pairs: tuple[str, str], flags: int = 0) -> bytes:
        return control(1, struct.pack(">IIH", stream, 0, 0) + self.block(*pairs), flags)

    def inflated(self, block: bytes) -> bytes:
        return self._inflate.decompress(block)


def control(kind: int, body: bytes, flags: int = 0, version: int = 3) -> bytes:
    return struct.pack(">HHI", 0x8000 | version, kind, flags << 24 | len(body)) + body


def data(stream: int, body: bytes, flags: int = 0) -> bytes:
    return struct.pack(">II", stream, flags << 24 | len(body)) + body


def opened(*streams: int) -> tuple[SpdyConnection, Client]:
    connection, client = SpdyConnection(), Client()
    for stream in streams:
        connection.receive(client.syn_stream(stream, ("streamtype", "stdin")))
        connection.reply(stream)
    return connection, client


def test_the_dictionary_is_that_of_the_draft() -> None:
    # Adler-32 of the dictionary stands in every SPDY/3 stream's first bytes (RFC 1950, DICTID).
    assert len(DICTIONARY) == 1423
    assert zlib.adler32(DICTIONARY) == 0xE3C6A7C2


def test_a_stream_is_opened_by_its_headers_in_lower_case_and_answered() -> None:
    connection, client = SpdyConnection(), Client()
    events = connection.receive(client.syn_stream(1, ("StreamType", "error"), ("port", "80")))
    assert events == [Opened(1, {"streamtype": "error", "port": "80"}, fin=False)]
    connection.reply(1)
    reply = connection.take()
    assert reply[:4] == b"\x80\x03\x00\x02"
    assert struct.unpack(">I", reply[8:12]) == (1,)
    assert client.inflated(reply[12:]) == bytes(4)


def test_headers_share_one_compression_over_the_connection() -> None:
    connection, client = SpdyConnection(), Client()
    for stream in (1, 3, 5):
        (event,) = connection.receive(client.syn_stream(stream, ("streamtype", f"s{stream}")))
        assert event == Opened(stream, {"streamtype": f"s{stream}"}, fin=False)


def test_a_headers_frame_keeps_the_compression_in_step() -> None:
    connection, client = opened(1)
    assert connection.receive(control(8, struct.pack(">I", 1) + client.block(("x", "y")))) == []
    assert connection.receive(client.syn_stream(3, ("a", "b"))) == [Opened(3, {"a": "b"}, fin=False)]


def test_frames_may_come_in_any_pieces() -> None:
    connection, client = SpdyConnection(), Client()
    stream = client.syn_stream(1, ("streamtype", "stdin")) + data(1, b"hello") + data(1, b"", flags=1)
    events = [event for at in range(len(stream)) for event in connection.receive(stream[at : at + 1])]
    assert events == [
        Opened(1, {"streamtype": "stdin"}, fin=False),
        Received(1, b"hello", fin=False),
        Received(1, b"", fin=True),
    ]


def test_data_after_its_end_is_nobody_s() -> None:
    connection, _ = opened(1)
    connection.receive(data(1, b"", flags=1))
    assert connection.receive(data(1, b"late")) == []


def test_our_side_of_a_stream_ends_once() -> None:
    connection, _ = opened(1)
    connection.take()
    connection.send(1, b"x", fin=True)
    connection.send(1, b"late")
    assert connection.take() == data(1, b"x", flags=1)


def test_a_stream_that_the_client_gives_up_is_told_once_and_never_written_again() -> None:
    connection, _ = opened(1)
    connection.take()
    reset = control(3, struct.pack(">II", 1, ResetStatus.CANCEL))
    assert connection.receive(reset) == [Reset(1)]
    assert connection.receive(reset) == []
    connection.send(1, b"x")
    assert connection.take() == b""


def test_a_ping_of_the_client_is_answered_alike_and_one_of_ours_is_not() -> None:
    connection, _ = opened()
    ping = control(6, struct.pack(">I", 7))
    connection.receive(ping + control(6, struct.pack(">I", 8)))
    assert connection.take() == ping


def test_settings_windows_and_unknown_frames_are_passed_over() -> None:
    connection, _ = opened(1)
    frames = control(4, struct.pack(">I", 0)) + control(9, struct.pack(">II", 1, 65536)) + control(77, b"xyz")
    assert connection.receive(frames) == []
    assert connection.receive(data(1, b"on")) == [Received(1, b"on", fin=False)]


def test_the_client_s_farewell_is_noticed() -> None:
    connection, _ = opened()
    connection.receive(control(7, struct.pack(">II", 0, 0)))
    assert connection.goes_away


def test_more_streams_than_anybody_needs_are_refused() -> None:
    connection, client = SpdyConnection(), Client()
    for number in range(MOST_STREAMS + 1):
        events = connection.receive(client.syn_stream(2 * number + 1, ("streamtype", "data")))
    assert events == []
    assert connection.take().endswith(control(3, struct.pack(">II", 2 * MOST_STREAMS + 1, 3)))


BOMB = Client().block(("x", "y" * (MOST_HEADER_BYTES + 1)))


@pytest.mark.parametrize(
    "frames",
    [
        control(1, b"short"),
        control(1, struct.pack(">IIH", 1, 0, 0) + b"no zlib"),
        control(1, struct.pack(">IIH", 1, 0, 0) + BOMB),
        control(2, struct.pack(">I", 1)),
        control(3, b"1234567"),
        control(6, b"12345"),
        control(1, b"", version=2),
        data(1, b"never opened"),
        data(0, b"nobody's"),
        Client().syn_stream(2, ("even", "is the server's")),
    ],
    ids=["short", "no-zlib", "bomb", "reply", "short-reset", "long-ping", "version", "unopened", "zero", "even"],
)
def test_what_is_not_spdy_ends_the_connection(frames: bytes) -> None:
    with pytest.raises(SpdyError):
        SpdyConnection().receive(frames)


def test_a_stream_cannot_be_opened_twice() -> None:
    connection, client = opened(3)
    with pytest.raises(SpdyError):
        connection.receive(client.syn_stream(3, ("streamtype", "stdin")))


def test_header_texts_cannot_run_beyond_their_block() -> None:
    deflate = zlib.compressobj(zdict=DICTIONARY)
    block = deflate.compress(struct.pack(">II", 1, 1 << 30) + b"x") + deflate.flush(zlib.Z_SYNC_FLUSH)
    with pytest.raises(SpdyError):
        SpdyConnection().receive(control(1, struct.pack(">IIH", 1, 0, 0) + block))


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_bytes_of_any_kind_are_read_or_refused(pieces: list[bytes]) -> None:
    connection = SpdyConnection()
    with contextlib.suppress(SpdyError):
        for piece in pieces:
            connection.receive(piece)


KINDS = st.integers(0, 12)


@given(st.lists(st.tuples(KINDS, st.integers(0, 255), st.binary(max_size=40), st.booleans()), max_size=12))
def test_frames_of_any_content_are_read_or_refused(frames: list[tuple[int, int, bytes, bool]]) -> None:
    connection, client = opened(1, 3)
    with contextlib.suppress(SpdyError):
        for kind, flags, body, is_data in frames:
            if is_data:
                connection.receive(data(kind, body, flags))
            elif kind == 1:
                connection.receive(client.syn_stream(len(body), ("x", body.hex()), flags=flags))
            else:
                connection.receive(control(kind, body, flags))
        connection.take()
