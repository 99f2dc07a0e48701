"""Asks other DNS servers, through sockets that the caller opens: in the lab's network, never in the machine's."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import dns.exception
import dns.flags
import dns.message

TIMEOUT_S: Final = 2.0

Upstream = Callable[[dns.message.Message], Awaitable[dns.message.Message]]
"""Asks another server; raises ``OSError`` (a time-out is one) or ``dns.exception.DNSException``."""

Connect = Callable[[str, int, str], Awaitable[socket.socket]]
"""Gives a socket that is connected to an address and port by ``UDP`` or ``TCP``, in the namespace from which to ask."""


def ask_servers(addresses: Sequence[str], connect: Connect, port: int = 53) -> Upstream:
    """Ask the first of some servers that answers, by UDP and, where an answer is cut short, by TCP."""

    async def ask(query: dns.message.Message) -> dns.message.Message:
        problem: Exception = OSError("no server to ask")
        for address in addresses:
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    return await _ask(query, address, connect, port)
            except (OSError, dns.exception.DNSException) as error:
                problem = error
        raise problem

    return ask


async def _ask(query: dns.message.Message, address: str, connect: Connect, port: int) -> dns.message.Message:
    loop = asyncio.get_running_loop()
    with await connect(address, port, "UDP") as datagrams:
        await loop.sock_sendall(datagrams, query.to_wire())
        while True:
            response = _read(await loop.sock_recv(datagrams, 65_535), query)
            if response is not None:
                break
    if not response.flags & dns.flags.TC:
        return response
    with await connect(address, port, "TCP") as stream:
        wire = query.to_wire()
        await loop.sock_sendall(stream, len(wire).to_bytes(2, "big") + wire)
        length = int.from_bytes(await _receive(stream, 2), "big")
        return _read(await _receive(stream, length), query) or response


def _read(wire: bytes, query: dns.message.Message) -> dns.message.Message | None:
    """Read a response; one to something else than was asked is nobody's."""
    response = dns.message.from_wire(wire, ignore_trailing=True, raise_on_truncation=False)
    return response if query.is_response(response) else None


async def _receive(stream: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        piece = await asyncio.get_running_loop().sock_recv(stream, length - len(data))
        if not piece:
            raise ConnectionResetError("the server hung up in the middle of an answer")
        data += piece
    return data
