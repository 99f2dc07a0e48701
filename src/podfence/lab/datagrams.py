"""Datagrams with their way back, for the servers of the lab."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

Take = Callable[[bytes, Callable[[bytes], None]], None]
"""Takes a datagram and a function that answers its sender."""


class Datagrams(asyncio.DatagramProtocol):
    """Hands each datagram on."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the answers."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        """Hand a datagram on."""
        self._take(data, lambda response: self._answer(response, addr))

    def error_received(self, exc: Exception) -> None:
        """Pass over a client that has gone."""

    def _answer(self, response: bytes, address: tuple[str | int, ...]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(response, address)
