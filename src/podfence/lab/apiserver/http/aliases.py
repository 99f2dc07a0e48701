"""Kinds that are served under a second API version, whose objects are those of the first: translated on the way.

Two need more than another ``apiVersion``: events of events.k8s.io, and autoscaling/v1. The request is put into the
words of the version that is stored, the answer back into those of the version that was asked for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from podfence.lab.apiserver.http.bodies import JSON, as_object, read_body
from podfence.lab.apiserver.http.request_info import RequestInfo
from podfence.lab.apiserver.resources import ApiResource
from podfence.lab.apiserver.tables.words import at

Object = dict[str, Any]
Handle = Callable[[RequestInfo, Request], Awaitable[Response]]

_EVENT_WORDS: Final = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_CORE_EVENT_WORDS: Final = {core: new for new, core in _EVENT_WORDS.items()}
_CPU: Final = "targetCPUUtilizationPercentage"


def _renamed(value: Object, words: Mapping[str, str]) -> Object:
    return {words.get(name, name): entry for name, entry in value.items()}


def _to_metrics(value: Object) -> Object:
    spec = dict(value.get("spec") or {})
    percent = spec.pop(_CPU, None)
    if percent is not None:
        target = {"type": "Utilization", "averageUtilization": percent}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    return {**value, "spec": spec}


def _from_metrics(value: Object) -> Object:
    spec = dict(value.get("spec") or {})
    for metric in spec.pop("metrics", ()):
        if at(metric, "resource", "name") == "cpu":
            spec[_CPU] = at(metric, "resource", "target", "averageUtilization")
    return {**value, "spec": spec}


_TO_STORED: Final[Mapping[str, Callable[[Object], Object]]] = {
    "Event": lambda value: _renamed(value, _EVENT_WORDS),
    "HorizontalPodAutoscaler": _to_metrics,
}
_FROM_STORED: Final[Mapping[str, Callable[[Object], Object]]] = {
    "Event": lambda value: _renamed(value, _CORE_EVENT_WORDS),
    "HorizontalPodAutoscaler": _from_metrics,
}


async def answer_as(
    alias: ApiResource, stored: ApiResource, info: RequestInfo, request: Request, handle: Handle
) -> Response:
    """Answer a request for an alias by handling it as one for the stored version; raises ``StatusError``."""
    target = msgspec.structs.replace(info, group=stored.group, version=stored.version)
    if request.method in {"POST", "PUT", "PATCH"} and "json-patch" not in request.headers.get("content-type", ""):
        request = await _translated(alias, stored, request)
    response = await handle(target, request)
    if isinstance(response, StreamingResponse):
        response.body_iterator = _lines(alias, stored, response.body_iterator)
        return response
    value = _outward(msgspec.json.decode(response.body), alias, stored)
    return _with_body(response, msgspec.json.encode(value))


async def _translated(alias: ApiResource, stored: ApiResource, request: Request) -> Request:
    is_patch = request.method == "PATCH"
    text = await request.body()
    body: Any = msgspec.json.decode(text) if is_patch else as_object(await read_body(request, alias.kind))
    inward = _TO_STORED[alias.kind](body)
    if inward.get("apiVersion") == alias.api_version:
        inward["apiVersion"] = stored.api_version
    content = msgspec.json.encode(inward)
    others = [(name, value) for name, value in request.scope["headers"] if is_patch or name != b"content-type"]
    headers = others if is_patch else [*others, (b"content-type", JSON.encode())]

    async def receive() -> Any:  # noqa: ANN401 (a message of ASGI)
        return {"type": "http.request", "body": content, "more_body": False}

    return Request({**request.scope, "headers": headers}, receive)


def _outward(value: Any, alias: ApiResource, stored: ApiResource) -> Any:  # noqa: ANN401 (any JSON)
    """Translate an object, a list, or an event of a watch; tables and statuses stay as they are."""
    if isinstance(value.get("object"), dict):
        return {**value, "object": _outward(value["object"], alias, stored)}
    if value.get("apiVersion") != stored.api_version:
        return value
    if value.get("kind") == stored.kind:
        return {**_FROM_STORED[alias.kind](value), "apiVersion": alias.api_version}
    if value.get("kind") == stored.kind_of_list:
        items = [_FROM_STORED[alias.kind](item) for item in value["items"]]
        return {**value, "apiVersion": alias.api_version, "items": items}
    return value


async def _lines(alias: ApiResource, stored: ApiResource, pieces: Any) -> AsyncIterator[bytes]:  # noqa: ANN401 (Starlette's)
    async for piece in pieces:
        values = (_outward(msgspec.json.decode(line), alias, stored) for line in piece.splitlines())
        yield b"".join(msgspec.json.encode(value) + b"\n" for value in values)


def _with_body(response: Response, body: bytes) -> Response:
    translated = Response(body, response.status_code, media_type=JSON)
    kept = [(name, value) for name, value in response.raw_headers if name in {b"warning", b"cache-control"}]
    translated.raw_headers += kept
    return translated
