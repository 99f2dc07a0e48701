"""Asks the lab's API server over HTTP, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx2
import msgspec

from podfence.lab.apiserver.app import create_app, create_registry
from podfence.lab.apiserver.registry import Registry
from podfence.lab.apiserver.service_addresses import DEFAULT_CIDRS
from podfence.manifests.validation.admission import NEWEST, Server

JSON = "application/json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


class Answer(msgspec.Struct, frozen=True):
    """What came back."""

    code: int
    text: str
    warnings: tuple[str, ...]
    media_type: str

    @property
    def value(self) -> Any:  # noqa: ANN401 (any JSON)
        """The body as JSON."""
        return msgspec.json.decode(self.text)

    @property
    def lines(self) -> list[Any]:
        """The body as one JSON value a line, as watches answer."""
        return [msgspec.json.decode(line) for line in self.text.splitlines()]


class Asking:
    """A client of a server of its own."""

    def __init__(
        self,
        server: Server = NEWEST,
        *,
        service_cidrs: Sequence[str] = DEFAULT_CIDRS,
        service_accounts: bool = True,
    ) -> None:
        self.registry: Registry = create_registry(
            server=server, service_cidrs=service_cidrs, service_accounts=service_accounts
        )
        self._app = create_app(self.registry)

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        form: str = JSON,
        accept: str = JSON,
        agent: str = "test/1.0",
    ) -> Answer:
        """Send a request; a body that is no text is sent as JSON."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body) if body is not None else b""
        headers = {"accept": accept, "user-agent": agent} | ({"content-type": form} if content else {})
        return asyncio.run(self._ask(method, path, content, headers))

    async def _ask(self, method: str, path: str, content: bytes, headers: dict[str, str]) -> Answer:
        transport = httpx2.ASGITransport(app=self._app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://lab") as client:
            response = await client.request(method, path, content=content, headers=headers)
        warnings = tuple(response.headers.get_list("warning"))
        return Answer(response.status_code, response.text, warnings, response.headers.get("content-type", ""))
