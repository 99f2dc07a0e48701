"""DNS messages out of TCP: each follows its length, and may be spread over several segments (RFC 7766).

Only what comes in order, from the start of the connection on, is put together. What follows a gap cannot be
understood: a pod could have had anything written to where a message seems to begin.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from podfence.agent.answers.segment import Segment
from podfence.dataplane.conntrack import Tuple

MOST_STREAMS = 256
MOST_BUFFERED_BYTES = 256 << 10
"""Of one who asks: whoever has too many loses its own."""
_SEQUENCE = 1 << 32
_LENGTH_BYTES = 2


class UnknownStreamError(Exception):
    """Nobody can tell where in this stream a message begins."""


class _Stream(msgspec.Struct):
    next_sequence: int
    buffer: bytearray


class _Asker(msgspec.Struct):
    """The streams of one who asks, the longest unused first."""

    streams: OrderedDict[Tuple, _Stream]
    buffered_bytes: int = 0

    def take(self, ends: Tuple) -> _Stream | None:
        """Take a stream out."""
        stream = self.streams.pop(ends, None)
        if stream is not None:
            self.buffered_bytes -= len(stream.buffer)
        return stream

    def put(self, ends: Tuple, stream: _Stream) -> None:
        """Put a stream in, and let go of others where it is too much."""
        self.streams[ends] = stream
        self.buffered_bytes += len(stream.buffer)
        while len(self.streams) > MOST_STREAMS or self.buffered_bytes > MOST_BUFFERED_BYTES:
            self.take(next(iter(self.streams)))


class Streams:
    """The streams that are under way, by the address of who asks."""

    def __init__(self) -> None:
        self._askers: dict[int, _Asker] = {}

    def feed(self, segment: Segment) -> list[bytes]:
        """Take a segment in, and give the messages that it completes.

        Raises ``UnknownStreamError`` for data of a stream whose start was not seen, or behind a gap.
        """
        address = segment.ends.destination
        asker = self._askers.setdefault(address, _Asker(OrderedDict()))
        try:
            return _fed(asker, segment)
        finally:
            if not asker.streams:
                del self._askers[address]

    def forget(self, ends: Tuple) -> None:
        """Understand a stream no more; fine when it is none."""
        asker = self._askers.get(ends.destination)
        if asker is not None:
            asker.take(ends)


def _fed(asker: _Asker, segment: Segment) -> list[bytes]:
    stream = asker.take(segment.ends)
    if segment.is_first:
        stream = _Stream((segment.sequence + 1) % _SEQUENCE, bytearray())
    elif stream is not None:
        late = (stream.next_sequence - segment.sequence) % _SEQUENCE
        stream = None if late >= _SEQUENCE // 2 else _longer(stream, segment.data, late)
    if stream is None:
        if segment.data:
            raise UnknownStreamError
        return []
    found = _messages(stream.buffer)
    if not segment.is_last:
        asker.put(segment.ends, stream)
    return found


def _longer(stream: _Stream, data: bytes, late: int) -> _Stream:
    """Add what is new of some data of which the first ``late`` octets were there before."""
    stream.buffer += data[late:]
    stream.next_sequence = (stream.next_sequence + max(0, len(data) - late)) % _SEQUENCE
    return stream


def _messages(buffer: bytearray) -> list[bytes]:
    """Take the whole messages out of a buffer, which can never hold more than one that is not whole."""
    found = []
    while len(buffer) >= _LENGTH_BYTES:
        end = _LENGTH_BYTES + int.from_bytes(buffer[:_LENGTH_BYTES], "big")
        if len(buffer) < end:
            break
        found.append(bytes(buffer[_LENGTH_BYTES:end]))
        del buffer[:end]
    return found
