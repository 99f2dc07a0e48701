"""The HTTP connection of the API server: uvicorn's, but for requests that want the connection for streams.

ASGI has no way to hand a connection over, and SPDY needs one. So the protocol class steps in after the head of the
request was parsed: it takes the transport from uvicorn, which then forgets the connection.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from podfence.lab.apiserver.loopback import is_welcome
from podfence.lab.apiserver.streams import StreamServer, UpgradeRequest


def connection_class(streams: StreamServer) -> type[H11Protocol]:
    """Give the class for ``uvicorn.Config(http=…)`` that sends SPDY and WebSocket upgrades to a stream server.

    No WebSocket ever reaches the ASGI application.
    """

    class StreamingConnection(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            """Begin with a connection, or close it when it is another user's."""
            peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
            if peer and own and not is_welcome(peer, own[1]):
                transport.abort()
                return
            super().connection_made(transport)

        def _should_upgrade(self) -> bool:
            return self._get_upgrade() in {b"spdy/3.1", b"websocket"}

        def handle_websocket_upgrade(self, event: h11.Request) -> None:
            """Take the connection over; uvicorn calls this for whatever ``_should_upgrade`` accepts."""
            self.connections.discard(self)  # else a graceful stop would wait for it
            # connection_lost() must not be called: it would close the transport.
            streams.begin(_request(event), *_taken_over(self.transport, self.conn.trailing_data[0]))

    return StreamingConnection


def _request(event: h11.Request) -> UpgradeRequest:
    headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in event.headers]
    return UpgradeRequest(event.method.decode("ascii"), event.target.decode("latin-1"), headers)


def _taken_over(transport: asyncio.Transport, early: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Give reader and writer of a transport, with the bytes that came behind the request's head."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    if early:
        reader.feed_data(early)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)
