"""The zygote: a small single-threaded process that makes the lab's networks and forks programs into them.

It is pid 1 of the ground and takes one order after the other from a socket; when the socket closes it ends, and
with it the whole lab. Only it enters namespaces: the kernel refuses that to a process with threads, and forking
one that has them is unsafe. It must stay small: everything it holds is in each program that it forks.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from podfence.lab import orders
from podfence.lab.child import Streams, open_streams, run_child
from podfence.lab.ground import enter_ground
from podfence.lab.netns import Network
from podfence.lab.programs import commands
from podfence.lab.sandbox import VOLUMES, build_skeleton
from podfence.lab.syscalls import NEWPID, setns, unshare

_LISTEN_BACKLOG = 128


class Configuration(msgspec.Struct, frozen=True):
    """How a lab starts: the ground's own addresses, and a folder shared with programs of nodes, if any."""

    ground_addresses: tuple[str, ...]
    shared_folder: str | None = None


class _Starting(msgspec.Struct):
    """A program whose child has not yet said whether it could be started."""

    sequence: int
    order: orders.Start
    pid: int
    streams: Streams


class Zygote:
    """Carries out orders from a channel until it closes."""

    def __init__(self, channel: socket.socket, network: Network, *, is_machine_root: bool) -> None:
        self._channel = channel
        self._network = network
        self._is_machine_root = is_machine_root
        self._pids: dict[int, int] = {}
        self._numbers: dict[int, int] = {}
        self._starting: dict[int, _Starting] = {}
        self._pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._selector = selectors.DefaultSelector()
        self._actions: dict[type, Callable[..., None]] = {
            orders.AddNode: lambda order: network.add_node(order.name, order.addresses, order.pod_cidrs),
            orders.AddOutside: lambda order: network.add_outside(order.addresses, order.inside),
            orders.AddPod: lambda order: network.add_pod(order.key, order.node, order.addresses),
            orders.Remove: lambda order: network.remove(order.place),
            orders.Route: lambda order: network.route(order.network, order.node),
            orders.RemoveFolder: lambda order: shutil.rmtree(Path(VOLUMES, order.name), ignore_errors=True),
            orders.Signal: self._signal,
        }

    def run(self) -> None:
        """Serve until the other side is gone."""
        self._selector.register(self._channel, selectors.EVENT_READ, self._take_order)
        self._selector.register(_wake_on_child_end(), selectors.EVENT_READ, self._reap)
        # What is here now will never change: collecting it would only copy pages that children share with us.
        gc.collect()
        gc.freeze()
        while True:
            for key, _ in self._selector.select():
                key.data()

    def _take_order(self) -> None:
        try:
            data, descriptors = orders.receive(self._channel)
        except ConnectionResetError:
            sys.exit(0)
        for descriptor in descriptors:
            os.close(descriptor)
        if not data:
            sys.exit(0)
        packet = orders.decode_order(data)
        try:
            self._carry_out(packet)
        except LookupError as error:
            self._report(packet.sequence, orders.Failed(0, str(error.args[0])))
        except OSError as error:
            self._report(packet.sequence, orders.Failed(error.errno or 0, error.strerror or str(error)))

    def _carry_out(self, packet: orders.OrderPacket) -> None:
        match packet.order:
            case orders.Start() as order:
                self._start(packet.sequence, order)
            case orders.OpenSocket() as order:
                with self._open_socket(order) as opened:
                    self._report(packet.sequence, orders.Done(), (opened.fileno(),))
            case orders.OpenVolumes():
                self._open_volumes(packet.sequence)
            case order:
                self._actions[type(order)](order)
                self._report(packet.sequence, orders.Done())

    def _open_volumes(self, sequence: int) -> None:
        folder = os.open(VOLUMES, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._report(sequence, orders.Done(), (folder,))
        finally:
            os.close(folder)

    def _report(self, sequence: int, report: orders.Report, descriptors: tuple[int, ...] = ()) -> None:
        try:
            orders.send(self._channel, orders.encode(orders.ReportPacket(sequence, report)), descriptors)
        except OSError:
            sys.exit(0)

    def _start(self, sequence: int, order: orders.Start) -> None:
        network = self._network.descriptor(order.place)
        joined = None
        if order.joins is not None:
            if order.joins not in self._pids:
                raise LookupError("the container does not run")
            joined = os.pidfd_open(self._pids[order.joins])
        try:
            streams = open_streams(stdin=order.stdin, tty=order.tty)
            heard, said = os.pipe()
            pid = self._fork(order, joined)
            if not pid:
                os.close(heard)
                run_child(order, streams, said, network=network, joined=joined, is_machine_root=self._is_machine_root)
        finally:
            if joined is not None:
                os.close(joined)
        os.close(said)
        streams.close_inner()
        self._pids[order.number] = pid
        self._numbers[pid] = order.number
        self._starting[heard] = _Starting(sequence, order, pid, streams)
        self._selector.register(heard, selectors.EVENT_READ, lambda: self._hear(heard))

    def _fork(self, order: orders.Start, joined: int | None) -> int:
        """Fork, into a new pid namespace for a container, into a joined one, else into our own.

        Afterwards children are our own again, so no keeper process stands between us and a container.
        """
        if joined is None and order.files is None:
            return os.fork()
        if joined is None:
            unshare(NEWPID)
        else:
            setns(joined, NEWPID)
        pid = -1
        try:
            pid = os.fork()
        finally:
            if pid:
                setns(self._pid_namespace, NEWPID)
        return pid

    def _hear(self, heard: int) -> None:
        """Learn from a child's pipe how its start went: nothing is good news."""
        with open(heard, "rb", closefd=True) as pipe:
            self._selector.unregister(heard)
            news = pipe.read()
        starting = self._starting.pop(heard)
        outer = starting.streams.outer
        if news and not news.startswith(b"+"):
            number, _, message = news.decode(errors="replace").partition(" ")
            self._report(starting.sequence, orders.Failed(int(number), message))
        else:
            self._report(starting.sequence, orders.Started(starting.pid, news == b"+stand-in"), outer)
        starting.streams.close_outer()
        self._reap()

    def _signal(self, order: orders.Signal) -> None:
        pid = self._pids.get(order.number)
        if pid is None:
            return
        if order.group:
            with contextlib.suppress(ProcessLookupError):  # a child that has not yet made its group
                os.killpg(pid, order.signal)
                return
        # It has not been reaped, so the number is still its own.
        os.kill(pid, order.signal)

    def _reap(self) -> None:
        """Take note of every child that ended, but of those whose start is still unheard only later."""
        with contextlib.suppress(BlockingIOError):
            os.read(_wakeup[0], 4096)
        unheard = {starting.pid for starting in self._starting.values()}
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None or ended.si_pid in unheard:
                return
            _, status = os.waitpid(ended.si_pid, 0)
            number = self._numbers.pop(ended.si_pid, None)
            if number is not None:
                del self._pids[number]
                code = os.waitstatus_to_exitcode(status)
                self._report(0, orders.Ended(number, code if code >= 0 else 128 - code))

    def _open_socket(self, order: orders.OpenSocket) -> socket.socket:
        family = socket.AF_INET6 if ":" in order.address else socket.AF_INET
        kind = socket.SOCK_DGRAM if order.protocol == "UDP" else socket.SOCK_STREAM
        with self._network.inside(order.place):
            opened = socket.socket(family, kind)
        try:
            if order.connect:
                _begin_connect(opened, order)
            else:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(kind == socket.SOCK_STREAM))
                if order.address == "::":
                    opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                opened.bind((order.address, order.port))
                if kind == socket.SOCK_STREAM:
                    opened.listen(_LISTEN_BACKLOG)
        except OSError:
            opened.close()
            raise
        return opened


def _begin_connect(opened: socket.socket, order: orders.OpenSocket) -> None:
    """Start connecting without waiting: whoever gets the socket waits."""
    opened.setblocking(False)  # noqa: FBT003 - it can only be given by position
    with contextlib.suppress(BlockingIOError):
        opened.connect((order.address, order.port))


_wakeup: list[int] = []


def _wake_on_child_end() -> int:
    """Give a descriptor that becomes readable when a child ends."""
    _wakeup[:] = os.pipe()
    for descriptor in _wakeup:
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(_wakeup[1], warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return _wakeup[0]


def main() -> None:
    """Become the ground of a lab: ``python -m podfence.lab.zygote DESCRIPTOR CONFIGURATION``."""
    configuration = msgspec.json.decode(sys.argv[2], type=Configuration)
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        is_machine_root = enter_ground()
        build_skeleton(configuration.shared_folder)
        network = Network(configuration.ground_addresses)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        report = orders.Failed(error.errno or 0, f"{error.strerror or error}{where}")
        orders.send(channel, orders.encode(orders.ReportPacket(0, report)))
        sys.exit(1)
    commands.warm()
    orders.send(channel, orders.encode(orders.ReportPacket(0, orders.Done())))
    Zygote(channel, network, is_machine_root=is_machine_root).run()


if __name__ == "__main__":
    main()
