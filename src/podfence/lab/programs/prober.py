"""Tries many connections from one pod at once: targets as JSON on standard input, an outcome for each on its output.

A target is ``[PROTOCOL, ADDRESS, PORT, NAMES]``; cluster DNS is asked for the names of all first, as programs do before
they connect, and whatever it answers the address is tried. Outcomes are ``OK``, ``REFUSED``, ``TIMEOUT`` or
``OTHER: …``, in order. Nobody on the port is ``REFUSED``: the packet arrived all the same.
"""

from __future__ import annotations

import errno
import json
import os
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from podfence.lab.programs import dns
from podfence.lab.programs.commands import Ready, ignore
from podfence.lab.programs.sctp_connect import exchange

_ARRIVED = (errno.ECONNREFUSED, errno.ECONNRESET)
_RESENDS = 3
_DNS_PORT = 53
_DNS_QUERY = b"\0\1\1\0\0\1\0\0\0\0\0\0\0\0\2\0\1"
"""Who serves the root, asked recursively: a server of DNS answers nothing else on its port."""
_THREADS = 64

Target = tuple[str, str, int, Sequence[str]]


def main(arguments: Sequence[str], ready: Ready = ignore) -> int:
    """Run the command: ``prober TIMEOUT DNS [ADDRESS]``: seconds, the address of DNS, the address to send from."""
    ready()
    targets = [tuple(target) for target in json.load(sys.stdin)]
    outcomes = try_all(targets, float(arguments[1]), arguments[2], "".join(arguments[3:]))
    json.dump(outcomes, sys.stdout)
    return 0


def try_all(targets: Sequence[Target], timeout_s: float, server: str, source: str = "") -> list[str]:
    """Try every target; gives the outcomes in order. ``server`` is asked for names; SCTP chooses its ``source``."""
    outcomes: list[str] = ["TIMEOUT"] * len(targets)
    with ThreadPoolExecutor(_THREADS) as threads:
        names = dict.fromkeys(name for *_, found in targets for name in found)
        list(threads.map(_look_up, [server] * len(names), names, [timeout_s] * len(names)))
        handshakes = {
            number: threads.submit(_try_sctp, address, port, timeout_s)
            for number, (protocol, address, port, _) in enumerate(targets)
            if protocol == "SCTP"
        }
        _try_sockets(targets, outcomes, timeout_s, source)
        for number, handshake in handshakes.items():
            outcomes[number] = handshake.result()
    return outcomes


def _look_up(server: str, name: str, timeout_s: float) -> None:
    """Ask for the addresses of a name, patiently; nobody needs to hear the answer but the network."""
    for kind in ("A", "AAAA"):
        for _ in range(_RESENDS):
            try:
                dns.ask(server, name, kind, timeout_s / _RESENDS)
            except (OSError, ValueError):
                continue
            break


def _try_sctp(address: str, port: int, timeout_s: float) -> str:
    try:
        exchange(address, port, b"hostname\n", timeout_s)
    except OSError as error:
        return _outcome(error)
    return "OK"


def _try_sockets(targets: Sequence[Target], outcomes: list[str], timeout_s: float, source: str) -> None:
    """Try TCP and UDP targets together, in one loop."""
    end = time.monotonic() + timeout_s
    with selectors.DefaultSelector() as selector:
        for number, (protocol, address, port, _) in enumerate(targets):
            if protocol == "SCTP":
                continue
            try:
                opened = _open(protocol, address, port, source)
            except OSError as error:
                outcomes[number] = _outcome(error)
                continue
            event = selectors.EVENT_WRITE if protocol == "TCP" else selectors.EVENT_READ
            selector.register(opened, event, (number, protocol, port))
        _follow(selector, outcomes, end, timeout_s / (_RESENDS + 1))
        for key in list(selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]


def _follow(selector: selectors.BaseSelector, outcomes: list[str], end: float, resend_s: float) -> None:
    next_send = time.monotonic() + resend_s
    while selector.get_map() and (left := end - time.monotonic()) > 0:
        for key, _ in selector.select(min(left, max(next_send - time.monotonic(), 0))):
            number, protocol, _ = key.data
            outcomes[number] = _ended(key.fileobj, protocol)  # type: ignore[arg-type]
            selector.unregister(key.fileobj)
            key.fileobj.close()  # type: ignore[union-attr]
        if time.monotonic() >= next_send:
            next_send += resend_s
            _send_again(selector)


def _send_again(selector: selectors.BaseSelector) -> None:
    """Send datagrams anew: connection tracking loses one of two that race to make its entry."""
    for key in selector.get_map().values():
        _, protocol, port = key.data
        if protocol == "UDP":
            _send(key.fileobj, port)  # type: ignore[arg-type]


def _open(protocol: str, address: str, port: int, source: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM if protocol == "TCP" else socket.SOCK_DGRAM)
    opened.setblocking(False)  # noqa: FBT003 - it can only be given by position
    try:
        if source:
            opened.bind((source, 0))
        opened.connect((address, port))
    except BlockingIOError:
        pass
    except OSError:
        opened.close()
        raise
    if protocol == "UDP":
        _send(opened, port)
    return opened


def _send(opened: socket.socket, port: int) -> None:
    try:
        opened.send(_DNS_QUERY if port == _DNS_PORT else b"hostname\n")
    except OSError:
        return  # its error is read when the socket is


def _ended(opened: socket.socket, protocol: str) -> str:
    try:
        if protocol == "UDP":
            opened.recv(2048)
    except OSError as error:
        return _outcome(error)
    code = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return _outcome(OSError(code, os.strerror(code))) if code else "OK"


def _outcome(error: OSError) -> str:
    if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        return "TIMEOUT"
    if error.errno in _ARRIVED:
        return "REFUSED"
    return f"OTHER: {error.strerror or error}"
