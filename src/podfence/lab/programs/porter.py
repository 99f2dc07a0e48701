"""``agnhost porter``: serves the ports named in the environment, each with its variable's value.

``SERVE_PORT_80=text`` and ``SERVE_TCP_PORT_80=text`` answer HTTP, ``SERVE_UDP_PORT_81`` datagrams,
``SERVE_SCTP_PORT_82`` SCTP messages. ``SERVE_TLS_PORT_*`` is not served: the lab has no certificate for it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence

from podfence.lab.programs.commands import Ready, ignore
from podfence.lab.programs.go import UsageError, parse_flags
from podfence.lab.programs.http import Handler, Request, Response, serve_http
from podfence.lab.programs.listeners import Listeners


def main(arguments: Sequence[str], ready: Ready = ignore) -> int:
    """Run the command until it is killed."""
    try:
        flags, _ = parse_flags(arguments[1:], {"json-response": "false"})
    except UsageError as error:
        print(f"Error: {error}", file=sys.stderr, flush=True)
        return 1
    listeners = Listeners()
    for name, value in sorted(os.environ.items()):
        if not serve_variable(listeners, name, value, as_json=flags["json-response"] == "true"):
            return 1
    ready()
    listeners.run()
    return 0


def serve_variable(listeners: Listeners, name: str, value: str, *, as_json: bool) -> bool:
    """Serve the port of one variable, if it is one; false when the port cannot be served."""
    serve: dict[str, Callable[[int], None]] = {
        "SERVE_PORT_": lambda port: listeners.tcp(port, serve_http(_page(value, as_json=as_json))),
        "SERVE_TCP_PORT_": lambda port: listeners.tcp(port, serve_http(_page(value, as_json=as_json))),
        "SERVE_UDP_PORT_": lambda port: listeners.udp(port, lambda _data, _sender: value.encode()),
        "SERVE_SCTP_PORT_": lambda port: listeners.sctp(port, lambda _data, _sender: value.encode()),
    }
    for prefix, listen in serve.items():
        if name.startswith(prefix):
            port = name.removeprefix(prefix)
            try:
                listen(int(port))
            except (OSError, ValueError, OverflowError) as error:
                print(f"server on port {port!r} failed: {error}", file=sys.stderr, flush=True)
                # An HTTP server that fails leaves the others alone, the other kinds end the program.
                return prefix in {"SERVE_PORT_", "SERVE_TCP_PORT_"}
            print(f"Serving port {port} ({name})", file=sys.stderr, flush=True)
    return True


def _page(value: str, *, as_json: bool) -> Handler:
    def answer(request: Request) -> Response:
        if not as_json:
            return Response(value)
        body = json.dumps({"Method": request.method, "Body": value}, separators=(",", ":"))
        return Response(body, headers=(("Content-Type", "application/json"),))

    return answer
