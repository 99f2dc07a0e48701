"""Bodies of requests: JSON, YAML and protobuf to plain objects, with the keys that stand in them twice."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.requests import Request

from podfence.lab.apiserver.protobuf import decode_protobuf
from podfence.lab.apiserver.status import StatusError, bad_request, unsupported_media_type
from podfence.manifests.json_scan import is_too_deep, load, scan
from podfence.manifests.yaml_errors import YamlError
from podfence.manifests.yaml_events import read_yaml

Object = dict[str, Any]

JSON: Final = "application/json"
YAML: Final = "application/yaml"
PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
OBJECT_TYPES: Final = (JSON, YAML, PROTOBUF)
MAX_BODY: Final = 3 * 1024 * 1024
"""Bytes that a body may have, as in a real server."""


class Body(msgspec.Struct, frozen=True):
    """What a body says; ``repeated`` are the paths of keys that it has twice."""

    value: Any
    repeated: tuple[str, ...] = ()


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


async def read_body(request: Request) -> Body:
    """Read an object in any form that objects may be sent in."""
    text = await read_text(request)
    form = media_type(request)
    if form == JSON:
        return read_json(text)
    if form in {YAML, "application/x-yaml", "text/yaml"}:
        return read_yaml_body(text)
    if form == PROTOBUF:
        return Body(decode_protobuf(text))
    raise unsupported_media_type(OBJECT_TYPES)


def read_json(text: bytes) -> Body:
    """Read JSON text; raises 400 in the words of Go's decoder as far as they can be told."""
    try:
        if is_too_deep(text, 0, len(text)):
            raise bad_request("exceeded max depth")
        value, has_repeats = load(text)
    except (ValueError, msgspec.DecodeError) as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from error
    repeated = tuple(_path(each.path, each.key) for each in scan(text).repeated) if has_repeats else ()
    return Body(value, repeated)


def read_yaml_body(text: bytes) -> Body:
    """Read one YAML document; raises 400."""
    try:
        documents = list(read_yaml(text))
    except YamlError as error:
        raise bad_request(f"error converting YAML to JSON: yaml: {error}") from error
    document = documents[0] if documents else None
    if document is None:
        return Body(None)
    return Body(document.value, tuple(_path(each.path, each.key) for each in document.repeated))


def _path(parent: str, key: str) -> str:
    return f"{parent}.{key}" if parent else key


def as_object(body: Body) -> Object:
    """Take a body for an object; raises 400 when it is none."""
    if not isinstance(body.value, dict):
        found = {list: "array", str: "string", type(None): "null"}.get(type(body.value), "number")
        message = "couldn't get version/kind; json parse error: json: cannot unmarshal "
        raise bad_request(
            f'{message}{found} into Go value of type struct {{ APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }}'
        )
    return body.value
