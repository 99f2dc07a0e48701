"""The world outside the cluster: a few public-looking addresses and names, and what answers there.

It serves on sockets that it is given, all in one namespace that has all the addresses. What it says is always the same,
and tells who asked: so a test sees whose address arrived.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from podfence.lab.datagrams import Datagrams
from podfence.lab.dns.server import DnsServer
from podfence.lab.dns.zone import Record, Records, records

PLAIN_PORTS: Final = (80, 443, 8080)
"""Ports where every host answers HTTP; nobody here speaks TLS."""
DNS_PORT: Final = 53
ECHO_PORT: Final = 7

_HEAD_BYTES: Final = 16_384
_HEAD_TIMEOUT_S: Final = 10.0


class Host(msgspec.Struct, frozen=True):
    """One host: its names and addresses; every host answers HTTP, some are DNS servers."""

    names: tuple[str, ...]
    addresses: tuple[str, ...]
    serves_dns: bool = False


HOSTS: Final = (
    Host(("dns.google",), ("8.8.8.8", "8.8.4.4", "2001:4860:4860::8888"), serves_dns=True),
    Host(("one.one.one.one",), ("1.1.1.1", "2606:4700:4700::1111"), serves_dns=True),
    Host(("www.google.com", "google.com"), ("142.250.72.196", "2607:f8b0:4004:800::2004")),
    Host(
        ("example.com", "www.example.com", "example.org"), ("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c")
    ),
    Host(("kubernetes.io", "api.github.com", "github.com"), ("140.82.112.4", "2606:50c0:8000::153")),
    Host(("registry-1.docker.io", "registry.k8s.io", "pypi.org"), ("34.96.108.209", "2600:1901:0:bbc4::")),
    Host(("metadata.google.internal", "instance-data"), ("169.254.169.254", "fd00:ec2::254")),
    Host(("outside.example",), ("203.0.113.10", "2001:db8::10")),
)


def addresses(hosts: Iterable[Host] = HOSTS) -> tuple[str, ...]:
    """Give all addresses that the outside namespace must have."""
    return tuple(address for host in hosts for address in host.addresses)


def outside_zone(hosts: Iterable[Host] = HOSTS) -> Records:
    """Make the zone of the whole world, which is small."""
    named = []
    for host in hosts:
        for text in host.addresses:
            address = ipaddress.ip_address(text)
            record = Record("A" if address.version == 4 else "AAAA", str(address))
            named += [(name, record) for name in host.names]
            named.append((address.reverse_pointer, Record("PTR", f"{host.names[0]}.")))
    return records([""], named)


class Opened(msgspec.Struct, frozen=True):
    """Sockets that are bound, the TCP ones listening too."""

    http: tuple[socket.socket, ...]
    echo: tuple[socket.socket, ...]
    dns_datagrams: tuple[socket.socket, ...]
    dns_listeners: tuple[socket.socket, ...]


Listen = Callable[[str, int, str], Awaitable[socket.socket]]
"""Gives a socket in the outside namespace, bound for ``UDP``, listening for ``TCP``; ``::`` is every address."""


async def open_sockets(listen: Listen, hosts: Iterable[Host] = HOSTS) -> Opened:
    """Open all sockets.

    HTTP and echo listen on all addresses at once; DNS on each of its addresses, so that answers come from there.
    """
    servers = [address for host in hosts if host.serves_dns for address in host.addresses]
    return Opened(
        tuple([await listen("::", port, "TCP") for port in PLAIN_PORTS]),
        (await listen("::", ECHO_PORT, "UDP"),),
        tuple([await listen(one, DNS_PORT, "UDP") for one in servers]),
        tuple([await listen(one, DNS_PORT, "TCP") for one in servers]),
    )


async def serve(opened: Opened, hosts: Sequence[Host] = HOSTS) -> None:
    """Be the outside until cancelled; closes the sockets at the end."""
    names = {str(ipaddress.ip_address(text)): host.names[0] for host in hosts for text in host.addresses}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _answer_http(reader, writer, names)

    async with contextlib.AsyncExitStack() as stack:
        for one in opened.http:
            await stack.enter_async_context(await asyncio.start_server(answer, sock=one))
        for one in opened.echo:
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: Datagrams(_echo), sock=one)
            stack.callback(transport.close)
        await DnsServer(outside_zone(hosts)).serve(opened.dns_datagrams, opened.dns_listeners)


async def _answer_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, names: Mapping[str, str]) -> None:
    """Answer one request, whatever it asks for, and close; what is no HTTP (TLS, say) is closed at once."""
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        async with asyncio.timeout(_HEAD_TIMEOUT_S):
            head = await reader.readuntil(b"\r\n\r\n")
        own, peer = (_plain(writer.get_extra_info(name)[0]) for name in ("sockname", "peername"))
        if b" HTTP/1." in head.split(b"\r\n", 1)[0]:
            body = f"{names.get(own, own)} ({own}) saw {peer}\n".encode()
            start = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
            writer.write(start.encode() + b"Connection: close\r\n\r\n" + (b"" if head.startswith(b"HEAD ") else body))
            await writer.drain()
    writer.close()


def _echo(data: bytes, reply: Callable[[bytes], None]) -> None:
    """Send a datagram back."""
    reply(data)


def _plain(address: str) -> str:
    return address.removeprefix("::ffff:")
