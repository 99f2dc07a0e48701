"""The streams of a container's own program, read once and given to its log and to all who are attached."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable

from podfence.lab.zygote_client import Program

_MOST_PENDING_BYTES = 1 << 20
_READ_BYTES = 65536

Write = Callable[[bytes, int], None]


class Outlet:
    """A descriptor that is written to as fast as its reader reads, and closed at the end."""

    def __init__(self, descriptor: int, changed: Callable[[], None]) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._pending = bytearray()
        self._is_ending = False
        self._changed = changed
        self._loop = asyncio.get_running_loop()

    @property
    def is_full(self) -> bool:
        """Whether the reader lags so far behind that the program should wait."""
        return len(self._pending) > _MOST_PENDING_BYTES

    def write(self, data: bytes) -> None:
        """Add data; it is written when there is room."""
        if self._descriptor >= 0 and data:
            is_first = not self._pending
            self._pending += data
            if is_first:
                self._flush()

    def end(self) -> None:
        """Close the descriptor once everything is written."""
        self._is_ending = True
        if not self._pending:
            self._close()

    def _flush(self) -> None:
        try:
            while self._pending:
                del self._pending[: os.write(self._descriptor, self._pending)]
        except BlockingIOError:
            self._loop.add_writer(self._descriptor, self._flush)
            return
        except OSError:
            self._pending.clear()
            self._is_ending = True
        self._loop.remove_writer(self._descriptor)
        if self._is_ending:
            self._close()
        self._changed()

    def _close(self) -> None:
        if self._descriptor >= 0:
            self._loop.remove_writer(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1


class Inlet:
    """A descriptor that is read until its end; reading can be paused."""

    def __init__(self, descriptor: int, take: Callable[[bytes], None], ended: Callable[[], None]) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._take = take
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self.resume()

    def pause(self) -> None:
        """Stop reading for now."""
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)

    def resume(self) -> None:
        """Read again."""
        if self._descriptor >= 0:
            self._loop.add_reader(self._descriptor, self._read)

    def close(self) -> None:
        """Stop reading for good, and say so."""
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
            self._ended()

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # EIO: the last program let go of the terminal
        if data:
            self._take(data)
        else:
            self.close()


class ContainerStreams:
    """Takes over the streams of a program: output goes to ``write`` and to whoever is attached."""

    def __init__(self, program: Program, write: Write, *, is_terminal: bool, stdin_once: bool) -> None:
        self.program = program
        self.is_terminal = is_terminal
        self._stdin_once = stdin_once
        self._write = write
        self._outlets: dict[int, list[Outlet]] = {1: [], 2: []}
        self._ended = asyncio.Event()
        self._stdin: Outlet | None = None
        if program.stdin is not None:
            # A terminal is read and written through one descriptor; each side closes its own.
            own = os.dup(program.stdin) if is_terminal else program.stdin
            self._stdin = Outlet(own, lambda: None)
        sources = [(1, program.stdout), (2, program.stderr)]
        self._inputs: list[Inlet] = []
        self._open = {stream for stream, descriptor in sources if descriptor is not None}
        self._inlets = [
            Inlet(descriptor, self._taker(stream), self._ender(stream))
            for stream, descriptor in sources
            if descriptor is not None
        ]
        # They are ours now: nobody else closes them.
        program.stdin = program.stdout = program.stderr = None

    async def drained(self, timeout_s: float) -> None:
        """Wait until the program's output is read to its end, but not for those who inherited it forever."""
        with contextlib.suppress(TimeoutError):
            # Not wait_for: that of Python 3.11 forgets a cancellation that comes together with the result.
            async with asyncio.timeout(timeout_s):
                await self._ended.wait()
        for inlet in (*self._inlets, *self._inputs):
            inlet.close()
        if self._stdin is not None:
            self._stdin.end()

    def attach(self, past: bytes, *, stdin: bool) -> Attachment:
        """Join the streams; ``past`` is written first, as output that came before."""
        attachment = Attachment(self)
        ours, theirs = socket.socketpair()
        if self.is_terminal:
            attachment.stdin = attachment.stdout = theirs.detach()
            descriptor = ours.detach()
            if self._open:
                self._add_input(os.dup(descriptor), stdin=stdin)
            self._add_outlet(1, descriptor, past)
            return attachment
        ours.close()
        theirs.close()
        attachment.stdout, out = os.pipe()
        attachment.stderr, err = os.pipe()
        self._add_outlet(1, out, past)
        self._add_outlet(2, err, b"")
        if stdin:
            source, attachment.stdin = os.pipe()
            self._add_input(source, stdin=True)
        return attachment

    def _add_outlet(self, stream: int, descriptor: int, past: bytes) -> None:
        outlet = Outlet(descriptor, self._resume)
        outlet.write(past)
        if stream in self._open:
            self._outlets[stream].append(outlet)
        else:
            outlet.end()

    def _add_input(self, descriptor: int, *, stdin: bool) -> None:
        def take(data: bytes) -> None:
            if stdin and self._stdin is not None:
                self._stdin.write(data)

        def end() -> None:
            if stdin and self._stdin is not None and self._stdin_once and not self.is_terminal:
                self._stdin.end()
                self._stdin = None

        self._inputs.append(Inlet(descriptor, take, end))

    def _taker(self, stream: int) -> Callable[[bytes], None]:
        def take(data: bytes) -> None:
            self._write(data, stream)
            for outlet in self._outlets[stream]:
                outlet.write(data)
            if any(outlet.is_full for outlet in self._outlets[stream]):
                for inlet in self._inlets:
                    inlet.pause()

        return take

    def _ender(self, stream: int) -> Callable[[], None]:
        def end() -> None:
            self._open.discard(stream)
            for outlet in self._outlets[stream]:
                outlet.end()
            if not self._open:
                self._ended.set()

        return end

    def _resume(self) -> None:
        if not any(outlet.is_full for outlets in self._outlets.values() for outlet in outlets):
            for inlet in self._inlets:
                inlet.resume()


class Attachment:
    """A ``Process`` for somebody who joined a container's program."""

    def __init__(self, streams: ContainerStreams) -> None:
        self._streams = streams
        self.stdin: int | None = None
        self.stdout: int | None = None
        self.stderr: int | None = None

    def resize(self, width: int, height: int) -> None:
        """Tell the container's terminal its size."""
        self._streams.program.resize(width, height)

    def signal(self, number: int) -> None:
        """Do nothing: who leaves an attached container does not end it."""

    async def wait(self) -> int:
        """Wait for the end of the container's program."""
        return await self._streams.program.wait()
