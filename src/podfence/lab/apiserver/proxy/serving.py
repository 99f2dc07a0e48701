"""Answers requests to the subresource ``proxy``.

In a real cluster such a request comes from the node of the API server: to pods of that node it passes every
NetworkPolicy, to others as whatever their policies say of that node's address. So it does here, with the lab's first
node; and where no policy had a say, a warning says so.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from podfence.lab.apiserver.http.answers import with_warnings
from podfence.lab.apiserver.http.logs import no_runtime
from podfence.lab.apiserver.proxy.forwarding import Proxied, forward
from podfence.lab.apiserver.proxy.location import Location, locate, unreachable
from podfence.lab.apiserver.registry import Registry
from podfence.lab.apiserver.resources import ApiResource
from podfence.lab.interface import PodRuntime

PAST_POLICIES: Final = "the proxy reached the pod from its own node, past every NetworkPolicy: it says nothing of them"
_PATIENCE_S: Final = 30.0
_MOVED: Final = 301


async def proxy(
    registry: Registry, runtime: PodRuntime | None, resource: ApiResource, key: tuple[str, str], request: Request
) -> Response:
    """Pass a request on; raises ``StatusError`` when it cannot go anywhere or nobody answers."""
    location = locate(registry, resource, *key)
    proxied = _proxied(request, resource)
    if not proxied.path.startswith("/") and request.method in {"GET", "HEAD"}:
        # Links of a page are relative to its path, so that a path there must be.
        moved = f"{request.url.path}/{proxied.path}"
        return Response(status_code=_MOVED, headers={"location": moved})
    if runtime is None:
        raise no_runtime()
    opened = await _open(runtime, location)
    answer = await forward(opened, location, proxied, request)
    return with_warnings(answer, (PAST_POLICIES,) if _is_past_policies(location, runtime) else ())


def _proxied(request: Request, resource: ApiResource) -> Proxied:
    """Split a request's path behind ``proxy``; what is encoded in it stays so."""
    raw = request.scope.get("raw_path") or request.url.path.encode()
    segments = raw.decode("latin-1").partition("?")[0].split("/")
    # /api/v1/namespaces/NAMESPACE/pods/NAME/proxy, /api/v1/nodes/NAME/proxy
    end = 8 if resource.namespaced else 6
    rest = "".join(f"/{segment}" for segment in segments[end:])
    query = request.url.query
    return Proxied("/".join(segments[:end]), rest + (f"?{query}" if query else ""))


async def _open(runtime: PodRuntime, location: Location) -> socket.socket:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await runtime.dial(location.address, location.port)
    except TimeoutError:
        raise unreachable(f"dial tcp {location.authority}: i/o timeout") from None
    except LookupError as error:
        raise unreachable("the API server has no node yet") from error
    except OSError as error:
        raise unreachable(f"dial tcp {location.authority}: {_go_words(error)}") from error


def _go_words(error: OSError) -> str:
    if error.errno == errno.ETIMEDOUT:
        return "i/o timeout"
    return f"connect: {os.strerror(error.errno or errno.EIO).lower()}"


def _is_past_policies(location: Location, runtime: PodRuntime) -> bool:
    spec = location.pod["spec"] if location.pod else {}
    return bool(spec) and spec.get("nodeName") == runtime.api_node and not spec.get("hostNetwork")
