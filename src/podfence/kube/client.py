"""Requests to one API server: what goes wrong becomes one line that says where, what, and whether it may pass.

Knows nothing of what the objects mean, keeps nothing, and never tries a request again but for a token that was
refused: who asks decides about patience.
"""

from __future__ import annotations

import errno
import os
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import httpx2
import msgspec

from podfence import __version__
from podfence.kube.config import Connection
from podfence.model.error import PodfenceError

USER_AGENT = f"podfence/{__version__}"
CONNECT_S = 10.0
ANSWER_S = 60.0

GONE = 410
FORBIDDEN = 403
NOT_FOUND = 404
CONFLICT = 409

_OK = range(200, 300)
_MOST_OF_A_MESSAGE = 500


class ClusterError(PodfenceError):
    """The cluster did not do what was asked; the line says which cluster and why."""


class UnreachableError(ClusterError):
    """No answer, or only a part of one."""


class RefusedError(ClusterError):
    """The server answered no: ``code`` is that of HTTP, ``reason`` a word such as ``Forbidden``."""

    def __init__(self, message: str, code: int, reason: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.retry_after_s = retry_after_s


class Status(msgspec.Struct, frozen=True):
    """What a server says when it refuses; also the object of an ``ERROR`` event of a watch."""

    code: int = 0
    reason: str | None = ""
    message: str | None = ""


Params = Mapping[str, str]
_STATUS = msgspec.json.Decoder(Status)


class Client:
    """Talks to the server of a connection; use it as a context within an event loop."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._http = httpx2.AsyncClient(
            base_url=connection.server,
            auth=connection.credentials,
            verify=connection.trust if connection.trust is not None else True,
            proxy=connection.proxy or None,
            trust_env=not connection.is_loopback,
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            timeout=httpx2.Timeout(ANSWER_S, connect=CONNECT_S),
            limits=httpx2.Limits(max_connections=None),
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def get(self, path: str, params: Params | None = None) -> bytes:
        """Give the body of an answer. Raises ``ClusterError``."""
        return await self.request("GET", path, params=params)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: object = None,
        timeout_s: float = ANSWER_S,
    ) -> bytes:
        """Send one request, ``body`` as JSON; gives the body of the answer. Raises ``ClusterError``."""
        sent: dict[str, Any] = {}
        if body is not None:
            sent = {"content": msgspec.json.encode(body), "headers": {"Content-Type": "application/json"}}
        timeout = httpx2.Timeout(timeout_s, connect=CONNECT_S)
        with self._named():
            response = await self._http.request(
                method, path, params=params, timeout=timeout, extensions=self._extensions(timeout), **sent
            )
        if response.status_code not in _OK:
            raise self._refused(response)
        return response.content

    @asynccontextmanager
    async def lines(self, path: str, params: Params, quiet_s: float) -> AsyncIterator[AsyncGenerator[bytes]]:
        """Open a stream and give its lines as they come; the rest of a line that was cut off is no line.

        Raises ``UnreachableError`` as well when nothing comes for ``quiet_s``, for half-dead connections look
        healthy.
        """
        timeout = httpx2.Timeout(ANSWER_S, connect=CONNECT_S, read=quiet_s)
        # A compressed stream would hold events back until a block is full.
        headers = {"Accept-Encoding": "identity"}
        with self._named():
            async with self._http.stream(
                "GET", path, params=params, headers=headers, timeout=timeout, extensions=self._extensions(timeout)
            ) as response:
                if response.status_code not in _OK:
                    await response.aread()
                    raise self._refused(response)
                yield _lines(response)

    def _extensions(self, timeout: httpx2.Timeout) -> dict[str, Any]:
        extensions: dict[str, Any] = {"timeout": timeout.as_dict()}
        if self.connection.server_name:
            extensions["sni_hostname"] = self.connection.server_name
        return extensions

    def _named(self) -> _Named:
        return _Named(self.connection.name)

    def _refused(self, response: httpx2.Response) -> RefusedError:
        status = _status(response)
        message = " ".join((status.message or "").split())[:_MOST_OF_A_MESSAGE] or response.reason_phrase
        code = response.status_code
        text = f"{self.connection.name} answers {code}: {message}"
        return RefusedError(text, code, status.reason or "", _retry_after_s(response))


class _Named:
    """Turns the errors of the transport into one line that names the cluster."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, httpx2.HTTPError | httpx2.StreamError | httpx2.InvalidURL | OSError):
            raise UnreachableError(f"cannot reach {self._name}: {reason_of(error)}") from None


async def _lines(response: httpx2.Response) -> AsyncGenerator[bytes]:
    parts: list[bytes] = []
    async for chunk in response.aiter_raw():
        first, *others = chunk.split(b"\n")
        parts.append(first)
        if not others:
            continue
        *whole, last = others
        for line in (b"".join(parts), *whole):
            if line:
                yield line
        parts = [last]


def _status(response: httpx2.Response) -> Status:
    """Read a refusal; a proxy in between says it in plain text or in HTML."""
    try:
        return _STATUS.decode(response.content)
    except msgspec.MsgspecError:
        plain = response.headers.get("content-type", "").startswith("text/plain")
        return Status(message=response.text if plain else "")


def _retry_after_s(response: httpx2.Response) -> float | None:
    """Read ``Retry-After``, which the API server gives in seconds."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else None


def reason_of(error: BaseException) -> str:
    """Say in a few words why a connection failed: what the system said first, deep in the chain of causes."""
    found: BaseException | None = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        if isinstance(found, BaseExceptionGroup):
            found = found.exceptions[0]
            continue
        if isinstance(found, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {found.verify_message}"
        if isinstance(found, ssl.SSLError):
            return f"TLS failed: {found.reason or found}"
        if isinstance(found, OSError) and found.strerror:
            # asyncio writes its own words over the system's; what the resolver says has no number of the system.
            number = found.errno or 0
            return (os.strerror(number) if number in errno.errorcode else found.strerror).lower()
        found = found.__cause__ or found.__context__
    if isinstance(error, httpx2.TimeoutException):
        return "no answer in time" if not isinstance(error, httpx2.ConnectTimeout) else "no connection in time"
    text = str(error).rstrip(".") or type(error).__name__
    return text[:1].lower() + text[1:]
