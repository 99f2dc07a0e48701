"""``ping``: ICMP echo over IPv4 and IPv6; ``-c COUNT -W SECONDS -w SECONDS -i SECONDS -q -4 -6``."""

from __future__ import annotations

import getopt
import os
import socket
import struct
import sys
import time
from collections.abc import Sequence

from podfence.lab.programs.commands import Ready, ignore

_ECHO = {socket.AF_INET: 8, socket.AF_INET6: 128}
_ECHO_REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}
_PAYLOAD = bytes(range(56))
_FOREVER = 1 << 30


def main(arguments: Sequence[str], ready: Ready = ignore) -> int:
    """Ping a host; 0 when at least one answer came."""
    ready()
    try:
        given, hosts = getopt.gnu_getopt(list(arguments[1:]), "c:W:w:i:q46s:nI:t:")
    except getopt.GetoptError as error:
        print(f"ping: {error}", file=sys.stderr)
        return 2
    options = dict(given)
    if len(hosts) != 1:
        print("usage: ping [-c count] [-W timeout] host", file=sys.stderr)
        return 2
    family = socket.AF_INET6 if "-6" in options else socket.AF_INET if "-4" in options else socket.AF_UNSPEC
    try:
        family, _, _, _, address = socket.getaddrinfo(hosts[0], None, family, socket.SOCK_DGRAM)[0]
    except socket.gaierror:
        print(f"ping: bad address '{hosts[0]}'", file=sys.stderr)
        return 2
    print(f"PING {hosts[0]} ({address[0]}): {len(_PAYLOAD)} data bytes", flush=True)
    return _ping(hosts[0], socket.AddressFamily(family), address, options)


def _ping(host: str, family: socket.AddressFamily, address: tuple[object, ...], options: dict[str, str]) -> int:
    count = int(options.get("-c", _FOREVER))
    end_s = time.monotonic() + float(options.get("-w", _FOREVER))
    protocol = socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
    sent, times_ms = 0, []
    # An ICMP datagram socket: the kernel writes identifier and checksum, and gives us our own answers only.
    with socket.socket(family, socket.SOCK_DGRAM, protocol) as icmp:
        while sent < count and time.monotonic() < end_s:
            began_s = time.monotonic()
            wait_s = min(float(options.get("-W", 10)), end_s - began_s)
            answered_ms = _echo(icmp, family, address, sent, wait_s)
            if answered_ms is not None:
                times_ms.append(answered_ms)
                if "-q" not in options:
                    print(
                        f"{len(_PAYLOAD) + 8} bytes from {address[0]}: seq={sent} time={answered_ms:.3f} ms", flush=True
                    )
            sent += 1
            if sent < count:
                time.sleep(max(0.0, min(float(options.get("-i", 1)) - (time.monotonic() - began_s), end_s - began_s)))
    _summarize(host, sent, times_ms)
    return 0 if times_ms else 1


def _echo(
    icmp: socket.socket, family: socket.AddressFamily, address: tuple[object, ...], sequence: int, wait_s: float
) -> float | None:
    """Send one request; gives the time until its answer in milliseconds."""
    began_s = time.monotonic()
    try:
        icmp.sendto(struct.pack("!BBHHH", _ECHO[family], 0, 0, os.getpid() & 0xFFFF, sequence) + _PAYLOAD, address)
        while (left_s := began_s + wait_s - time.monotonic()) > 0:
            icmp.settimeout(left_s)
            data = icmp.recv(65536)
            if data[0] == _ECHO_REPLY[family] and struct.unpack_from("!H", data, 6)[0] == sequence:
                return (time.monotonic() - began_s) * 1000
    except TimeoutError:
        return None
    except OSError as error:
        print(f"ping: sendto: {error.strerror}", file=sys.stderr, flush=True)
    return None


def _summarize(host: str, sent: int, times_ms: list[float]) -> None:
    lost = 100 - len(times_ms) * 100 // sent if sent else 0
    print(f"\n--- {host} ping statistics ---")
    print(f"{sent} packets transmitted, {len(times_ms)} packets received, {lost}% packet loss")
    if times_ms:
        average = sum(times_ms) / len(times_ms)
        print(f"round-trip min/avg/max = {min(times_ms):.3f}/{average:.3f}/{max(times_ms):.3f} ms", flush=True)
