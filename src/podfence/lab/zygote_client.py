"""The server's side of the zygote: starts it, sends it orders, and gives programs as objects. asyncio, no threads."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import itertools
import os
import signal
import socket
import struct
import subprocess
import sys
import termios
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Self

import msgspec

from podfence.lab import orders
from podfence.lab.zygote import Configuration
from podfence.model.error import PodfenceError

_KILLED = 137
_BROKEN_PIPE = 32
_GONE = "the lab's zygote has ended"


class Program:
    """A program that the zygote runs; a ``Process`` of the lab's interface. Its streams belong to the holder."""

    def __init__(
        self,
        zygote: Zygote,
        order: orders.Start,
        started: orders.Started,
        descriptors: list[int],
        end: asyncio.Future[int],
    ) -> None:
        self._zygote = zygote
        self._end = end
        self.number = order.number
        self.pid = started.pid
        self.is_stand_in = started.is_stand_in
        self.stdin: int | None = None
        self.stdout: int | None = None
        self.stderr: int | None = None
        self._terminal = -1
        if order.tty:
            self.stdin = self.stdout = descriptors[0]
            self._terminal = os.dup(descriptors[0])
            end.add_done_callback(self._close_terminal)
        else:
            self.stdin = descriptors.pop(0) if order.stdin else None
            self.stdout, self.stderr = descriptors

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self._end.done()

    def _close_terminal(self, _: object) -> None:
        os.close(self._terminal)
        self._terminal = -1

    def resize(self, width: int, height: int) -> None:
        """Tell the terminal its size in characters; without one, or after its end, nothing happens."""
        if self._terminal >= 0:
            with contextlib.suppress(OSError, struct.error):
                fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def signal(self, number: int) -> None:
        """Send a signal to the program's process group."""
        self._zygote.signal(self.number, number, group=True)

    def signal_first(self, number: int) -> None:
        """Send a signal to the program alone, as a container runtime does to the first process of a container."""
        self._zygote.signal(self.number, number, group=False)

    async def wait(self) -> int:
        """Wait for its end and give the exit code, 128 + n when signal n ended it."""
        return await asyncio.shield(self._end)

    def close_streams(self) -> None:
        """Close the streams that were not taken by anybody (set to ``None``)."""
        for descriptor in {self.stdin, self.stdout, self.stderr}:
            if descriptor is not None:
                os.close(descriptor)
        self.stdin = self.stdout = self.stderr = None


class Zygote:
    """A running zygote. Use ``await Zygote.start(...)`` in the main thread, and ``close`` at the end."""

    def __init__(self, channel: socket.socket, process: subprocess.Popen[bytes]) -> None:
        self._channel = channel
        self._process = process
        self._sequence = itertools.count(1)
        self._program_numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[tuple[orders.Report, list[int]]]] = {}
        self._ends: dict[int, asyncio.Future[int]] = {}
        self._unsent: deque[bytes] = deque()
        self._loop = asyncio.get_running_loop()
        self.ended = self._loop.create_future()

    @classmethod
    async def start(cls, ground_addresses: Sequence[str], shared_folder: str | None = None) -> Self:
        """Make the ground of a lab; raises ``PodfenceError`` saying what the machine does not allow."""
        channel, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        configuration = msgspec.json.encode(Configuration(tuple(ground_addresses), shared_folder)).decode()
        with far:
            # Not through asyncio: its child watcher may start from a thread, and a child dies with the thread.
            process = subprocess.Popen(  # noqa: ASYNC220, S603
                [sys.executable, "-m", "podfence.lab.zygote", str(far.fileno()), configuration],
                pass_fds=[far.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        channel.setblocking(False)  # noqa: FBT003 - it can only be given by position
        zygote = cls(channel, process)
        zygote._answers[0] = zygote._loop.create_future()
        zygote._loop.add_reader(channel, zygote._receive)
        report, _ = await zygote._answers[0]
        del zygote._answers[0]
        if isinstance(report, orders.Failed):
            await zygote.close()
            raise PodfenceError(f"this machine lets the lab make no namespaces: {report.message}")
        return zygote

    async def ask(self, order: orders.Order) -> list[int]:
        """Have an order carried out and give the descriptors that came back.

        Raises ``LookupError`` for an unknown place, ``OSError`` with the kernel's reason.
        """
        _, descriptors = await self._ask(order)
        return descriptors

    async def run(
        self,
        place: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        stdin: bool = False,
        tty: bool = False,
        folder: str = "/",
        files: Mapping[str, str] | None = None,
        mounts: Sequence[orders.Mount] = (),
        hostname: str = "",
        joins: Program | None = None,
        stand_in: Sequence[str] = (),
    ) -> Program:
        """Start a program, see ``orders.Start``; raises ``OSError`` when it cannot be started."""
        order = orders.Start(
            number=next(self._program_numbers),
            place=place,
            command=tuple(command),
            environment=dict(environment),
            folder=folder,
            stdin=stdin,
            tty=tty,
            files=None if files is None else dict(files),
            mounts=tuple(mounts),
            hostname=hostname,
            joins=None if joins is None else joins.number,
            stand_in=tuple(stand_in),
        )
        end = self._ends[order.number] = self._loop.create_future()
        try:
            started, descriptors = await self._ask(order)
        except asyncio.CancelledError:
            # Nobody will hold the program that may have started meanwhile.
            self.signal(order.number, signal.SIGKILL, group=True)
            raise
        except (OSError, LookupError):
            self._ends.pop(order.number, None)
            raise
        if not isinstance(started, orders.Started):
            raise TypeError(started)
        return Program(self, order, started, descriptors, end)

    async def open_socket(
        self, place: str, address: str, port: int, protocol: str = "TCP", *, connect: bool = False
    ) -> socket.socket:
        """Open a socket in a place's network, listening or connected; it does not block.

        Raises ``OSError`` when that fails, ``LookupError`` for an unknown place.
        """
        descriptors = await self.ask(orders.OpenSocket(place, protocol, address, port, connect))
        opened = socket.socket(fileno=descriptors[0])
        opened.setblocking(False)  # noqa: FBT003 - it can only be given by position
        if connect and protocol == "TCP":
            try:
                await self._loop.sock_connect(opened, (address, port))
            except BaseException:
                opened.close()
                raise
        return opened

    def signal(self, number: int, wanted: int, *, group: bool) -> None:
        """Send a signal to a program; does not wait and is no error after its end."""
        if self._channel.fileno() >= 0:
            self._send(orders.encode(orders.OrderPacket(next(self._sequence), orders.Signal(number, wanted, group))))

    async def close(self) -> None:
        """End the lab: every program and namespace of it."""
        self._give_up()
        self._process.kill()
        await asyncio.to_thread(self._process.wait)

    async def _ask(self, order: orders.Order) -> tuple[orders.Report, list[int]]:
        if self._channel.fileno() < 0:
            raise OSError(_BROKEN_PIPE, _GONE)
        sequence = next(self._sequence)
        data = orders.encode(orders.OrderPacket(sequence, order))
        answer = self._answers[sequence] = self._loop.create_future()
        self._send(data)
        try:
            report, descriptors = await answer
        finally:
            self._answers.pop(sequence, None)
        if isinstance(report, orders.Failed):
            raise OSError(report.error, report.message) if report.error else LookupError(report.message)
        return report, descriptors

    def _send(self, data: bytes) -> None:
        self._unsent.append(data)
        if len(self._unsent) == 1:
            self._flush()

    def _flush(self) -> None:
        while self._unsent:
            try:
                orders.send(self._channel, self._unsent[0])
            except BlockingIOError:
                self._loop.add_writer(self._channel, self._flush)
                return
            except OSError:
                self._give_up()
                return
            self._unsent.popleft()
        self._loop.remove_writer(self._channel)

    def _receive(self) -> None:
        """Take everything that has arrived."""
        while True:
            try:
                data, descriptors = orders.receive(self._channel)
            except BlockingIOError:
                return
            except OSError:
                data, descriptors = b"", []
            if not data:
                self._give_up()
                return
            self._take(orders.decode_report(data), descriptors)

    def _take(self, packet: orders.ReportPacket, descriptors: list[int]) -> None:
        if isinstance(packet.report, orders.Ended):
            end = self._ends.pop(packet.report.number, None)
            if end is not None and not end.done():
                end.set_result(packet.report.code)
            return
        answer = self._answers.get(packet.sequence)
        if answer is None or answer.done():
            for descriptor in descriptors:
                os.close(descriptor)
        else:
            answer.set_result((packet.report, descriptors))

    def _give_up(self) -> None:
        """Tell everybody who waits that the zygote is gone."""
        if self._channel.fileno() < 0:
            return
        self._loop.remove_reader(self._channel)
        self._loop.remove_writer(self._channel)
        self._channel.close()
        self._unsent.clear()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_result((orders.Failed(_BROKEN_PIPE, _GONE), []))
        for end in self._ends.values():
            if not end.done():
                end.set_result(_KILLED)
        self._ends.clear()
        if not self.ended.done():
            self.ended.set_result(None)
