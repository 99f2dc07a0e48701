"""HTTP/1.1 for servers in pods: one request after the other on a connection, bodies in memory. No TLS."""

from __future__ import annotations

import re
import socket
import urllib.parse
from collections.abc import Callable
from typing import NamedTuple

_MOST_HEAD_BYTES = 65536
_HEAD_END = re.compile(rb"\r?\n\r?\n")
"""People type lines without carriage returns into ``nc``, and servers take them."""
_MOST_BODY_BYTES = 1 << 24
REASONS = {
    200: "OK", 204: "No Content", 301: "Moved Permanently", 302: "Found", 307: "Temporary Redirect",
    400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 412: "Precondition Failed",
    417: "Expectation Failed", 500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip


class Request(NamedTuple):
    """What a client asked; ``parameters`` of the query and of a form, the last of each name."""

    method: str
    path: str
    parameters: dict[str, str]
    headers: dict[str, str]
    body: bytes
    client: str


class Response(NamedTuple):
    """What the server answers."""

    body: bytes | str = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[[Request], Response]


class _MalformedError(Exception):
    pass


def serve_http(handler: Handler) -> Callable[[socket.socket, str], None]:
    """Make a server of connections out of a handler of requests."""

    def serve(connection: socket.socket, client: str) -> None:
        pending = b""
        while True:
            try:
                request, pending = _read(connection, pending, client)
            except _MalformedError:
                connection.sendall(_write(Response("400 Bad Request", 400), is_head=False, close=True))
                return
            if request is None:
                return
            close = request.headers.get("connection", "").lower() == "close"
            connection.sendall(_write(handler(request), is_head=request.method == "HEAD", close=close))
            if close:
                return

    return serve


def _read(connection: socket.socket, data: bytes, client: str) -> tuple[Request | None, bytes]:
    while (end := _HEAD_END.search(data)) is None:
        if b"\n" in data:
            _request_line(data)
        more = connection.recv(65536)
        if not more:
            return None, b""
        data += more
        if len(data) > _MOST_HEAD_BYTES:
            raise _MalformedError
    words, rest = _request_line(data), data[end.end() :]
    lines = data[: end.start()].decode("latin-1").replace("\r\n", "\n").split("\n")[1:]
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if words[2] == "HTTP/1.0":
        headers.setdefault("connection", "close")
    size = headers.get("content-length", "0")
    if not size.isdecimal() or int(size) > _MOST_BODY_BYTES:
        raise _MalformedError
    while len(rest) < int(size) and (more := connection.recv(65536)):
        rest += more
    return _request(words, headers, rest[: int(size)], client), rest[int(size) :]


def _request_line(data: bytes) -> list[str]:
    """Read method, target and version; a bad line is answered at once, without waiting for the rest of the head."""
    words = data.partition(b"\n")[0].decode("latin-1").rstrip("\r").split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise _MalformedError
    return words


def _request(words: list[str], headers: dict[str, str], body: bytes, client: str) -> Request:
    target = urllib.parse.urlsplit(words[1])
    query = target.query
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        query += "&" + body.decode("latin-1")
    parameters = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    return Request(words[0], urllib.parse.unquote(target.path) or "/", parameters, headers, body, client)


def _write(response: Response, *, is_head: bool, close: bool) -> bytes:
    body = response.body.encode() if isinstance(response.body, str) else response.body
    headers = [f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Unknown')}"]
    headers += [f"{name}: {value}" for name, value in response.headers]
    if not any(name == "Content-Type" for name, _ in response.headers):
        headers.append("Content-Type: text/plain; charset=utf-8")
    headers.append(f"Content-Length: {len(body)}")
    headers += ["Connection: close"] if close else []
    return "\r\n".join(headers).encode() + b"\r\n\r\n" + (b"" if is_head else body)
