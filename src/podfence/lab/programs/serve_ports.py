"""Stands in for a server that the machine does not have: answers on its ports with the pod's name.

``serve-ports NAME PORT/PROTOCOL…``: HTTP on TCP ports, the name as an answer to anything on UDP and SCTP ports.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from podfence.lab.programs.commands import Ready, ignore
from podfence.lab.programs.http import Response, serve_http
from podfence.lab.programs.listeners import Listeners


def main(arguments: Sequence[str], ready: Ready = ignore) -> int:
    """Serve until killed."""
    name, listeners = arguments[1], Listeners()
    for word in arguments[2:]:
        port, _, protocol = word.partition("/")
        try:
            if protocol == "UDP":
                listeners.udp(int(port), lambda _data, _sender: name.encode())
            elif protocol == "SCTP":
                listeners.sctp(int(port), lambda _data, _sender: name.encode())
            else:
                listeners.tcp(int(port), serve_http(lambda _request: Response(f"{name}\n")))
        except (OSError, OverflowError) as error:
            print(f"cannot serve port {word}: {error}", file=sys.stderr, flush=True)
            return 1
    print(f"serving {' '.join(arguments[2:]) or 'no port'} as {name}", flush=True)
    ready()
    listeners.run()
    return 0
