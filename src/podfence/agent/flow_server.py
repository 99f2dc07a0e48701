"""Serves flow records on a Unix socket as JSON lines, to any number of readers.

A reader that does not keep up loses records and is told how many; nobody waits for it. While at least one reader
follows accepted connections too, or ended ones, the agent is told so, since the kernel tells them only when asked.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import structlog
from msgspec import UNSET

from podfence.flows.json_lines import to_json_line
from podfence.flows.recent import Recent
from podfence.flows.record import FlowRecord, FlowsLost, FlowVerdict, LostBy
from podfence.flows.request import FlowRequest, parse_request
from podfence.model.error import PodfenceError

MODE = 0o660

_MOST_WAITING = 4096
_REQUEST_BYTES = 1024
_CHUNK_LINES = 256


class _Reader:
    """What one reader has still to be sent, as lines."""

    def __init__(self, request: FlowRequest) -> None:
        self.everything = request.everything
        self.ended = request.ended
        self.lost: dict[LostBy, int] = {}
        self._waiting: deque[bytes] = deque()
        self._filled = asyncio.Event()

    def wants(self, record: FlowRecord) -> bool:
        """Tell whether it was asked for."""
        if record.ended is not UNSET:
            return self.ended
        return self.everything or record.verdict is not FlowVerdict.ALLOW

    def put(self, line: bytes) -> None:
        """Queue a line, or count it as lost when too many wait."""
        if len(self._waiting) >= _MOST_WAITING:
            self.lose(1, "reader")
            return
        self._waiting.append(line)
        self._filled.set()

    def lose(self, count: int, by: LostBy) -> None:
        """Count records that will never be sent."""
        self.lost[by] = self.lost.get(by, 0) + count
        self._filled.set()

    async def take(self) -> bytes:
        """Wait for lines and give some of them; what was lost is told behind what was queued before."""
        await self._filled.wait()
        lines = [self._waiting.popleft() for _ in range(min(_CHUNK_LINES, len(self._waiting)))]
        if not self._waiting:
            lost, self.lost = self.lost, {}
            lines += [to_json_line(FlowsLost(count, by)) for by, count in lost.items()]
            self._filled.clear()
        return b"".join(lines)


class FlowServer:
    """The socket and its readers.

    ``on_interest`` hears whether anybody wants accepted connections, ``on_interest_in_ends`` whether ended ones.
    """

    def __init__(
        self,
        path: Path,
        recent: Recent,
        on_interest: Callable[[bool], None],
        on_interest_in_ends: Callable[[bool], None],
    ) -> None:
        self._path = path
        self._recent = recent
        self._accepted = _Interest(on_interest, "accepted connections are logged", "only drops are logged")
        self._ended = _Interest(
            on_interest_in_ends, "ends of connections are told", "ends of connections are no longer told"
        )
        self._readers: set[_Reader] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Open the socket; raises ``PodfenceError`` when another agent serves there or the place is not ours."""
        _make_folder(self._path.parent)
        await _remove_stale(self._path)
        try:
            self._server = await asyncio.start_unix_server(self._accept, str(self._path), limit=_REQUEST_BYTES)
            _open_to_group(self._path)
        except OSError as error:
            raise PodfenceError(f"{self._path}: cannot be served: {(error.strerror or str(error)).lower()}") from None

    async def stop(self) -> None:
        """Close the socket and let the readers go."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        _remove_socket(self._path)

    def publish(self, record: FlowRecord) -> None:
        """Keep a record and hand it to whoever follows."""
        self._recent.add(record)
        readers = [reader for reader in self._readers if reader.wants(record)]
        if readers:
            line = to_json_line(record)
            for reader in readers:
                reader.put(line)

    def tell_lost(self, count: int) -> None:
        """Tell whoever follows that the kernel had to throw away so many records."""
        for reader in self._readers:
            reader.lose(count, "kernel")

    def tell_lost_ends(self, count: int) -> None:
        """Tell whoever follows the ends of connections that the kernel had to throw away so many."""
        for reader in self._readers:
            if reader.ended:
                reader.lose(count, "kernel")

    def _accept(self, stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._attend(stream, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attend(self, stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(stream, writer)
        except (ConnectionError, asyncio.CancelledError, ValueError):
            # The reader has gone, the agent ends, or the request is longer than any request.
            pass
        finally:
            writer.close()

    async def _serve(self, stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = parse_request((await stream.readline()).decode("ascii", "replace"))
        reader = _Reader(request)
        if request.follow:
            self._join(reader)
        try:
            # Read at once after joining: nothing is sent twice, and nothing falls between.
            for records in _batches(self._recent.read(request)):
                writer.write(b"".join(map(to_json_line, records)))
                await writer.drain()
            if request.follow:
                await _first_of(self._send(reader, writer), _goodbye(stream))
        finally:
            self._leave(reader)

    async def _send(self, reader: _Reader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(await reader.take())
            await writer.drain()

    def _join(self, reader: _Reader) -> None:
        self._readers.add(reader)
        self._tell_interest()

    def _leave(self, reader: _Reader) -> None:
        self._readers.discard(reader)
        self._tell_interest()

    def _tell_interest(self) -> None:
        self._accepted.hear(any(reader.everything for reader in self._readers))
        self._ended.hear(any(reader.ended for reader in self._readers))


class _Interest:
    """Tells somebody when there is interest in something, and when there is none any more."""

    def __init__(self, tell: Callable[[bool], None], there_is: str, there_is_none: str) -> None:
        self._tell = tell
        self._messages = {True: there_is, False: there_is_none}
        self._is_there = False

    def hear(self, is_there: bool) -> None:  # noqa: FBT001 (what is heard is one thing)
        if is_there != self._is_there:
            self._is_there = is_there
            structlog.get_logger().info(self._messages[is_there])
            self._tell(is_there)


def _batches(records: Sequence[FlowRecord]) -> Iterator[Sequence[FlowRecord]]:
    return (records[first : first + _CHUNK_LINES] for first in range(0, len(records), _CHUNK_LINES))


async def _goodbye(stream: asyncio.StreamReader) -> None:
    """Wait until the reader closes its end; whatever else it says is not listened to."""
    while await stream.read(_REQUEST_BYTES):
        pass


async def _first_of(*waits: Coroutine[None, None, None]) -> None:
    """Wait for whichever ends first, end the others, and raise what it raised."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _make_folder(folder: Path) -> None:
    """Make the folder; raises ``PodfenceError`` when somebody else could have put something there."""
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        raise PodfenceError(f"{folder}: cannot be made: {(error.strerror or str(error)).lower()}") from None
    if status.st_uid not in {0, os.geteuid()} or (status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX):
        raise PodfenceError(f"{folder}: others may write there; name a socket elsewhere with --flows-socket")


async def _remove_stale(path: Path) -> None:
    """Remove the socket of an agent that was killed; raises ``PodfenceError`` when one still answers."""
    with suppress(OSError):
        _, writer = await asyncio.open_unix_connection(str(path))
        writer.close()
        raise PodfenceError(f"{path}: another agent serves there; one agent runs on a node")
    _remove_socket(path)


def _open_to_group(path: Path) -> None:
    path.chmod(MODE)


def _remove_socket(path: Path) -> None:
    if path.is_socket():
        path.unlink(missing_ok=True)
