"""HTTP requests for the small tools: one connection, one answer, plain HTTP/1.1, redirects followed on demand."""

from __future__ import annotations

import http.client
import urllib.parse
from collections.abc import Mapping
from typing import NamedTuple

_MOST_REDIRECTS = 10


class Answer(NamedTuple):
    """What came back: status line parts, headers as they came, body, the URL that gave it."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    url: str


class UnsupportedError(Exception):
    """A URL that these tools cannot fetch, with the reason."""


def host_and_port(url: str) -> tuple[str, int, str]:
    """Split a URL, its ``http://`` optional, into host, port and path; raises ``UnsupportedError``."""
    parts = urllib.parse.urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme != "http":
        raise UnsupportedError(f"protocol {parts.scheme} is not supported")
    try:
        port = parts.port or 80
    except ValueError as error:
        raise UnsupportedError(str(error)) from None
    if not parts.hostname:
        raise UnsupportedError("no host part in the URL")
    return parts.hostname, port, urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))


def host_header(host: str, port: int) -> str:
    """Write the Host header."""
    name = f"[{host}]" if ":" in host else host
    return name if port == 80 else f"{name}:{port}"


def fetch(
    url: str,
    timeout_s: float | None,
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    follow: bool = False,
    address: str = "",
) -> Answer:
    """Send a request, to the ``address`` that was found if one is given, and give the answer.

    Raises ``OSError``, ``http.client.HTTPException``, ``UnsupportedError``.
    """
    for _ in range(_MOST_REDIRECTS):
        host, port, path = host_and_port(url)
        connection = http.client.HTTPConnection(address or host, port, timeout=timeout_s)
        sent = {"Host": host_header(host, port), **(headers or {})}
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            answer = Answer(response.status, response.reason, tuple(response.getheaders()), response.read(), url)
        finally:
            connection.close()
        location = dict(answer.headers).get("Location")
        if not follow or not location or answer.status // 100 != 3:
            return answer
        address = ""
        url = urllib.parse.urljoin(url if "://" in url else f"http://{url}", location)
    raise UnsupportedError("too many redirects")
