"""Passes one HTTP request on over a connection that is open already, and its answer back as it comes.

Headers that are about a connection end here. Where the answer sends the client elsewhere on the same server, that is
written as a path through the proxy (k8s.io/apimachinery pkg/util/proxy). Links in HTML pages are left alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit, urlunsplit

import h11
import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from podfence.lab.apiserver.proxy.location import Location, unreachable

_PIECE = 65536
_HANDSHAKE_S = 10.0
_OF_CONNECTION = frozenset(
    {
        *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"),
        *(b"te", b"trailer", b"transfer-encoding", b"upgrade"),
    }
)
_NOT_PASSED_ON = _OF_CONNECTION | {b"authorization", b"content-length"}


class Proxied(msgspec.Struct, frozen=True):
    """What is asked of the other side: ``path`` with its query, below ``prefix`` as the client sees it."""

    prefix: str
    path: str


async def forward(opened: socket.socket, location: Location, proxied: Proxied, request: Request) -> Response:
    """Send a request and give the answer; raises 503 when there is none. The socket is closed in the end."""
    body = await request.body()
    try:
        exchange = await _Exchange.begin(opened, location)
    except (OSError, ssl.SSLError) as error:
        opened.close()
        raise unreachable(str(error)) from error
    try:
        line = (request.method, proxied.path)
        head = await exchange.ask(line, _headers(request, location, proxied, body), body)
    except BaseException as error:
        exchange.close()
        if isinstance(error, (OSError, EOFError, h11.RemoteProtocolError)):
            raise unreachable(_why(error)) from error
        raise
    answer = StreamingResponse(exchange.body(), head.status_code)
    answer.raw_headers = list(_answered(head, location, proxied, request))
    return answer


def _why(error: BaseException) -> str:
    if isinstance(error, h11.RemoteProtocolError):
        return "net/http: HTTP/1.x transport connection broken: malformed HTTP response"
    return "EOF" if isinstance(error, EOFError) else f"read tcp: {error}"


class _Exchange:
    """One request and its answer on one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.CLIENT)

    @classmethod
    async def begin(cls, opened: socket.socket, location: Location) -> _Exchange:
        # Nobody has a certificate for the address of a pod; the server does not ask for one either.
        encrypted = ssl._create_unverified_context() if location.scheme == "https" else None  # noqa: S323, SLF001
        name = "" if encrypted else None
        patience_s = _HANDSHAKE_S if encrypted else None
        streams = await asyncio.open_connection(
            sock=opened, ssl=encrypted, server_hostname=name, ssl_handshake_timeout=patience_s
        )
        return cls(*streams)

    async def ask(self, line: tuple[str, str], headers: list[tuple[bytes, bytes]], body: bytes) -> h11.Response:
        """Send a request and wait for the head of its answer; raises ``EOFError`` when none comes."""
        self._send(h11.Request(method=line[0], target=line[1], headers=headers))
        self._send(h11.Data(data=body))
        self._send(h11.EndOfMessage())
        await self._writer.drain()
        event = await self._event()
        while not isinstance(event, h11.Response):
            event = await self._event()
        return event

    async def body(self) -> AsyncIterator[bytes]:
        """Give the body piece by piece, then close the connection; it may break off."""
        try:
            with contextlib.suppress(OSError, h11.RemoteProtocolError):
                while isinstance(event := await self._event(), h11.Data):
                    yield bytes(event.data)
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()

    def _send(self, event: h11.Event) -> None:
        self._writer.write(self._http.send(event) or b"")

    async def _event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            data = await self._reader.read(_PIECE)
            if not data and self._http.their_state is h11.SEND_RESPONSE:
                raise EOFError
            self._http.receive_data(data)
        return event


def _headers(request: Request, location: Location, proxied: Proxied, body: bytes) -> list[tuple[bytes, bytes]]:
    kept = [(name, value) for name, value in request.headers.raw if name not in _NOT_PASSED_ON]
    kept = [(name, value) for name, value in kept if not name.startswith(b"x-forwarded-")]
    if "host" not in request.headers:
        kept.append((b"Host", location.authority.encode()))
    client = request.client.host if request.client else "127.0.0.1"
    kept.append((b"X-Forwarded-For", client.encode()))
    kept.append((b"X-Forwarded-Uri", (proxied.prefix + urlsplit(proxied.path).path).encode()))
    if body or request.method in {"POST", "PUT", "PATCH"}:
        kept.append((b"Content-Length", str(len(body)).encode()))
    return kept


def _answered(
    head: h11.Response, location: Location, proxied: Proxied, request: Request
) -> Iterator[tuple[bytes, bytes]]:
    for name, value in head.headers:
        if name == b"location":
            yield name, _rewritten(value.decode("latin-1"), location, proxied, request).encode("latin-1")
        elif name not in _OF_CONNECTION:
            yield name, value


def _rewritten(target: str, location: Location, proxied: Proxied, request: Request) -> str:
    """Let a redirect lead through the proxy, unless it leads to another host or is relative."""
    with contextlib.suppress(ValueError):
        url = urlsplit(target)
        own = {"", location.authority, location.address, request.headers.get("host", "")}
        if url.netloc in own and url.path.startswith("/") and not url.path.startswith(proxied.prefix + "/"):
            path = posixpath.normpath(f"{proxied.prefix}/{url.path}") + ("/" if url.path.endswith("/") else "")
            return urlunsplit(("", "", path, url.query, url.fragment))
    return target
