"""Two nodes, three pods and the world outside as network namespaces without a link to the machine's own.

Routed as in the lab: pods behind their node, nodes and outside behind one router, the ground.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from podfence.lab.services.rules import ProxyNode

CLONE_NEWNET = 0x40000000
TIMEOUT_S = 1.0

_libc = ctypes.CDLL(None, use_errno=True)


class Space:
    """One network namespace, kept by a file descriptor; its programs are threads of the test."""

    def __init__(self, name: str) -> None:
        self.name = name
        with _staying_here():
            if _libc.unshare(CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "no network namespace can be made")
            self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._sockets: list[socket.socket] = []
        # No waiting for anybody who might have an address already: there is nobody.
        self.sysctl("ipv6/conf/all/accept_dad", "ipv6/conf/default/accept_dad", value="0")
        self.ip("link set lo up")

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Be in the namespace: sockets made meanwhile stay in it."""
        with _staying_here():
            _setns(self.fd)
            yield

    def run(self, *command: str, stdin: str = "") -> str:
        ran = subprocess.run(
            ["nsenter", f"--net=/proc/{os.getpid()}/fd/{self.fd}", *command],  # noqa: S607 - the one on the path
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, f"{self.name}: {' '.join(command)}: {ran.stderr}\n{stdin}"
        return ran.stdout

    def ip(self, *commands: str) -> None:
        for family in ("-4", "-6"):
            mine = [one.removeprefix("-6 ") for one in commands if one.startswith("-6 ") == (family == "-6")]
            if mine:
                self.run("ip", family, "-batch", "-", stdin="\n".join(mine) + "\n")

    def sysctl(self, *names: str, value: str = "1") -> None:
        with self.entered():
            for name in names:
                Path("/proc/sys/net", name).write_text(value)

    def open_socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        with self.entered():
            made = socket.socket(family, kind, protocol)
        self._sockets.append(made)
        return made

    def serve(self, port: int, kind: int = socket.SOCK_STREAM) -> None:
        """Answer every connection or datagram with the name of this namespace and the client's address."""
        listener = self.open_socket(socket.AF_INET6, kind)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("::", port))
        if kind == socket.SOCK_STREAM:
            listener.listen(64)
        threading.Thread(target=self._answer, args=(listener, kind), daemon=True).start()

    def ask(self, address: str, port: int, kind: int = socket.SOCK_STREAM, *, source_port: int = 0) -> str:
        """Give the answer, or ``refused`` or ``silent``."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.open_socket(family, kind) as client:
            client.settimeout(TIMEOUT_S)
            if source_port:
                client.bind(("", source_port))
            try:
                client.connect((address, port))
                client.send(b"?")
                return client.recv(100).decode() or "closed"
            except TimeoutError:
                return "silent"
            except OSError:
                return "refused"

    def close(self) -> None:
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        os.close(self.fd)

    def _answer(self, listener: socket.socket, kind: int) -> None:
        with contextlib.suppress(OSError):
            while True:
                if kind == socket.SOCK_STREAM:
                    connection, peer = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        connection.send(self._text(peer[0]))
                else:
                    _, peer = listener.recvfrom(100)
                    if peer is None:  # shut down
                        return
                    listener.sendto(self._text(peer[0]), peer)

    def _text(self, peer: str) -> bytes:
        return f"{self.name} saw {peer.removeprefix('::ffff:')}".encode()


class Network:
    """The whole of it. Addresses: pods 10.244.N.X and fd00:244:N::X, nodes 172.18.0.N and fc00::N."""

    POD_NETWORKS = ("10.244.0.0/16", "fd00:244::/32")
    OUTSIDE = ("203.0.113.10", "2001:db8::10")

    def __init__(self) -> None:
        self.ground = _router("ground")
        self.outside = Space("outside")
        self.nodes = {number: _router(f"node-{number}") for number in (1, 2)}
        self.pods = {name: Space(name) for name in ("a", "b", "c")}
        self._join(self.ground, self.outside, self.OUTSIDE)
        for number, node in self.nodes.items():
            self._join(self.ground, node, (f"172.18.0.{number}", f"fc00::{number}"))
            self.ground.ip(
                f"route add 10.244.{number}.0/24 dev to-{node.name} via 172.18.0.{number} onlink",
                f"-6 route add fd00:244:{number}::/64 via fc00::{number} dev to-{node.name}",
            )
        for name, (number, host) in {"a": (1, 2), "b": (1, 3), "c": (2, 2)}.items():
            self._join(self.nodes[number], self.pods[name], (f"10.244.{number}.{host}", f"fd00:244:{number}::{host}"))

    def node(self, number: int) -> ProxyNode:
        own = (f"10.244.{number}.0/24", f"fd00:244:{number}::/64")
        return ProxyNode(f"node-{number}", (f"172.18.0.{number}", f"fc00::{number}"), self.POD_NETWORKS, own)

    def route_from_outside(self, address: str, number: int) -> None:
        """Let the ground send an address of a load balancer to one node."""
        word, via = ("-6 ", f"fc00::{number}") if ":" in address else ("", f"172.18.0.{number}")
        length = 128 if word else 32
        onlink = "" if word else " onlink"
        self.ground.ip(f"{word}route replace {address}/{length} via {via} dev to-node-{number}{onlink}")

    def close(self) -> None:
        for space in (self.ground, self.outside, *self.nodes.values(), *self.pods.values()):
            space.close()

    def _join(self, router: Space, leaf: Space, addresses: tuple[str, str]) -> None:
        """Join a leaf to its router; the leaf's default route is the router's fixed address."""
        peer = f"peer name to-{leaf.name} netns /proc/{os.getpid()}/fd/{router.fd}"
        leaf.ip(f"link add eth0 type veth {peer}")
        leaf.ip("link set eth0 up")
        gateway = "169.254.0.1" if router.name == "ground" else "169.254.1.1"
        leaf.ip(*(f"{_word(one)}addr add {one}/{_length(one)} dev eth0{_nodad(one)}" for one in addresses))
        device = f"to-{leaf.name}"
        router.ip(
            f"link set {device} up",
            f"addr add {gateway}/32 dev {device}",
            f"-6 addr add fe80::1/64 dev {device} nodad",
            *(f"{_word(one)}route add {one}/{_length(one)} dev {device}" for one in addresses),
        )
        leaf.ip(
            f"route add {gateway} dev eth0",
            f"route add default via {gateway} dev eth0 src {addresses[0]}",
            f"-6 route add default via fe80::1 dev eth0 src {addresses[1]}",
        )


def sctp_init(source_port: int, port: int) -> bytes:
    """Write an INIT with its checksum (RFC 9260, 3.3.2)."""
    chunk = struct.pack("!BBHIIHHI", 1, 0, 20, 7, 65535, 1, 1, 1)
    bare = struct.pack("!HHII", source_port, port, 0, 0) + chunk
    return bare[:8] + struct.pack("<I", _crc32c(bare)) + bare[12:]


def _crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def _router(name: str) -> Space:
    space = Space(name)
    space.sysctl("ipv4/ip_forward", "ipv6/conf/all/forwarding")
    space.sysctl("ipv4/conf/all/rp_filter", "ipv4/conf/default/rp_filter", value="0")
    return space


def _word(address: str) -> str:
    return "-6 " if ":" in address else ""


def _length(address: str) -> int:
    return 128 if ":" in address else 32


def _nodad(address: str) -> str:
    return " nodad" if ":" in address else ""


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
