"""Port-forward: TCP connections into a pod over SPDY streams, whether SPDY came raw or through a WebSocket.

For each connection the client opens two streams with one ``requestID``: "error", on which one text from us means
failure, and "data". They end inside the pod's own network, so no policy sees them, as in a real cluster.
Sources: ``k8s.io/client-go/tools/portforward``, ``k8s.io/kubelet/pkg/cri/streaming/portforward``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

from podfence.lab.apiserver.byte_stream import ByteStream
from podfence.lab.apiserver.descriptors import prepare, read_some, write_all
from podfence.lab.apiserver.spdy import Event, Opened, Reset, ResetStatus, SpdyConnection, SpdyError
from podfence.lab.interface import PodRuntime

SPDY_PROTOCOLS = ("portforward.k8s.io",)
WEBSOCKET_PROTOCOLS = ("SPDY/3.1+portforward.k8s.io",)

_WAITING_PIECES = 64
"""Pieces of data that one forwarded connection may hold back before the client has to wait."""


class PortForward:
    """All connections of one client into one pod."""

    def __init__(self, stream: ByteStream, runtime: PodRuntime, namespace: str, pod: str, uid: str) -> None:
        self._stream, self._spdy = stream, SpdyConnection()
        self._runtime, self._namespace, self._pod, self._uid = runtime, namespace, pod, uid
        self._errors: dict[str, int] = {}
        self._forwards: dict[int, _Forward] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until the client has gone; its connections end with it."""
        try:
            while (data := await self._stream.read()) and not self._spdy.goes_away:
                for event in self._spdy.receive(data):
                    await self._handle(event)
                await self._flush()
        except SpdyError:
            self._spdy.go_away(after_error=True)
            with contextlib.suppress(ConnectionError):
                await self._flush()
        except ConnectionError:
            pass
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _handle(self, event: Event) -> None:
        if isinstance(event, Opened):
            self._opened(event)
        elif forward := self._forwards.get(event.stream):
            if isinstance(event, Reset):
                forward.task.cancel()
                return
            await forward.put(event.data)
            if event.fin:
                await forward.put(None)

    def _opened(self, event: Opened) -> None:
        kind, port, request = (event.headers.get(name, "") for name in ("streamtype", "port", "requestid"))
        if not port.isascii() or not port.isdecimal() or not 0 < int(port[:6]) < 65536:
            self._spdy.reset(event.stream, ResetStatus.REFUSED_STREAM)
        elif kind == "error":
            self._errors[request] = event.stream
            self._spdy.reply(event.stream)
        elif kind == "data" and request in self._errors:
            self._spdy.reply(event.stream)
            self._forward(self._errors.pop(request), event.stream, int(port))
        else:
            self._spdy.reset(event.stream, ResetStatus.REFUSED_STREAM)

    def _forward(self, error: int, data: int, port: int) -> None:
        waiting: asyncio.Queue[bytes | None] = asyncio.Queue(_WAITING_PIECES)
        task = asyncio.create_task(self._serve(error, data, port, waiting))
        self._tasks.add(task)
        self._forwards[data] = _Forward(waiting, task)

        def forget(ended: asyncio.Task[None]) -> None:
            self._tasks.discard(ended)
            self._forwards.pop(data, None)

        task.add_done_callback(forget)

    async def _serve(self, error: int, data: int, port: int, waiting: asyncio.Queue[bytes | None]) -> None:
        text = ""
        with contextlib.suppress(ConnectionError):  # the client has gone: run() notices
            try:
                descriptor, _ = await self._runtime.connect(self._namespace, self._pod, port)
            except (OSError, LookupError) as failure:
                words = getattr(failure, "strerror", None) or failure
                text = f"error forwarding port {port} to pod {self._pod}, uid {self._uid}: {words}"
            else:
                await self._carry(descriptor, data, waiting)
            self._spdy.send(data, b"", fin=True)
            self._spdy.send(error, text.encode(), fin=True)
            await self._flush()

    async def _carry(self, descriptor: int, data: int, waiting: asyncio.Queue[bytes | None]) -> None:
        prepare((descriptor,))
        upward = asyncio.create_task(_upward(descriptor, waiting))
        try:
            while piece := await read_some(descriptor):
                self._spdy.send(data, piece)
                await self._flush()
        finally:
            upward.cancel()
            await asyncio.gather(upward, return_exceptions=True)
            os.close(descriptor)

    async def _flush(self) -> None:
        await self._stream.write(self._spdy.take())


class _Forward:
    """One connection: what the client sent and the pod has not read, and who serves it."""

    def __init__(self, waiting: asyncio.Queue[bytes | None], task: asyncio.Task[None]) -> None:
        self._waiting, self.task = waiting, task

    async def put(self, piece: bytes | None) -> None:
        """Hand on a piece, ``None`` for the end; waits while too many wait, unless nobody takes them any more."""
        if not self._waiting.full():
            self._waiting.put_nowait(piece)
            return
        putting = asyncio.ensure_future(self._waiting.put(piece))
        await asyncio.wait({putting, self.task}, return_when=asyncio.FIRST_COMPLETED)
        putting.cancel()


async def _upward(descriptor: int, waiting: asyncio.Queue[bytes | None]) -> None:
    """Carry what the client sends to the pod; the end of it ends that direction only."""
    with contextlib.suppress(OSError):
        while (piece := await waiting.get()) is not None:
            await write_all(descriptor, piece)
        with socket.socket(fileno=os.dup(descriptor)) as half:
            half.shutdown(socket.SHUT_WR)
        return
    while await waiting.get() is not None:  # the pod reads no more; the client need not wait for it
        pass
