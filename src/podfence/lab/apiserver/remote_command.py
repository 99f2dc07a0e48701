"""A program in a pod with its streams at a client: what exec and attach have in common after the upgrade.

The client learns the end by a Status on the error stream (v4 and later). A client that goes away hangs up: what it
started gets SIGHUP, what it had only joined goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from podfence.lab.apiserver.channels import Channel, Channels, Input
from podfence.lab.apiserver.descriptors import prepare, read_some, write_all
from podfence.lab.interface import Process

OPENING_TIMEOUT_S = 30.0
"""For the client's streams to be there; the kubelet's own ``--streaming-connection-idle`` start-up limit."""

FIRST_SIZE_TIMEOUT_S = 0.2
"""For the terminal's first size: a quick program would see 0 by 0 otherwise. kubectl sends it at once, others never."""

CLOSING_TIMEOUT_S = 5.0
"""For the client to read what is under way and to close."""


class Wanted(msgspec.Struct, frozen=True):
    """What a client asked for in its query."""

    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool

    def channels(self) -> set[Channel]:
        """Give the streams that a SPDY client will open; a terminal has no stderr of its own, but a size."""
        asked = {Channel.STDIN: self.stdin, Channel.STDOUT: self.stdout, Channel.RESIZE: self.tty}
        asked[Channel.STDERR] = self.stderr and not self.tty
        return {Channel.ERROR} | {channel for channel, is_asked in asked.items() if is_asked}


class RemoteCommand:
    """One run: ``start`` gives the program, ``is_ours`` says whether it ends with the client."""

    def __init__(
        self, channels: Channels, wanted: Wanted, start: Callable[[], Awaitable[Process]], *, is_ours: bool
    ) -> None:
        self._channels, self._wanted, self._start, self._is_ours = channels, wanted, start, is_ours
        self._sized = asyncio.Event()
        self._size: tuple[int, int] | None = None
        self._started = asyncio.Event()
        self._process: Process | None = None
        self._is_starting = False
        self._has_ended = False
        self._open: set[int] = set()

    async def run(self) -> None:
        """Run until the program has ended or the client has gone."""
        try:
            if not await asyncio.wait_for(self._channels.open(self._wanted.channels()), OPENING_TIMEOUT_S):
                return
        except TimeoutError:
            return
        listening = asyncio.create_task(self._listen())
        serving = asyncio.create_task(self._serve())
        try:
            await asyncio.wait({listening, serving}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done() and serving.exception() is None:
                await asyncio.wait({listening}, timeout=CLOSING_TIMEOUT_S)
        finally:
            await self._leave(listening, serving)

    async def _leave(self, *tasks: asyncio.Task[None]) -> None:
        """Leave nothing behind: no task, no descriptor, and no program that was ours; raises what was a bug."""
        if self._is_starting:  # a program that is just being started must not be left alone
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._started.wait(), CLOSING_TIMEOUT_S)
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        if self._is_ours and self._process is not None and not self._has_ended:
            self._process.signal(signal.SIGHUP)
            self._close_all()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), CLOSING_TIMEOUT_S)
        self._close_all()
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, OSError):
                raise result

    async def _serve(self) -> None:
        if self._wanted.tty:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._sized.wait(), FIRST_SIZE_TIMEOUT_S)
        self._is_starting = True
        try:
            process = self._process = await self._start()
        except (OSError, LookupError) as error:
            await self._channels.end(_failure(f"Internal error occurred: {_words(error)}", "InternalError", 500))
            return
        finally:
            self._is_starting = False
            self._started.set()  # what the client sends is read from now on, and dropped where nothing runs
        self._open = prepare((process.stdin, process.stdout, process.stderr))
        if self._size is not None:
            process.resize(*self._size)
        await asyncio.gather(
            self._pump(process.stdout, Channel.STDOUT if self._wanted.stdout else None),
            self._pump(process.stderr, Channel.STDERR if self._wanted.stderr else None),
        )
        code = await process.wait()
        self._has_ended = True
        await self._channels.end(_ended(code if self._is_ours else 0))

    async def _pump(self, descriptor: int | None, channel: Channel | None) -> None:
        if descriptor is None:
            return
        while data := await read_some(descriptor):
            if channel is not None:
                await self._channels.send(channel, data)

    async def _listen(self) -> None:
        async for one in self._channels.inputs():
            if one.channel is Channel.RESIZE:
                self._resize(one.data)
            elif one.channel is Channel.STDIN and self._wanted.stdin:
                await self._started.wait()
                await self._feed(one)

    async def _feed(self, one: Input) -> None:
        stdin = self._process.stdin if self._process is not None else None
        if stdin is None or stdin not in self._open:
            return
        try:
            await write_all(stdin, one.data)
        except OSError:  # the program reads no more: what it would have read is lost, as in a pipe
            self._close(stdin)
        # A terminal is not hung up by the end of a client's input, even if the client itself has none.
        is_terminal = self._process is not None and stdin == self._process.stdout
        if one.is_end and not is_terminal:
            self._close(stdin)

    def _resize(self, data: bytes) -> None:
        try:
            size = msgspec.json.decode(data, type=_Size)
        except msgspec.DecodeError:
            return
        self._size = size.width, size.height
        self._sized.set()
        if self._process is not None and self._wanted.tty:
            self._process.resize(*self._size)

    def _close(self, descriptor: int) -> None:
        if descriptor in self._open:
            self._open.discard(descriptor)
            os.close(descriptor)

    def _close_all(self) -> None:
        for descriptor in tuple(self._open):
            self._close(descriptor)


class _Size(msgspec.Struct, rename="pascal"):
    width: int = msgspec.field(name="Width")
    height: int = msgspec.field(name="Height")


def _words(error: OSError | LookupError) -> str:
    text = error.strerror or str(error) if isinstance(error, OSError) else str(error.args[0] if error.args else error)
    return f"error executing command in container: {text}"


def _ended(code: int) -> bytes:
    if code == 0:
        return json.dumps({"metadata": {}, "status": "Success"}).encode()
    cause = {"reason": "ExitCode", "message": str(code)}
    message = f"command terminated with non-zero exit code: exit status {code}"
    return _failure(message, "NonZeroExitCode", details={"causes": [cause]})


def _failure(message: str, reason: str, code: int = 0, details: dict[str, Any] | None = None) -> bytes:
    status: dict[str, Any] = {"metadata": {}, "status": "Failure", "message": message, "reason": reason}
    status |= {"details": details} if details else {}
    return json.dumps(status | ({"code": code} if code else {})).encode()
