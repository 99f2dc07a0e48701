"""Reading and writing file descriptors of pods' programs (pipes, terminals, sockets) without blocking the loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable

READ_BYTES = 64 * 1024


async def read_some(descriptor: int) -> bytes:
    """Wait for bytes and give them, ``b""`` at the end.

    A terminal whose last user has gone answers EIO, a socket that was reset ECONNRESET: both are an end.
    """
    loop = asyncio.get_running_loop()
    while True:
        try:
            return os.read(descriptor, READ_BYTES)
        except BlockingIOError:
            await _ready(descriptor, loop.add_reader, loop.remove_reader)
        except OSError:
            return b""


async def write_all(descriptor: int, data: bytes) -> None:
    """Write all bytes, waiting as long as the reader is slow; raises ``OSError`` when nobody reads any more."""
    loop = asyncio.get_running_loop()
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            await _ready(descriptor, loop.add_writer, loop.remove_writer)


def prepare(descriptors: Iterable[int | None]) -> set[int]:
    """Make descriptors fit for ``read_some`` and ``write_all``, and give those there are, each once."""
    there = {descriptor for descriptor in descriptors if descriptor is not None}
    for descriptor in there:
        os.set_blocking(descriptor, False)
    return there


async def _ready(
    descriptor: int, add: Callable[[int, Callable[[], None]], None], remove: Callable[[int], bool]
) -> None:
    ready = asyncio.Event()
    add(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        remove(descriptor)
