"""What a container wrote, line by line with the time of each, bounded; readers may follow it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

_MOST_BYTES = 4 << 20
_LONGEST_LINE_BYTES = 16 << 10


class ContainerLog:
    """The output of one run of a container: stdout and stderr together, the oldest lines dropped beyond 4 MiB.

    A line keeps its newline; the last may have none. Longer lines than 16 KiB are cut into several, as container
    runtimes do.
    """

    def __init__(self) -> None:
        self._lines: deque[tuple[float, bytes]] = deque()
        self._first = 0
        self._bytes = 0
        self._partial: dict[int, bytes] = {}
        self._is_closed = False
        self._changed = asyncio.Event()

    def write(self, time_s: float, data: bytes, stream: int = 1) -> None:
        """Add output of a stream that was read at a time."""
        data = self._partial.pop(stream, b"") + data
        for line in _split_lines(data):
            while len(line) > _LONGEST_LINE_BYTES:
                self._append(time_s, line[:_LONGEST_LINE_BYTES])
                line = line[_LONGEST_LINE_BYTES:]  # noqa: PLW2901 - the rest of it is the line
            if line.endswith(b"\n"):
                self._append(time_s, line)
            else:
                self._partial[stream] = line
        self._changed.set()

    def close(self, time_s: float) -> None:
        """Note that no more will come."""
        for line in self._partial.values():
            self._append(time_s, line)
        self._partial.clear()
        self._is_closed = True
        self._changed.set()

    def text(self) -> bytes:
        """Give everything that is kept, partial lines included."""
        return b"".join(line for _, line in self._lines) + b"".join(self._partial.values())

    def last_bytes(self, count: int) -> bytes:
        """Give the end of it, for messages."""
        return self.text()[-count:]

    async def read(self, *, follow: bool) -> AsyncIterator[tuple[float, bytes]]:
        """Give the lines that are kept, then new ones as they come until the container has ended."""
        position = self._first
        while True:
            position = max(position, self._first)
            while position < self._first + len(self._lines):
                yield self._lines[position - self._first]
                position = max(position + 1, self._first)
            if self._is_closed or not follow:
                return
            self._changed = asyncio.Event() if self._changed.is_set() else self._changed
            await self._changed.wait()

    def _append(self, time_s: float, line: bytes) -> None:
        self._lines.append((time_s, line))
        self._bytes += len(line)
        while self._bytes > _MOST_BYTES:
            self._bytes -= len(self._lines.popleft()[1])
            self._first += 1


def _split_lines(data: bytes) -> list[bytes]:
    """Split at newlines only: a carriage return is part of its line."""
    pieces = data.split(b"\n")
    return [piece + b"\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])
