"""``agnhost serve-hostname``: serves the host name over HTTP, or raw over TCP or UDP."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence

from podfence.lab.programs.commands import Ready, ignore
from podfence.lab.programs.go import UsageError, parse_flags
from podfence.lab.programs.http import Response, serve_http
from podfence.lab.programs.listeners import Listeners

_FLAGS = {"tcp": "false", "udp": "false", "http": "true", "close": "false", "port": "9376"}


def main(arguments: Sequence[str], ready: Ready = ignore) -> int:
    """Run the command until it is killed."""
    try:
        flags, _ = parse_flags(arguments[1:], _FLAGS)
    except UsageError as error:
        return _fail(f"Error: {error}")
    wanted = {name for name in ("tcp", "udp", "http") if flags[name] == "true"}
    if "http" in wanted and len(wanted) > 1:
        return _fail("Can't server TCP/UDP mode and HTTP mode at the same time")
    listeners, port, name = Listeners(), int(flags["port"]), socket.gethostname().encode()
    try:
        if "tcp" in wanted:
            listeners.tcp(port, lambda connection, _peer: connection.sendall(name))
        if "udp" in wanted:
            listeners.udp(port, lambda _data, _sender: name)
        if "http" in wanted:
            headers = (("Connection", "close"),) if flags["close"] == "true" else ()
            listeners.tcp(port, serve_http(lambda _request: Response(name, headers=headers)))
    except OSError as error:
        return _fail(f"Error from net.Listen(): {error}")
    print(f"Serving on port {port}.", file=sys.stderr, flush=True)
    ready()
    listeners.run()
    return 0


def _fail(text: str) -> int:
    print(text, file=sys.stderr, flush=True)
    return 1
