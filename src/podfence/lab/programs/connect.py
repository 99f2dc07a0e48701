"""``agnhost connect HOST:PORT``: tries one connection and says in a fixed word what became of it.

The words and the exit code are those of Kubernetes' agnhost, which test suites look for; SCTP that is refused is
``REFUSED`` here, too, where agnhost says ``OTHER: connection refused``.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Sequence

from podfence.lab.programs.commands import Ready, ignore
from podfence.lab.programs.go import UsageError, parse_duration_s, parse_flags, split_host_port
from podfence.lab.programs.sctp_connect import exchange

_FLAGS = {"timeout": "0s", "protocol": "tcp", "udp-data": "hostname", "sctp-data": "hostname"}
# Without --timeout the kernel gives up on TCP after about two minutes, and the others never.
_FOREVER_S = 127.0
_LAST_PORT = 65535


def main(arguments: Sequence[str], ready: Ready = ignore) -> int:
    """Run the command; gives its exit code."""
    ready()
    try:
        flags, operands = parse_flags(arguments[1:], _FLAGS)
        timeout_s = parse_duration_s(flags["timeout"]) or _FOREVER_S
    except (UsageError, ValueError) as error:
        return _say(f"Error: {error}")
    if len(operands) != 1:
        return _say(f"Error: accepts 1 arg(s), received {len(operands)}")
    return _connect(operands[0], flags, timeout_s)


def _connect(target: str, flags: dict[str, str], timeout_s: float) -> int:
    protocol = flags["protocol"] or "tcp"
    if protocol not in {"tcp", "udp", "sctp"}:
        return _say(f"Unsupported protocol\n{protocol}")
    try:
        family, address = _resolve(target, protocol)
    except ValueError as error:
        return _say(str(error))
    try:
        if protocol == "tcp":
            socket.create_connection(address[:2], timeout_s).close()
        elif protocol == "udp":
            _exchange_datagram(family, address, flags["udp-data"], timeout_s)
        else:
            exchange(address[0], address[1], flags["sctp-data"].encode() + b"\n", timeout_s)
    except OSError as error:
        return _say(_outcome(protocol, error))
    return 0


def _resolve(target: str, protocol: str) -> tuple[int, tuple[str, int]]:
    """Give family and address of a target; raises ``ValueError`` with the line to print."""
    try:
        host, port_text = split_host_port(target)
    except ValueError as error:
        raise ValueError(f"{'UNKNOWN' if protocol == 'tcp' else 'DNS'}: {error}") from None
    try:
        port = int(port_text) if port_text.isdecimal() else socket.getservbyname(port_text)
    except OSError:
        raise ValueError(f"DNS: lookup {protocol}/{port_text}: unknown port") from None
    if port > _LAST_PORT:  # the C library would take it modulo 65536
        raise ValueError(f"DNS: address {port}: invalid port")
    try:
        family, _, _, _, address = socket.getaddrinfo(host or "localhost", port, type=socket.SOCK_DGRAM)[0]
    except (socket.gaierror, UnicodeError):
        raise ValueError(f"DNS: lookup {host}: no such host") from None
    return family, (str(address[0]), port)


def _exchange_datagram(family: int, address: tuple[str, int], data: str, timeout_s: float) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
        datagrams.settimeout(timeout_s)
        datagrams.connect(address)
        datagrams.send(data.encode() + b"\n")
        if not datagrams.recv(1024):
            raise OSError(0, "No data received from the server. Cannot guarantee the server received the request.")


def _outcome(protocol: str, error: OSError) -> str:
    is_datagram = protocol == "udp"
    if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        return "TIMEOUT: i/o timeout" if is_datagram else "TIMEOUT"
    if error.errno == errno.ECONNREFUSED:
        return "REFUSED: connection refused" if is_datagram else "REFUSED"
    reason = os.strerror(error.errno).lower() if error.errno else error.strerror
    return f"UNKNOWN: {reason}" if is_datagram and error.errno else f"OTHER: {reason}"


def _say(text: str) -> int:
    print(text, file=sys.stderr, flush=True)
    return 1
