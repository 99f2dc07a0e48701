"""DNS messages out of TCP: each follows its length, and may be spread over several segments (RFC 7766).

Only what comes in order, from the start of the connection on, is put together. What follows a gap is not understood any
more, and opens nothing: a pod could have had anything written to where a message seems to begin.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from podfence.agent.answers.segment import Segment
from podfence.dataplane.conntrack import Tuple

MOST_STREAMS = 256
_SEQUENCE = 1 << 32
_LENGTH_BYTES = 2


class _Stream(msgspec.Struct):
    next_sequence: int
    buffer: bytearray


class Streams:
    """The streams that are under way, the longest unused of too many forgotten."""

    def __init__(self) -> None:
        self._streams: OrderedDict[Tuple, _Stream] = OrderedDict()

    def feed(self, segment: Segment) -> list[bytes]:
        """Take a segment in, and give the messages that it completes."""
        stream = self._streams.pop(segment.ends, None)
        if segment.is_first:
            stream = _Stream((segment.sequence + 1) % _SEQUENCE, bytearray())
        elif stream is not None:
            late = (stream.next_sequence - segment.sequence) % _SEQUENCE
            if late >= _SEQUENCE // 2:
                return []  # a gap
            stream.buffer += segment.data[late:]
            stream.next_sequence = (stream.next_sequence + max(0, len(segment.data) - late)) % _SEQUENCE
        if stream is None:
            return []
        if not segment.is_last:
            self._streams[segment.ends] = stream
            if len(self._streams) > MOST_STREAMS:
                self._streams.popitem(last=False)
        return _messages(stream.buffer)


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
