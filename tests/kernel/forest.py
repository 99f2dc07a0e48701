"""A node with pods, and the rest of the world, as network namespaces without any link to the machine's own.

Built once and used for many clusters: a pod's namespace takes every packet that arrives as its own, so that to give a
pod other addresses is a route on the node. Whoever sends writes its own address into the packet; whoever receives,
listens on raw sockets, which lie behind all hooks. So a probe costs one packet and no time-out: what has not arrived
when everything is quiet was dropped.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import socket
import struct
import subprocess
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from podfence.dataplane.library import Library
from podfence.dataplane.runner import LibraryRunner, ProcessRunner
from podfence.model.net import Family, Protocol, family_of, format_address
from tests.kernel.packets import NUMBERS, packet, probe_id

CLONE_NEWNET = 0x40000000
SO_RCVBUFFORCE = 33
IPPROTO_RAW = 255
PATIENCE_S = 10.0

_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """One network namespace, kept by a file descriptor."""

    def __init__(self, name: str) -> None:
        self.name = name
        with _staying_here():
            if _libc.unshare(CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "no network namespace can be made")
            self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.path = f"/proc/{os.getpid()}/fd/{self.fd}"
        self._senders: dict[Family, socket.socket] = {}
        self.receivers: list[socket.socket] = []
        self.ip(["link set lo up"])

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Be in the namespace: sockets made meanwhile stay in it."""
        with _staying_here():
            _setns(self.fd)
            yield

    def run(self, *command: str, stdin: str = "") -> str:
        """Run a program in the namespace; raises with what it complained of."""
        done = subprocess.run(
            ["nsenter", f"--net={self.path}", *command],  # noqa: S607 (the one on the path)
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: {' '.join(command)}: {done.stderr}\n{stdin}")
        return done.stdout

    def ip(self, commands: Iterable[str]) -> None:
        """Run commands of ``ip`` in one process for each family; those for IPv6 begin with ``-6``."""
        found = list(commands)
        for family in ("-4", "-6"):
            mine = [command.removeprefix("-6 ") for command in found if command.startswith("-6 ") == (family == "-6")]
            if mine:
                self.run("ip", family, "-batch", "-", stdin="".join(f"{command}\n" for command in mine))

    def sysctl(self, values: Mapping[str, int]) -> None:
        """Set values under ``net``."""
        with self.entered():
            for name, value in values.items():
                Path("/proc/sys/net", name).write_text(f"{value}\n")

    def wait_for_links(self) -> None:
        """Wait until devices carry packets: the kernel lets them at a time of its own after they are up."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            listed = self.run("ip", "-o", "link")
            if "qdisc noop" not in listed and "NO-CARRIER" not in listed:
                return

    def take(self, addresses: Iterable[int], device: str) -> None:
        """Take addresses, and wait until programs can use them: the kernel takes IPv6 ones in at a time of its own."""
        wanted = list(addresses)
        self.ip(f"{_word(a)}addr add {_host(a)} dev {device}" + (" nodad" if _word(a) else "") for a in wanted)
        deadline = time.monotonic() + PATIENCE_S
        for address in wanted:
            while not self._has(address) and time.monotonic() < deadline:
                os.sched_yield()

    def _has(self, address: int) -> bool:
        with self.open_socket(_AF[family_of(address)], socket.SOCK_DGRAM) as found:
            try:
                found.bind((format_address(address), 0))
            except OSError:
                return False
            return True

    def nft(self, text: str) -> str:
        """Run nft on a text."""
        return self.run("nft", "-f", "-", stdin=text)

    def send(self, data: bytes, destination: int) -> None:
        """Send a whole packet, header and all."""
        family = family_of(destination)
        if family not in self._senders:
            self._senders[family] = self.open_socket(_AF[family], socket.SOCK_RAW, IPPROTO_RAW)
        self._senders[family].sendto(data, (format_address(destination), 0))

    def listen(self) -> None:
        """Listen for probes of every protocol in both families."""
        for family, word in _AF.items():
            for protocol in Protocol:
                number = NUMBERS[family][protocol]
                found = self.open_socket(word, socket.SOCK_RAW, number)
                with contextlib.suppress(PermissionError):
                    # Only the machine's own root may; others read often enough.
                    found.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 25)
                found.settimeout(0)
                self.receivers.append(found)

    def arrived(self) -> set[int]:
        """Give the ids of the probes that have arrived since the last time."""
        found = set()
        for receiver in self.receivers:
            header = 20 if receiver.family == socket.AF_INET else 0
            while True:
                try:
                    data = receiver.recv(2048)
                except BlockingIOError:
                    break
                number = probe_id(receiver.proto, data[header:])
                if number is not None:
                    found.add(number)
        return found

    def open_socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """Make a socket in the namespace."""
        with self.entered():
            return socket.socket(family, kind, protocol)

    def close(self) -> None:
        """Give everything back; the namespace ends with its last socket."""
        for found in (*self._senders.values(), *self.receivers):
            found.close()
        os.close(self.fd)


class Forest:
    """A node, pods on it, and an outside that is everybody else.

    With ``in_order`` this thread stays on one processor, so that what is sent first arrives first.
    """

    def __init__(self, pods: int, *, in_order: bool = True) -> None:
        self.processors = os.sched_getaffinity(0)
        if in_order:
            os.sched_setaffinity(0, {sorted(self.processors)[os.getpid() % len(self.processors)]})
        self.node = Namespace("node")
        self.node.sysctl(_NODE)
        self.pods = [Namespace(f"pod{number}") for number in range(pods)]
        self.outside = Namespace("outside")
        for number, leaf in enumerate((*self.pods, self.outside)):
            self._link(leaf, number)
        self.node.ip(["route add default dev to-outside", "-6 route add default dev to-outside"])
        for namespace in self.all:
            namespace.listen()
            namespace.wait_for_links()
        self._routes: set[str] = set()

    @property
    def all(self) -> tuple[Namespace, ...]:
        """List every namespace."""
        return (self.node, *self.pods, self.outside)

    def runner(self) -> LibraryRunner | ProcessRunner:
        """Run nft on the node, small things within this process where that is possible."""
        process = self.node_process()
        with self.node.entered():
            library = Library.load()
        return process if library is None else LibraryRunner(library, process)

    def place(self, pods: Mapping[int, int], node: Iterable[int]) -> None:
        """Give addresses to pods, each by the number of its pod, and to the node; all others are outside."""
        # A local route, not an address: the kernel takes an IPv6 address in at a time of its own.
        routes = {f"{_word(address)}route {{}} {_host(address)} dev to-pod{n}" for address, n in pods.items()}
        routes |= {f"{_word(address)}route {{}} local {_host(address)} dev lo table local" for address in node}
        commands = [text.format("del") for text in sorted(self._routes - routes)]
        commands += [text.format("add") for text in sorted(routes - self._routes)]
        self.node.ip(commands)
        self._routes = routes

    def node_process(self) -> ProcessRunner:
        """Run nft on the node, always in a process."""
        return ProcessRunner(("nsenter", f"--net={self.node.path}", "nft"))

    def settle_in(self, pods: Mapping[int, Iterable[int]], node: Iterable[int]) -> None:
        """Give addresses as ``place`` does, and let the pods' own programs use them."""
        self.place({address: number for number, found in pods.items() for address in found}, ())
        for number, found in pods.items():
            self.pods[number].take(found, "eth0")
        self.node.take(node, "lo")

    def arrived(self) -> set[int]:
        """Give the ids of all probes that have arrived anywhere since the last time."""
        return set().union(*(namespace.arrived() for namespace in self.all))

    def settled(self, wanted: Collection[int]) -> set[int]:
        """Wait until all that is wanted has arrived, or too long; gives what has, wanted or not."""
        found = self.arrived()
        deadline = time.monotonic() + PATIENCE_S
        while not found.issuperset(wanted) and time.monotonic() < deadline:
            select.select([socket for namespace in self.all for socket in namespace.receivers], [], [], PATIENCE_S)
            found |= self.arrived()
        return found

    def forget_connections(self) -> None:
        """Empty the node's connection tracking."""
        message = struct.pack("=IHHIIBBH", 20, (1 << 8) | 2, 5, 1, 0, 0, 0, 0)
        with self.node.open_socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:
            netlink.send(message)
            netlink.recv(4096)

    def close(self) -> None:
        """Give everything back."""
        os.sched_setaffinity(0, self.processors)
        for namespace in self.all:
            namespace.close()

    def _link(self, leaf: Namespace, number: int) -> None:
        """Join a leaf to the node by a pair of devices that need not ask for each other's address."""
        mac = f"02:00:00:00:00:{number:02x}"
        peer = f"peer name to-{leaf.name} address {mac} netns /proc/{os.getpid()}/fd/{self.node.fd}"
        leaf.ip([f"link add eth0 address {mac} type veth {peer}"])
        leaf.sysctl(_LEAF)
        leaf.ip(
            [
                "link set eth0 arp off up",
                *(f"{word}route add default dev eth0" for word in ("", "-6 ")),
                *(f"{word}rule add iif eth0 lookup 100 pref 100" for word in ("", "-6 ")),
                "route add local 0.0.0.0/0 dev lo table 100",
                "-6 route add local ::/0 dev lo table 100",
            ]
        )
        self.node.ip([f"link set to-{leaf.name} arp off up"])


_AF = {Family.IPV4: socket.AF_INET, Family.IPV6: socket.AF_INET6}
_QUIET = {"ipv4/conf/all/rp_filter": 0, "ipv4/conf/default/rp_filter": 0, "ipv6/conf/default/accept_dad": 0}
_LEAF = {**_QUIET, "ipv4/conf/eth0/rp_filter": 0}
_NODE = {**_QUIET, "ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1}


def _word(address: int) -> str:
    return "" if family_of(address) is Family.IPV4 else "-6 "


def _host(address: int) -> str:
    return f"{format_address(address)}/{32 if family_of(address) is Family.IPV4 else 128}"


def _setns(fd: int) -> None:
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "the network namespace cannot be entered")


@contextlib.contextmanager
def _staying_here() -> Iterator[None]:
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        _setns(here)
        os.close(here)


def probe(
    source: int, destination: int, protocol: Protocol, port: int, number: int, *, source_port: int | None = None
) -> bytes:
    """Make the packet that opens a connection; ``number`` tells it from all others."""
    own = source_port if source_port is not None else 1024 + number % 60000
    return packet(source, destination, protocol, own, port, number)
