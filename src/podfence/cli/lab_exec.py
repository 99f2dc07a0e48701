"""``podfence lab exec``: a command in a pod, with this process's own standard streams."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from typing import BinaryIO

from podfence.kube.client import Client
from podfence.kube.config import Connection, connection
from podfence.kube.exec import Ended, Streams, run_in_pod
from podfence.lab.control_client import require
from podfence.lab.folder import LabFolder

_PIECE = 1 << 16


def run_in_lab(name: str, pod: str, words: Sequence[str], container: str | None, *, has_input: bool) -> int:
    """Run a command in a pod, ``[NS/]NAME``, of a lab, and give its exit code. Raises ``PodfenceError``."""
    namespace, _, own = pod.rpartition("/")
    to = connection(str(require(LabFolder(name)).kubeconfig))
    ended = asyncio.run(_run(to, namespace or "default", own, words, container, has_input=has_input))
    if ended.errors:
        print(ended.errors, file=sys.stderr)
    return ended.code


async def _run(
    to: Connection, namespace: str, pod: str, words: Sequence[str], container: str | None, *, has_input: bool
) -> Ended:
    streams = Streams(_writer(sys.stdout.buffer), _writer(sys.stderr.buffer), _input() if has_input else None)
    async with Client(to) as client:
        return await run_in_pod(client, namespace, pod, words, container=container, timeout_s=None, streams=streams)


def _writer(stream: BinaryIO) -> Callable[[bytes], None]:
    def write(piece: bytes) -> None:
        stream.write(piece)
        stream.flush()

    return write


async def _input() -> AsyncIterator[bytes]:
    """Give standard input piece by piece.

    A thread that nobody waits for reads it: the command may end while the next piece is still being typed.
    """
    pieces: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        while True:
            piece = os.read(sys.stdin.fileno(), _PIECE)
            try:
                loop.call_soon_threadsafe(pieces.put_nowait, piece)
            except RuntimeError:  # the loop is closed: the command has ended
                return
            if not piece:
                return

    threading.Thread(target=read, daemon=True).start()
    while piece := await pieces.get():
        yield piece
