"""SPDY/3.1 as the server of one connection speaks it: bytes in, events out; events in, bytes out.

No maintained library speaks it, and kubectl before 1.31 speaks nothing else for exec, attach and port-forward. It
does no I/O and knows nothing of what the streams carry. Flow control is left out as in every Kubernetes client:
they send no WINDOW_UPDATE and wait for none. Source: the SPDY protocol drafts 3 and 3.1, sections 2.2 and 2.6.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from enum import IntEnum

import msgspec

from podfence.lab.apiserver.spdy_dictionary import DICTIONARY

MOST_HEADER_BYTES = 64 * 1024
"""Of one header block once it is inflated; a few short headers are usual."""
MOST_STREAMS = 1024
"""Open at once in one connection; each forwarded TCP connection takes two."""

_CONTROL = 1 << 31
_VERSION = 3
_FIN = 0x01
_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _HEADERS, _WINDOW_UPDATE = 1, 2, 3, 4, 6, 7, 8, 9
_STREAM_ID = 0x7FFFFFFF


class ResetStatus(IntEnum):
    """Why a stream is ended at once (draft 3, 2.6.3)."""

    PROTOCOL_ERROR = 1
    INVALID_STREAM = 2
    REFUSED_STREAM = 3
    CANCEL = 5


class SpdyError(Exception):
    """The peer does not speak SPDY/3; the connection cannot go on."""


class Opened(msgspec.Struct, frozen=True):
    """The client opened a stream, with these headers (names in lower case)."""

    stream: int
    headers: Mapping[str, str]
    fin: bool


class Received(msgspec.Struct, frozen=True):
    """Data came on a stream; ``fin`` says that nothing will follow."""

    stream: int
    data: bytes
    fin: bool


class Reset(msgspec.Struct, frozen=True):
    """The client gave a stream up."""

    stream: int


Event = Opened | Received | Reset


class SpdyConnection:
    """One connection, the server's side; ``take`` gives what is to be sent."""

    def __init__(self) -> None:
        self.goes_away = False
        self._incoming = bytearray()
        self._outgoing: list[bytes] = []
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._last_opened = 0
        self._readable: set[int] = set()
        self._writable: set[int] = set()

    def receive(self, data: bytes) -> list[Event]:
        """Read bytes from the client and give what they say; raises ``SpdyError``."""
        self._incoming += data
        events: list[Event] = []
        while len(self._incoming) >= 8:
            first, second = struct.unpack_from(">II", self._incoming)
            length = second & 0xFFFFFF
            if len(self._incoming) < 8 + length:
                break
            body = bytes(self._incoming[8 : 8 + length])
            del self._incoming[: 8 + length]
            event = self._control(first, second >> 24, body) if first & _CONTROL else self._data(first, second, body)
            if event is not None:
                events.append(event)
        return events

    def reply(self, stream: int) -> None:
        """Accept a stream that the client opened."""
        if stream in self._writable:
            block = self._deflate.compress(struct.pack(">I", 0)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
            self._put(_SYN_REPLY, struct.pack(">I", stream) + block)

    def send(self, stream: int, data: bytes, *, fin: bool = False) -> None:
        """Send data on a stream; does nothing once our side of the stream has ended."""
        if stream not in self._writable:
            return
        if fin:
            self._writable.discard(stream)
        self._outgoing.append(struct.pack(">II", stream, fin << 24 | len(data)) + data)

    def reset(self, stream: int, status: ResetStatus) -> None:
        """End both sides of a stream at once."""
        self._forget(stream)
        self._put(_RST_STREAM, struct.pack(">II", stream, status))

    def go_away(self, *, after_error: bool = False) -> None:
        """Say that no further stream will be accepted."""
        self._put(_GOAWAY, struct.pack(">II", self._last_opened, int(after_error)))

    def take(self) -> bytes:
        """Give what is to be sent, once."""
        outgoing, self._outgoing = b"".join(self._outgoing), []
        return outgoing

    def _put(self, kind: int, body: bytes) -> None:
        self._outgoing.append(struct.pack(">HHI", _CONTROL >> 16 | _VERSION, kind, len(body)) + body)

    def _forget(self, stream: int) -> None:
        self._readable.discard(stream)
        self._writable.discard(stream)

    def _data(self, stream: int, second: int, body: bytes) -> Event | None:
        if stream > self._last_opened or not stream & 1:
            raise SpdyError(f"data on stream {stream}, which was never opened")
        if stream not in self._readable:  # late data of a stream that we ended: the client could not know yet
            return None
        fin = bool(second >> 24 & _FIN)
        if fin:
            self._readable.discard(stream)
        return Received(stream, body, fin)

    def _control(self, first: int, flags: int, body: bytes) -> Event | None:
        version, kind = first >> 16 & 0x7FFF, first & 0xFFFF
        if version != _VERSION:
            raise SpdyError(f"version {version}, not {_VERSION}")
        if kind == _SYN_STREAM:
            return self._syn_stream(flags, body)
        if kind == _RST_STREAM:
            return self._rst_stream(body)
        if kind == _PING:
            self._ping(body)
        elif kind == _GOAWAY:
            self.goes_away = True
        elif kind == _HEADERS:  # unused by Kubernetes, but the one zlib stream must be kept in step
            self._headers(body[4:])
        elif kind == _SYN_REPLY:
            raise SpdyError("a reply to a stream that the server did not open")
        return None  # SETTINGS, WINDOW_UPDATE and whatever else: nothing that concerns us

    def _syn_stream(self, flags: int, body: bytes) -> Event | None:
        if len(body) < 10:
            raise SpdyError("SYN_STREAM is too short")
        stream = struct.unpack_from(">I", body)[0] & _STREAM_ID
        headers = self._headers(body[10:])
        if not stream & 1 or stream <= self._last_opened:
            raise SpdyError(f"stream {stream} after stream {self._last_opened}")
        self._last_opened = stream
        if len(self._readable | self._writable) >= MOST_STREAMS:
            self.reset(stream, ResetStatus.REFUSED_STREAM)
            return None
        fin = bool(flags & _FIN)
        self._writable.add(stream)
        if not fin:
            self._readable.add(stream)
        return Opened(stream, headers, fin)

    def _rst_stream(self, body: bytes) -> Event | None:
        if len(body) != 8:
            raise SpdyError("RST_STREAM is not 8 bytes long")
        stream = struct.unpack_from(">I", body)[0] & _STREAM_ID
        known = stream in self._readable or stream in self._writable
        self._forget(stream)
        return Reset(stream) if known else None

    def _ping(self, body: bytes) -> None:
        if len(body) != 4:
            raise SpdyError("PING is not 4 bytes long")
        if body[3] & 1:  # odd: the client's own; an even one would answer ours, and we send none
            self._put(_PING, body)

    def _headers(self, block: bytes) -> dict[str, str]:
        try:
            raw = self._inflate.decompress(block, MOST_HEADER_BYTES)
        except zlib.error as error:
            raise SpdyError(f"a header block cannot be inflated: {error}") from error
        if self._inflate.unconsumed_tail:
            raise SpdyError(f"a header block holds more than {MOST_HEADER_BYTES} bytes")
        return _name_value_block(raw)


def _name_value_block(raw: bytes) -> dict[str, str]:
    """Read pairs of texts, each with its length in 32 bits (draft 3, 2.6.10)."""
    try:
        (count,) = struct.unpack_from(">I", raw)
        texts: list[str] = []
        offset = 4
        while len(texts) < 2 * count:
            (length,) = struct.unpack_from(">I", raw, offset)
            offset += 4 + length
            if offset > len(raw):
                raise SpdyError("a header runs beyond its block")
            texts.append(raw[offset - length : offset].decode("latin-1"))
    except struct.error as error:
        raise SpdyError("a header block ends too early") from error
    return {name.lower(): value for name, value in zip(texts[::2], texts[1::2], strict=True)}
