"""Answers: which form a client wants, and how objects, warnings and refusals are put on the wire."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from podfence.lab.apiserver.status import StatusError
from podfence.manifests.write import write_yaml

Object = dict[str, Any]

JSON: Final = "application/json"
encode = msgspec.json.Encoder().encode


class Form(msgspec.Struct, frozen=True):
    """The form that a client asked for: ``transformation`` is Table, PartialObjectMetadata, … or empty."""

    transformation: str = ""
    version: str = ""
    yaml: bool = False


def wanted_form(request: Request, transformations: Iterable[str]) -> Form:
    """Choose the first form of the Accept header that can be given; JSON where none can."""
    known = frozenset(transformations)
    for part in request.headers.get("accept", JSON).split(","):
        media, *parameters = (each.strip() for each in part.split(";"))
        named = dict(each.split("=", 1) for each in parameters if "=" in each)
        if media in {JSON, "application/*", "*/*"} and named.get("as", "") in known | {""}:
            return Form(named.get("as", ""), named.get("v", ""))
        if media in {"application/yaml", "text/yaml"} and "as" not in named:
            return Form(yaml=True)
    return Form()


def answer(value: Object, code: int = 200, *, warnings: Iterable[str] = (), form: Form | None = None) -> Response:
    """Answer with an object."""
    if form is not None and form.yaml:
        return with_warnings(Response(write_yaml((value,)), code, media_type="application/yaml"), warnings)
    return with_warnings(json_answer(encode(value), code), warnings)


def json_answer(text: bytes, code: int = 200) -> Response:
    """Answer with JSON text."""
    response = Response(text, code, media_type=JSON)
    response.headers["cache-control"] = "no-cache, private"
    return response


def refusal(error: StatusError) -> Response:
    """Answer with a Status."""
    response = answer(error.status, error.code, warnings=error.warnings)
    retry = error.details.get("retryAfterSeconds")
    if retry:
        response.headers["retry-after"] = str(retry)
    return response


def page_not_found() -> Response:
    """Answer as for a path that nobody serves."""
    return PlainTextResponse("404 page not found\n", 404, headers={"x-content-type-options": "nosniff"})


def with_warnings(response: Response, warnings: Iterable[str]) -> Response:
    """Add a Warning header for each text that has none yet."""
    for text in warnings:
        header = (b"warning", warning_header(text).encode())
        if header not in response.raw_headers:
            response.raw_headers.append(header)
    return response


def warning_header(text: str) -> str:
    """Write a warning as a header (RFC 7234 with an unknown agent)."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'299 - "{quoted}"'
