"""Many ports served by one process: TCP connections in a thread each, UDP and SCTP messages answered at once."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable

from podfence.lab.programs.sctp_listen import Answer, SctpListener

Serve = Callable[[socket.socket, str], None]
"""Serves one TCP connection from ``ADDRESS:PORT``; the connection is closed afterwards."""

_BACKLOG = 128
_IDLE_S = 60.0


class Listeners:
    """Listens on ports of any protocol, over IPv4 and IPv6, until the process ends."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._sctp: SctpListener | None = None

    def tcp(self, port: int, serve: Serve) -> None:
        """Serve a TCP port; raises ``OSError`` when it is taken."""
        listener = _bound(socket.SOCK_STREAM, port)
        listener.listen(_BACKLOG)
        self._selector.register(listener, selectors.EVENT_READ, lambda: _accept(listener, serve))

    def udp(self, port: int, answer: Answer) -> None:
        """Answer datagrams on a UDP port; raises ``OSError`` when it is taken."""
        bound = _bound(socket.SOCK_DGRAM, port)
        # Answer from the address that was asked, also where the pod has several.
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        self._selector.register(bound, selectors.EVENT_READ, lambda: _answer(bound, answer))

    def sctp(self, port: int, answer: Answer) -> None:
        """Answer messages on an SCTP port; raises ``OSError`` when another server of the pod has it."""
        if self._sctp is None:
            self._sctp = SctpListener()
            for raw in self._sctp.sockets:
                self._selector.register(raw, selectors.EVENT_READ, _handler(self._sctp, raw))
        self._sctp.listen(port, answer)

    def run(self) -> None:
        """Serve without end."""
        while True:
            for key, _ in self._selector.select():
                with contextlib.suppress(OSError):
                    key.data()


def _bound(kind: int, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6, kind)
    bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    if kind == socket.SOCK_STREAM:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("::", port))
    return bound


def _handler(sctp: SctpListener, raw: socket.socket) -> Callable[[], None]:
    return lambda: sctp.handle(raw)


def _accept(listener: socket.socket, serve: Serve) -> None:
    connection, peer = listener.accept()
    connection.settimeout(_IDLE_S)
    threading.Thread(target=_serve, args=(connection, host_port(peer), serve), daemon=True).start()


def _serve(connection: socket.socket, peer: str, serve: Serve) -> None:
    with connection, contextlib.suppress(OSError):
        serve(connection, peer)


def _answer(bound: socket.socket, answer: Answer) -> None:
    data, ancillary, _, peer = bound.recvmsg(65536, 256)
    reply = answer(data, host_port(peer))
    if reply is not None:
        bound.sendmsg([reply], ancillary, 0, peer)


def host_port(peer: tuple[str, int]) -> str:
    """Write an address and port as Go does; IPv4 clients of an IPv6 socket are IPv4."""
    host = peer[0].removeprefix("::ffff:")
    return f"[{host}]:{peer[1]}" if ":" in host else f"{host}:{peer[1]}"
