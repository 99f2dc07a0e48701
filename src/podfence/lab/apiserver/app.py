"""The API server put together: its HTTP application, and how it is served on sockets that are already open.

It speaks plain HTTP without authentication: whoever can reach the sockets may do everything.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from podfence.lab.apiserver import discovery
from podfence.lab.apiserver.admission import Admissions
from podfence.lab.apiserver.bootstrap import create_first_namespaces
from podfence.lab.apiserver.builtin import builtin_resources
from podfence.lab.apiserver.crds.policies import create_policy_crds
from podfence.lab.apiserver.crds.serving import serve_custom_resources
from podfence.lab.apiserver.http.answers import Form, answer, json_answer, page_not_found, wanted_form
from podfence.lab.apiserver.http.dispatch import Dispatch
from podfence.lab.apiserver.http.health import CHECKS, health
from podfence.lab.apiserver.http.request_info import request_info
from podfence.lab.apiserver.names import Making
from podfence.lab.apiserver.openapi import OpenApi
from podfence.lab.apiserver.registry import Registry
from podfence.lab.apiserver.resources import Catalogue
from podfence.lab.apiserver.service_addresses import DEFAULT_CIDRS, ServiceAddresses, families_of
from podfence.lab.apiserver.sqlite_journal import SqliteJournal
from podfence.lab.apiserver.storage import Storage
from podfence.lab.apiserver.strategies import Strategies
from podfence.lab.interface import PodRuntime
from podfence.lab.openapi.gnostic import CONTENT_TYPE as PROTOBUF
from podfence.manifests.validation.admission import NEWEST, Server

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_KEEP_ALIVE_S = 300
_DISCOVERY = "APIGroupDiscoveryList"


def create_registry(
    *,
    data: Path | None = None,
    server: Server = NEWEST,
    service_cidrs: Sequence[str] = DEFAULT_CIDRS,
    service_accounts: bool = True,
    making: Making | None = None,
) -> Registry:
    """Make the objects' side of a server; ``data`` is the SQLite file that keeps them, if one does.

    ``server`` says how CIDRs are judged and which channel the policy CRDs are of; ``service_cidrs`` are where
    Services get their addresses, the default family first; without ``service_accounts`` pods get none. Raises
    ``PodfenceError`` when the file cannot be used.
    """
    journal = SqliteJournal(data) if data else None
    storage = Storage(journal)
    if journal is not None:
        journal.load_into(storage)
    maker = making or Making()
    addresses = ServiceAddresses(storage, service_cidrs)
    strategies = Strategies(storage, maker, addresses, service_accounts=service_accounts)
    server = msgspec.structs.replace(server, ip_families=families_of(service_cidrs))
    registry = Registry(storage, Catalogue(tuple(builtin_resources())), Admissions(server), maker, strategies)
    serve_custom_resources(registry)
    create_first_namespaces(registry)
    create_policy_crds(registry, server.channel)
    return registry


def create_app(registry: Registry, runtime: PodRuntime | None = None) -> Starlette:
    """Make the HTTP application over a registry; ``runtime`` gives the logs of pods."""
    return Starlette(routes=_Server(registry, runtime).routes())


class _Server:
    """The handlers of all paths."""

    def __init__(self, registry: Registry, runtime: PodRuntime | None) -> None:
        self._catalogue = registry.catalogue
        self._openapi = OpenApi(registry)
        self._dispatch = Dispatch(registry, runtime)

    def routes(self) -> list[Route]:
        """Give the routes; every path that is not named is that of a resource, or nobody's."""
        return [
            Route("/version", self._version),
            *(Route(f"/{name}", self._health) for name in CHECKS),
            *(Route(f"/{name}/{check}", self._check) for name, checks in CHECKS.items() for check in checks),
            Route("/api", self._api),
            Route("/apis", self._apis),
            Route("/openapi/v2", self._swagger),
            Route("/openapi/v3", self._openapi_paths),
            Route("/openapi/v3/{path:path}", self._openapi_document),
            Route("/{path:path}", self._resource, methods=_METHODS),
        ]

    async def _version(self, _: Request) -> Response:
        return answer(discovery.version_info())

    async def _health(self, request: Request) -> Response:
        text = health(request.url.path.strip("/"), request.query_params)
        return PlainTextResponse(text, headers={"X-Content-Type-Options": "nosniff"})

    async def _check(self, _: Request) -> Response:
        return PlainTextResponse("ok")

    async def _api(self, request: Request) -> Response:
        form = wanted_form(request, (_DISCOVERY,))
        return self._aggregated([""], form) if form.transformation else answer(discovery.api_versions())

    async def _apis(self, request: Request) -> Response:
        form = wanted_form(request, (_DISCOVERY,))
        if form.transformation:
            return self._aggregated(discovery.group_names(self._catalogue), form)
        return answer(discovery.api_group_list(self._catalogue))

    def _aggregated(self, groups: list[str], form: Form) -> Response:
        response = answer(discovery.aggregated(self._catalogue, groups, form.version))
        kind = f"application/json;g=apidiscovery.k8s.io;v={form.version};as={_DISCOVERY}"
        response.headers["content-type"] = kind
        return response

    async def _openapi_paths(self, _: Request) -> Response:
        return answer(self._openapi.paths())

    async def _openapi_document(self, request: Request) -> Response:
        text = self._openapi.version_3(request.path_params["path"])
        return page_not_found() if text is None else json_answer(text)

    async def _swagger(self, request: Request) -> Response:
        if PROTOBUF in request.headers.get("accept", ""):
            # No media type may hold an @, which those who ask with one know.
            return Response(self._openapi.version_2(protobuf=True), media_type=PROTOBUF.replace("@", "."))
        return json_answer(self._openapi.version_2(protobuf=False))

    async def _resource(self, request: Request) -> Response:
        info = request_info(request.method, request.url.path, request.query_params)
        if info is None:
            return self._description(request.url.path)
        return await self._dispatch.answer(info, request)

    def _description(self, path: str) -> Response:
        match path.strip("/").split("/"):
            case ["api", version]:
                return _found(discovery.api_resource_list(self._catalogue, "", version))
            case ["apis", group]:
                return _found(discovery.api_group(self._catalogue, group))
            case ["apis", group, version]:
                return _found(discovery.api_resource_list(self._catalogue, group, version))
        return page_not_found()


def _found(value: dict[str, Any] | None) -> Response:
    return page_not_found() if value is None else answer(value)


class _Uvicorn(uvicorn.Server):
    """Leaves signals to the process that it runs in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def serve(
    app: Starlette, sockets: Sequence[socket.socket], protocol: type[asyncio.Protocol] | None = None
) -> None:
    """Serve an application on listening sockets until cancelled; all connections are closed then.

    ``protocol`` is uvicorn's HTTP class, for one that takes upgrades over.
    """
    config = uvicorn.Config(
        app,
        http=protocol or "h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        # Watches never end by themselves.
        timeout_graceful_shutdown=0,
    )
    server = _Uvicorn(config)
    serving = asyncio.create_task(server.serve(sockets=list(sockets)))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise
