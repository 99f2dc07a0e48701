"""Bodies of requests: JSON, YAML and protobuf to plain objects, with the keys that stand in them twice."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.requests import Request

from podfence.lab.apiserver.options import NO_REPEATS, Repeats
from podfence.lab.apiserver.status import StatusError, bad_request, unsupported_media_type
from podfence.manifests.field_path import RepeatedKey
from podfence.manifests.json_scan import is_too_deep, load, scan
from podfence.manifests.protobuf import CONTENT_TYPE as PROTOBUF
from podfence.manifests.protobuf import ProtobufError, decode_protobuf
from podfence.manifests.validation.cause import quoted
from podfence.manifests.yaml_errors import YamlError
from podfence.manifests.yaml_events import COLUMN_BITS, read_yaml

Object = dict[str, Any]

JSON: Final = "application/json"
YAML: Final = "application/yaml"
_SUMMARY: Final = 30
OBJECT_TYPES: Final = (JSON, YAML, PROTOBUF)
MAX_BODY: Final = 3 * 1024 * 1024
"""Bytes that a body may have, as in a real server."""


class Body(msgspec.Struct, frozen=True):
    """What a body says, and what it says twice."""

    value: Any
    repeats: Repeats = NO_REPEATS


def media_type(request: Request) -> str:
    """Give the type of a request's body, JSON when it has none."""
    return request.headers.get("content-type", JSON).partition(";")[0].strip().lower() or JSON


async def read_text(request: Request) -> bytes:
    """Read a body; raises 413 when it is too large."""
    text = await request.body()
    if len(text) > MAX_BODY:
        message = f"Request entity too large: limit is {MAX_BODY}"
        raise StatusError(413, "RequestEntityTooLarge", message)
    return text


async def read_body(request: Request, kind: str) -> Body:
    """Read an object in any form that objects may be sent in; ``kind`` is what it should be."""
    text = await read_text(request)
    form = media_type(request)
    try:
        if form == PROTOBUF:
            return Body(decode_protobuf(text))
        if form == JSON:
            return read_json(text)
        if form in {YAML, "application/x-yaml", "text/yaml"}:
            return read_yaml_body(text)
    except (UnreadableError, ProtobufError) as error:
        summary = f"({_summary(text)})"
        raise bad_request(f"the object provided is unrecognized (must be of type {kind}): {error} {summary}") from error
    raise unsupported_media_type(OBJECT_TYPES)


def _summary(text: bytes) -> str:
    if not text:
        return "<empty>"
    more = " ..." if len(text) > _SUMMARY else ""
    start = text[:_SUMMARY]
    return (start.decode(errors="replace") if start.startswith(b"{") else start.hex()) + more


class UnreadableError(Exception):
    """A body that is no JSON or YAML."""


def read_json(text: bytes) -> Body:
    """Read JSON text; raises ``UnreadableError``."""
    try:
        if is_too_deep(text, 0, len(text)):
            raise UnreadableError("couldn't get version/kind; json parse error: exceeded max depth")
        value, has_repeats = load(text)
    except (ValueError, msgspec.DecodeError) as error:
        raise UnreadableError(f"couldn't get version/kind; json parse error: {error}") from error
    repeated = scan(text).repeated if has_repeats else ()
    return Body(value, Repeats(tuple(f"duplicate field {quoted(_path(each))}" for each in repeated)))


def read_yaml_body(text: bytes) -> Body:
    """Read one YAML document; raises ``UnreadableError``."""
    try:
        documents = list(read_yaml(text))
    except YamlError as error:
        raise UnreadableError(f"yaml: line {error.line + 1}: {error.message}") from error
    document = documents[0] if documents else None
    if document is None:
        return Body(None)
    texts = tuple(f"line {_line(each)}: key {quoted(each.key)} already set in map" for each in document.repeated)
    return Body(document.value, Repeats(texts, in_yaml=True))


def _line(repeated: RepeatedKey) -> int:
    """Give the line that the server names: that of the value, which below a key of a block is the next one."""
    return (repeated.second >> COLUMN_BITS) + 1 + isinstance(repeated.lost, dict | list)


def _path(repeated: RepeatedKey) -> str:
    return f"{repeated.path}.{repeated.key}" if repeated.path else repeated.key


def as_object(body: Body) -> Object:
    """Take a body for an object; raises 400 when it is none, or when its kind is no text."""
    start = "couldn't get version/kind; json parse error: json: cannot unmarshal"
    if not isinstance(body.value, dict):
        found = _JSON_TYPES.get(type(body.value), "number")
        raise bad_request(f"{start} {found} into Go value of type struct {{ APIVersion string; Kind string }}")
    for name in ("apiVersion", "kind"):
        value = body.value.get(name)
        if value is not None and not isinstance(value, str):
            found = _JSON_TYPES.get(type(value), "number")
            raise bad_request(f"{start} {found} into Go struct field .{name} of type string")
    return body.value


_JSON_TYPES: Final = {list: "array", dict: "object", str: "string", bool: "bool", type(None): "null"}
