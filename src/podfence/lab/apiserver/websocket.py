"""WebSocket as streams need it: the handshake, whole messages both ways, and the tunnel that carries SPDY.

The frames (RFC 6455) are the ``websockets`` library's, without its I/O: the bytes come from a connection that was
taken over from the HTTP server. The handshake is ours, since "SPDY/3.1+portforward.k8s.io", which kubectl asks for,
is no token, and the library refuses it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from websockets.exceptions import InvalidState
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN, Protocol, Side
from websockets.utils import accept_key

from podfence.lab.apiserver.byte_stream import ByteStream
from podfence.lab.apiserver.status import bad_request

MOST_MESSAGE_BYTES = 4 * 1024 * 1024
"""Clients send what one read of theirs gave, 32 KiB as a rule; a client may choose more."""

_VERSION = "13"


def handshake(key: str, version: str, offered: Sequence[str], spoken: Sequence[str]) -> tuple[str, bytes]:
    """Choose the first subprotocol that we speak (best first) and give it with the response that accepts it.

    Raises ``StatusError`` when nothing fits.
    """
    if not key or version != _VERSION:
        raise bad_request(f"a WebSocket handshake needs a key and version {_VERSION}")
    chosen = next((name for name in spoken if name in offered), None)
    if chosen is None:
        raise bad_request(
            f"unable to upgrade: unable to negotiate protocol: client supports {offered}, server {spoken}"
        )
    response = (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(key)}\r\nSec-WebSocket-Protocol: {chosen}\r\n\r\n"
    )
    return chosen, response.encode()


class WebSocket:
    """The server's side of one WebSocket whose handshake is done."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._protocol = Protocol(Side.SERVER, state=OPEN, max_size=MOST_MESSAGE_BYTES)
        self._frames: list[Frame] = []
        self._fragments: list[bytes] = []

    async def receive(self) -> bytes | None:
        """Give the next message, ``None`` when the client has closed, gone or broken the protocol."""
        while True:
            while self._frames:
                frame = self._frames.pop(0)
                if frame.opcode is Opcode.CLOSE:
                    return None
                if (message := self._joined(frame)) is not None:
                    return message
            # After our own close the client's data goes on until its answer; unread data would reset the connection.
            if self._protocol.parser_exc is not None or not (data := await self._stream.read()):
                return None
            self._protocol.receive_data(data)
            self._frames += [event for event in self._protocol.events_received() if isinstance(event, Frame)]
            await self._flush()

    async def send(self, message: bytes, *, text: bool = False) -> None:
        """Send one message; raises ``ConnectionError`` when the client has gone or closed."""
        try:
            (self._protocol.send_text if text else self._protocol.send_binary)(message)
        except InvalidState as error:
            raise ConnectionError("the WebSocket is closed") from error
        await self._flush()

    async def close(self) -> None:
        """Begin the closing handshake; the byte stream stays open for the client's answer."""
        with contextlib.suppress(InvalidState, ConnectionError):
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
            await self._flush()

    def _joined(self, frame: Frame) -> bytes | None:
        if frame.opcode in {Opcode.PING, Opcode.PONG}:
            return None
        self._fragments.append(bytes(frame.data))
        if not frame.fin:
            return None
        message, self._fragments = b"".join(self._fragments), []
        return message

    async def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            await self._stream.write(data)


class Tunnel:
    """A byte stream in the messages of a WebSocket: SPDY's way from kubectl 1.31 on (port-forward)."""

    def __init__(self, socket: WebSocket, stream: ByteStream) -> None:
        self._socket, self._stream = socket, stream

    async def read(self) -> bytes:
        """Give the next bytes, ``b""`` at the end; an empty message is no end."""
        while True:
            message = await self._socket.receive()
            if message is None:
                return b""
            if message:
                return message

    async def write(self, data: bytes) -> None:
        """Send bytes; raises ``ConnectionError`` when the client has gone."""
        if data:
            await self._socket.send(data)

    async def close(self) -> None:
        """Close the WebSocket, then the connection below."""
        await self._socket.close()
        await self._stream.close()
