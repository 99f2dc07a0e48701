"""``nc``: connects (``-z`` only tries), or listens with ``-l``; also ``-u -v -w SECONDS -n -p PORT -k``.

``-t`` (answers to telnet's negotiation) is taken and means nothing: no server of a lab negotiates.
"""

from __future__ import annotations

import contextlib
import getopt
import os
import selectors
import socket
import sys
from collections.abc import Sequence

from podfence.lab.programs.commands import Ready, ignore

_STDIN, _STDOUT = 0, 1
_SILENCE_IS_OPEN_S = 1.0


def main(arguments: Sequence[str], ready: Ready = ignore) -> int:
    """Run the command; 0 when a connection could be made."""
    try:
        given, operands = getopt.gnu_getopt(list(arguments[1:]), "lukvztw:np:q:46Ne:")
    except getopt.GetoptError as error:
        print(f"nc: {error}", file=sys.stderr)
        return 1
    options = dict(given)
    if "-l" in options:
        return _listen(options, operands, ready)
    ready()
    if len(operands) != 2:
        print("usage: nc [-luvz] [-w timeout] host port", file=sys.stderr)
        return 1
    try:
        first, _, last = operands[1].partition("-")
        ports = range(int(first), int(last or first) + 1)
    except ValueError:
        print(f"nc: invalid port {operands[1]}", file=sys.stderr)
        return 1
    return min([_connect(operands[0], port, options) for port in ports], default=1)


def _connect(host: str, port: int, options: dict[str, str]) -> int:
    timeout_s = float(options["-w"]) if "-w" in options else None
    kind = socket.SOCK_DGRAM if "-u" in options else socket.SOCK_STREAM
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind)[0]
    except (socket.gaierror, OverflowError):
        print(f"nc: bad address '{host}'", file=sys.stderr, flush=True)
        return 1
    with socket.socket(family, kind) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.connect(address)
            if "-z" in options and kind == socket.SOCK_DGRAM:
                _send_nothing(connection, min(timeout_s or _SILENCE_IS_OPEN_S, _SILENCE_IS_OPEN_S))
        except OSError as error:
            reason = "Operation timed out" if isinstance(error, TimeoutError) else error.strerror
            if "-v" in options or "-z" not in options:
                print(f"nc: {host} ({address[0]}:{port}): {reason}", file=sys.stderr, flush=True)
            return 1
        if "-v" in options:
            print(f"{host} ({address[0]}:{port}) open", file=sys.stderr, flush=True)
        if "-z" not in options:
            _relay(connection, timeout_s)
    return 0


def _send_nothing(connection: socket.socket, wait_s: float) -> None:
    """Send an empty datagram; silence counts as open, as with every nc, a refusal is raised."""
    connection.send(b"")
    connection.settimeout(wait_s)
    with contextlib.suppress(TimeoutError):
        connection.recv(1)


def _listen(options: dict[str, str], operands: list[str], ready: Ready) -> int:
    port = int(options.get("-p") or (operands[-1] if operands else 0))
    kind = socket.SOCK_DGRAM if "-u" in options else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET6, kind) as listener:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("::", port))
        except OSError as error:
            print(f"nc: bind: {error.strerror}", file=sys.stderr)
            return 1
        if kind == socket.SOCK_DGRAM:
            ready()
            data, peer = listener.recvfrom(65536)
            listener.connect(peer)
            os.write(_STDOUT, data)
            _relay(listener, None)
            return 0
        listener.listen()
        ready()
        while True:
            connection, _ = listener.accept()
            with connection:
                _relay(connection, None)
            if "-k" not in options:
                return 0


def _relay(connection: socket.socket, idle_s: float | None) -> None:
    """Copy standard input to the connection and the connection to standard output, until the peer ends."""
    with selectors.DefaultSelector() as selector, contextlib.suppress(OSError):
        selector.register(connection, selectors.EVENT_READ)
        with contextlib.suppress(PermissionError):  # a plain file cannot be waited for
            selector.register(_STDIN, selectors.EVENT_READ)
        while events := selector.select(idle_s):
            for key, _ in events:
                if key.fd == _STDIN:
                    data = os.read(_STDIN, 65536)
                    if data:
                        connection.sendall(data)
                    else:
                        selector.unregister(_STDIN)
                        connection.shutdown(socket.SHUT_WR)
                else:
                    data = connection.recv(65536)
                    if not data:
                        return
                    os.write(_STDOUT, data)
