"""A connection as one stream of bytes: the raw transport, or the tunnel that a WebSocket makes of it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

READ_BYTES = 64 * 1024


class ByteStream(Protocol):
    """Bytes both ways; ``read`` gives ``b""`` at the end, ``write`` waits while the peer is slow."""

    async def read(self) -> bytes:
        """Give the next bytes."""

    async def write(self, data: bytes) -> None:
        """Send bytes; raises ``ConnectionError`` when the peer has gone."""

    async def close(self) -> None:
        """End the connection; what was written before still arrives."""


class Connection:
    """A connection that was taken over from the HTTP server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self) -> bytes:
        """Give the next bytes, ``b""`` at the end, be it orderly or not."""
        try:
            return await self._reader.read(READ_BYTES)
        except OSError:
            return b""

    async def write(self, data: bytes) -> None:
        """Send bytes; raises ``ConnectionError`` when the peer has gone."""
        if data:
            self._writer.write(data)
            await self._writer.drain()

    async def close(self) -> None:
        """End the connection."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
