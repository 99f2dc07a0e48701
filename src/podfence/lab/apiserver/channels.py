"""The streams of a remote command (stdin, stdout, stderr, error, resize), over SPDY and over WebSocket.

Both give and take pairs of channel and bytes, so that whoever runs the command need not know how the client speaks.
Sources: ``k8s.io/apimachinery/pkg/util/remotecommand`` (names and versions of the protocols),
``k8s.io/client-go/tools/remotecommand`` (what clients do).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Collection
from enum import IntEnum
from typing import Protocol

import msgspec

from podfence.lab.apiserver.byte_stream import ByteStream
from podfence.lab.apiserver.spdy import Opened, Received, Reset, ResetStatus, SpdyConnection, SpdyError
from podfence.lab.apiserver.websocket import WebSocket

SPDY_PROTOCOLS = ("v4.channel.k8s.io",)
WEBSOCKET_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io", "v4.base64.channel.k8s.io")


class Channel(IntEnum):
    """A stream of a remote command; the number is its first byte in a WebSocket's message."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2
    ERROR = 3
    RESIZE = 4


_BY_NAME = {channel.name.lower(): channel for channel in Channel}
_CLOSE_CHANNEL = 255
"""v5: the first byte of a message that ends the channel named by the second."""


class Input(msgspec.Struct, frozen=True):
    """Bytes from the client; ``is_end`` says that no more will come on this channel."""

    channel: Channel
    data: bytes
    is_end: bool = False


class Channels(Protocol):
    """The streams of one client."""

    async def open(self, wanted: Collection[Channel]) -> bool:
        """Wait until the client has opened the streams that it asked for; False when it has gone instead."""

    def inputs(self) -> AsyncIterator[Input]:
        """Give what the client sends, until it has gone."""

    async def send(self, channel: Channel, data: bytes) -> None:
        """Send output; raises ``ConnectionError`` when the client has gone."""

    async def end(self, status: bytes) -> None:
        """Send the last word on the error stream and end all streams."""


class SpdyChannels:
    """A SPDY stream for each channel, named by its header ``streamtype``."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream, self._spdy = stream, SpdyConnection()
        self._channels: dict[int, Channel] = {}
        self._streams: dict[Channel, int] = {}
        self._early: list[Input] = []

    async def open(self, wanted: Collection[Channel]) -> bool:
        """Accept streams until the wanted ones are there; False when the client has gone."""
        while not set(wanted) <= self._streams.keys():
            inputs = await self._receive()
            if inputs is None:
                return False
            self._early += inputs
        return True

    async def inputs(self) -> AsyncIterator[Input]:
        """Give what the client sends, until it has gone or breaks the protocol."""
        inputs: list[Input] | None = self._early
        while inputs is not None:
            for one in inputs:
                yield one
            inputs = await self._receive()

    async def send(self, channel: Channel, data: bytes) -> None:
        """Send output on a stream that the client opened; else nobody wants it."""
        if channel in self._streams:
            self._spdy.send(self._streams[channel], data)
            await self._flush()

    async def end(self, status: bytes) -> None:
        """Send the last word and end our side of every stream."""
        if Channel.ERROR in self._streams:
            self._spdy.send(self._streams[Channel.ERROR], status)
        for stream in self._streams.values():
            self._spdy.send(stream, b"", fin=True)
        await self._flush()

    async def _receive(self) -> list[Input] | None:
        data = await self._stream.read()
        if not data or self._spdy.goes_away:
            return None
        try:
            events = self._spdy.receive(data)
        except SpdyError:
            self._spdy.go_away(after_error=True)
            await self._flush()
            return None
        inputs = [one for event in events if (one := self._input(event)) is not None]
        await self._flush()
        return inputs

    def _input(self, event: Opened | Received | Reset) -> Input | None:
        if isinstance(event, Opened):
            return self._opened(event)
        channel = self._channels.get(event.stream)
        if channel is None:
            return None
        if isinstance(event, Reset):
            return Input(channel, b"", is_end=True)
        return Input(channel, event.data, is_end=event.fin)

    def _opened(self, event: Opened) -> Input | None:
        channel = _BY_NAME.get(event.headers.get("streamtype", ""))
        if channel is None or channel in self._streams:
            self._spdy.reset(event.stream, ResetStatus.REFUSED_STREAM)
            return None
        self._channels[event.stream], self._streams[channel] = channel, event.stream
        self._spdy.reply(event.stream)
        return Input(channel, b"", is_end=True) if event.fin else None

    async def _flush(self) -> None:
        await self._stream.write(self._spdy.take())


class WebSocketChannels:
    """A message for each piece: the number of its channel, then the bytes; all channels are there from the start."""

    def __init__(self, socket: WebSocket, protocol: str) -> None:
        self._socket = socket
        self._is_base64 = "base64" in protocol
        self._can_close = protocol.startswith("v5.")

    async def open(self, wanted: Collection[Channel]) -> bool:
        """Answer at once."""
        del wanted
        return True

    async def inputs(self) -> AsyncIterator[Input]:
        """Give what the client sends; a message that no client sends ends the connection."""
        while (message := await self._socket.receive()) is not None:
            try:
                one = self._input(message)
            except ValueError:  # not base64, or no such channel
                return
            if one is not None:
                yield one

    async def send(self, channel: Channel, data: bytes) -> None:
        """Send output."""
        if self._is_base64:
            await self._socket.send(b"%d" % channel + base64.b64encode(data), text=True)
        else:
            await self._socket.send(bytes([channel]) + data)

    async def end(self, status: bytes) -> None:
        """Send the last word and close."""
        await self.send(Channel.ERROR, status)
        await self._socket.close()

    def _input(self, message: bytes) -> Input | None:
        if not message:
            return None
        if self._can_close and message[0] == _CLOSE_CHANNEL:
            return Input(Channel(message[1]), b"", is_end=True) if len(message) == 2 else None
        if not self._is_base64:
            return Input(Channel(message[0]), message[1:])
        try:
            return Input(Channel(int(message[:1])), base64.b64decode(message[1:], validate=True))
        except binascii.Error as error:
            raise ValueError("not base64") from error
