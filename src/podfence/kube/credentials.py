"""What a request says of who sends it: tokens, passwords, and what exec plugins print.

Everything that can expire is asked for again: a token file once a minute, a plugin's credential at its expiry, and
both at once when the server answers 401. Own rather than a library's, for lightkube (1.0) merges no files, knows
neither ``client.authentication.k8s.io/v1`` nor expiry nor a plugin's certificates, and brings models and HTTP/2.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import ssl
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import httpx2
import msgspec

from podfence.kube.kubeconfig import Cluster, Plugin
from podfence.model.error import PodfenceError

TOKEN_FILE_AGE_S = 60.0
"""How old a token out of a file may get; the kubelet renews them at 80 % of their life, an hour at least."""

PLUGIN_PATIENCE_S = 300.0
"""How long a plugin may take: some wait for a person to log in."""

_PLUGIN_API = "client.authentication.k8s.io/"
_UNAUTHORIZED = 401


class Token(Protocol):
    """Gives the bearer token of the moment."""

    async def current(self, *, refused: str | None = None) -> str | None:
        """Give the token, another than that which was refused if there is one; ``None`` when another way is used."""


class Fixed:
    """A token that never changes."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def current(self, *, refused: str | None = None) -> str | None:  # noqa: ARG002 (nothing newer can be had)
        """Give the token."""
        return self._token


class FromFile:
    """A token in a file that somebody renews, as the kubelet does for service accounts."""

    def __init__(self, file: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._clock = clock
        self._token = ""
        self._read_at = float("-inf")

    async def current(self, *, refused: str | None = None) -> str | None:
        """Give the token, read again when it is old. Raises ``PodfenceError`` when it never could be read."""
        if refused == self._token or self._clock() - self._read_at >= TOKEN_FILE_AGE_S:
            try:
                self._token = Path(self._file).read_text(encoding="utf-8").strip()  # noqa: ASYNC240 (a few hundred bytes of a local file)
            except (OSError, UnicodeDecodeError) as error:
                if not self._token:
                    raise PodfenceError(f"{self._file}: no token can be read: {error}") from None
            self._read_at = self._clock()
        return self._token


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """What a plugin answered: a token, or a certificate and its key, and until when."""

    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: dt.datetime | None = None


class _Answer(msgspec.Struct, frozen=True):
    status: Status


Run = Callable[[Plugin, Mapping[str, str]], Awaitable[bytes]]
"""Runs a plugin with an environment; gives its standard output."""


class FromPlugin:
    """A credential that a program prints (ExecCredential), kept until it expires."""

    def __init__(
        self,
        plugin: Plugin,
        cluster: Cluster,
        trust: ssl.SSLContext | None,
        *,
        run: Run | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._plugin = plugin
        self._cluster = cluster
        self._trust = trust
        self._run = run or run_plugin
        self._now = now
        self._status: Status | None = None
        self._running = asyncio.Lock()

    async def current(self, *, refused: str | None = None) -> str | None:
        """Give the token, ``None`` when the plugin gives a certificate. Raises ``PodfenceError``."""
        async with self._running:  # many requests at once must not run it many times
            if self._status is None or self._status.token == refused or self._is_over(self._status):
                self._status = await self._ask()
                self._show(self._status)
        return self._status.token or None

    def _is_over(self, status: Status) -> bool:
        ends = status.expiration_timestamp
        return ends is not None and ends.timestamp() <= self._now()

    async def _ask(self) -> Status:
        output = await self._run(self._plugin, self._environment())
        try:
            return msgspec.json.decode(output, type=_Answer).status
        except msgspec.MsgspecError as error:
            raise PodfenceError(f"exec plugin {self._plugin.command}: no ExecCredential: {error}") from None

    def _show(self, status: Status) -> None:
        """Hand a certificate to the connections to come."""
        if status.client_certificate_data and self._trust is not None:
            load_client_certificate(
                self._trust, status.client_certificate_data.encode(), status.client_key_data.encode()
            )

    def _environment(self) -> dict[str, str]:
        plugin, cluster = self._plugin, self._cluster
        spec: dict[str, Any] = {"interactive": False}
        if plugin.provide_cluster_info:
            spec["cluster"] = {
                "server": cluster.server,
                "tls-server-name": cluster.tls_server_name,
                "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
                "certificate-authority-data": cluster.certificate_authority_data,
                "proxy-url": cluster.proxy_url,
            }
        about = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}
        own = {variable.name: variable.value for variable in plugin.env or ()}
        return {**os.environ, **own, "KUBERNETES_EXEC_INFO": msgspec.json.encode(about).decode()}


def checked_plugin(plugin: Plugin) -> Plugin:
    """Give a plugin that can be used. Raises ``PodfenceError`` for one that would talk to a person, or an old one."""
    if not plugin.command:
        raise PodfenceError("the exec plugin of the kubeconfig has no command")
    if not plugin.api_version.startswith(_PLUGIN_API):
        raise PodfenceError(f"exec plugin {plugin.command}: apiVersion {plugin.api_version or 'missing'} is not known")
    if plugin.interactive_mode == "Always":
        raise PodfenceError(f"exec plugin {plugin.command} wants to talk to a person; give a kubeconfig that does not")
    return plugin


async def run_plugin(plugin: Plugin, environment: Mapping[str, str]) -> bytes:
    """Run a plugin; what it says to a person goes to our standard error. Raises ``PodfenceError``."""
    try:
        process = await asyncio.create_subprocess_exec(
            plugin.command,
            *(plugin.args or ()),
            env=dict(environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        hint = f"; {' '.join(plugin.install_hint.split())}" if plugin.install_hint else ""
        reason = (error.strerror or str(error)).lower()
        raise PodfenceError(f"exec plugin {plugin.command} cannot be run: {reason}{hint}") from None
    try:
        async with asyncio.timeout(PLUGIN_PATIENCE_S):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise PodfenceError(f"exec plugin {plugin.command} did not answer within {PLUGIN_PATIENCE_S:.0f} s") from None
    if process.returncode:
        raise PodfenceError(f"exec plugin {plugin.command} failed with code {process.returncode}")
    return output


def load_client_certificate(trust: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Show a certificate to the server from now on; Python loads these from files only. Raises ``PodfenceError``."""
    with tempfile.TemporaryDirectory(prefix="podfence-") as folder:
        file = Path(folder) / "client.pem"
        file.touch(mode=0o600)
        file.write_bytes(certificate.rstrip() + b"\n" + key)
        try:
            trust.load_cert_chain(file)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise PodfenceError(f"the client certificate and its key cannot be used: {error}") from None


class Credentials(httpx2.Auth):
    """Adds the token to each request, and asks for a new one, once, when the server refuses it."""

    def __init__(self, token: Token | None, headers: Iterable[tuple[str, str]] = ()) -> None:
        self._token = token
        self._headers = list(headers)

    async def headers(self, *, refused: str | None = None) -> list[tuple[str, str]]:
        """Give the headers that say who asks; ``refused`` is a token that the server did not take."""
        token = await self._token.current(refused=refused) if self._token is not None else None
        return [*self._headers, ("Authorization", f"Bearer {token}")] if token else list(self._headers)

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Send a request with the token; see ``httpx2.Auth``."""
        request.headers.update(await self.headers())
        response = yield request
        if response.status_code == _UNAUTHORIZED and self._token is not None:
            refused = request.headers.get("Authorization", "").removeprefix("Bearer ")
            request.headers.update(await self.headers(refused=refused))
            yield request
