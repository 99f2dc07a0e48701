"""A Swagger 2 document in the protobuf form that kubectl before 1.27 asks for (gnostic's openapi.v2.Document).

Only what ``documents.swagger`` writes can be encoded. Whatever the message has no field for is a vendor extension,
whose value travels as YAML; JSON is YAML.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

CONTENT_TYPE: Final = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
Object = Mapping[str, Any]

_SCHEMA_TEXTS: Final = {"$ref": 1, "format": 2, "title": 3, "description": 4, "pattern": 13}
_SCHEMA_COUNTS: Final = {
    "maxLength": 11,
    "minLength": 12,
    "maxItems": 14,
    "minItems": 15,
    "maxProperties": 17,
    "minProperties": 18,
}
_METHODS: Final = {"get": 2, "put": 3, "post": 4, "delete": 5, "patch": 8}


def encode_swagger(document: Object) -> bytes:
    """Encode a whole document."""
    info = _text(1, document["info"]["title"]) + _text(2, document["info"]["version"])
    paths = b"".join(_field(2, _named(path, _path(item))) for path, item in document["paths"].items())
    definitions = b"".join(_field(1, _named(name, schema(value))) for name, value in document["definitions"].items())
    return _text(1, document["swagger"]) + _field(2, info) + _field(8, paths) + _field(9, definitions)


def schema(value: Object) -> bytes:
    """Encode a schema."""
    parts = [
        *(_text(number, value[name]) for name, number in _SCHEMA_TEXTS.items() if name in value),
        *(_field(5, _any(value["default"])) for _ in _given(value, "default")),
        *(_whole(number, value[name]) for name, number in _SCHEMA_COUNTS.items() if name in value),
        *(_text(19, name) for name in value.get("required", ())),
        *(_field(20, _any(each)) for each in value.get("enum", ())),
    ]
    if "additionalProperties" in value:
        parts.append(_field(21, _additional(value["additionalProperties"])))
    if "type" in value:
        parts.append(_field(22, _text(1, value["type"])))
    if "items" in value:
        parts.append(_field(23, _field(1, schema(value["items"]))))
    parts += [_field(24, schema(each)) for each in value.get("allOf", ())]
    if "properties" in value:
        inner = (_field(1, _named(name, schema(each))) for name, each in value["properties"].items())
        parts.append(_field(25, b"".join(inner)))
    return b"".join([*parts, *_extensions(31, value)])


def _given(value: Object, name: str) -> Iterable[str]:
    return (name,) if name in value else ()


def _additional(value: Object | bool) -> bytes:  # noqa: FBT001 (that is what may stand there)
    return _whole(2, int(value)) if isinstance(value, bool) else _field(1, schema(value))


def _path(item: Object) -> bytes:
    return b"".join(_field(number, _operation(item[method])) for method, number in _METHODS.items() if method in item)


def _operation(operation: Object) -> bytes:
    parameters = (_field(8, _parameter(each)) for each in operation.get("parameters", ()))
    return b"".join(
        [
            *(_text(7, kind) for kind in operation.get("consumes", ())),
            *parameters,
            _field(9, b""),
            *_extensions(13, operation),
        ]
    )


def _parameter(parameter: Object) -> bytes:
    query = _text(2, parameter["in"]) + _text(4, parameter["name"]) + _text(6, parameter["type"])
    return _field(1, _field(2, _field(3, query + _whole(20, int(parameter.get("uniqueItems", False))))))


def _extensions(number: int, value: Object) -> list[bytes]:
    return [
        _field(number, _named(name, _any(entry))) for name, entry in value.items() if name.startswith("x-kubernetes-")
    ]


def _any(value: object) -> bytes:
    return _text(2, json.dumps(value, separators=(",", ":")) + "\n")


def _named(name: str, value: bytes) -> bytes:
    return _text(1, name) + _field(2, value)


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _whole(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
