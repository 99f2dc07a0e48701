"""Schemas of the built-in types, made from the table of types, in the dialects of OpenAPI 3 and of Swagger 2."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import Any

from podfence.lab.openapi.words import field_words, kind_words
from podfence.manifests.types import Field, RecordType, record_type

Object = dict[str, Any]
_META, _EXTENSIONS = "io.k8s.apimachinery.pkg.", "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."


class Dialect(enum.Enum):
    """Which OpenAPI is written; the value is where schemas stand in a document."""

    SWAGGER_2 = "#/definitions/"
    OPENAPI_3 = "#/components/schemas/"


_SCALARS: Mapping[str, Object] = {
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "float64": {"type": "number", "format": "double"},
    "bytes": {"type": "string", "format": "byte"},
}
_ZERO: Mapping[str, object] = {"string": "", "bool": False, "int32": 0, "int64": 0, "float64": 0}
SPECIAL_NAMES: Mapping[str, str] = {
    "time": f"{_META}apis.meta.v1.Time",
    "micro-time": f"{_META}apis.meta.v1.MicroTime",
    "duration": f"{_META}apis.meta.v1.Duration",
    "quantity": f"{_META}api.resource.Quantity",
    "int-or-string": f"{_META}util.intstr.IntOrString",
    "raw": f"{_META}runtime.RawExtension",
    "json": f"{_EXTENSIONS}JSON",
    "schema-or-array": f"{_EXTENSIONS}JSONSchemaPropsOrArray",
    "schema-or-bool": f"{_EXTENSIONS}JSONSchemaPropsOrBool",
    "schema-or-strings": f"{_EXTENSIONS}JSONSchemaPropsOrStringArray",
}
_FIELDS_V1 = f"{_META}apis.meta.v1.FieldsV1"


def special_schema(word: str, dialect: Dialect) -> Object:
    """Give the schema of a type that writes itself."""
    alternatives: Mapping[str, list[str]] = {"int-or-string": ["integer", "string"], "quantity": ["string", "number"]}
    match word:
        case "time" | "micro-time":
            return {"type": "string", "format": "date-time"}
        case "duration":
            return {"type": "string"}
        case "raw":
            return {"type": "object"}
        case "int-or-string" | "quantity":
            form = {"format": "int-or-string"} if word == "int-or-string" else {}
            if dialect is Dialect.SWAGGER_2:
                return {"type": "string", **form}
            return {**form, "oneOf": [{"type": name} for name in alternatives[word]]}
        case _:
            return {}


def schemas_of(names: Iterator[str], dialect: Dialect) -> dict[str, Object]:
    """Give the schemas of some records and of everything that they hold, by name."""
    found: dict[str, Object] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        record = record_type(name)
        found[name] = record_schema(record, dialect)
        for field in record.fields.values():
            if field.record is not None:
                waiting.append(field.type)
            elif field.type in SPECIAL_NAMES:
                special = special_name(field)
                found[special] = _described(special_schema(field.type, dialect), kind_words(special), dialect)
    return dict(sorted(found.items()))


def special_name(field: Field) -> str:
    """Name the schema of a field whose type writes itself."""
    return _FIELDS_V1 if field.name == "fieldsV1" else SPECIAL_NAMES[field.type]


def record_schema(record: RecordType, dialect: Dialect) -> Object:
    """Give the schema of a record; other records are referred to."""
    schema: Object = {"type": "object"}
    words = kind_words(record.name)
    if words:
        schema["description"] = words
    if record.fields:
        schema["properties"] = {
            name: _described(_field_schema(field, dialect), field_words(record.name, name), dialect)
            for name, field in record.fields.items()
        }
    required = [name for name, field in record.fields.items() if field.required]
    if required:
        schema["required"] = required
    if record.map_type:
        schema["x-kubernetes-map-type"] = record.map_type
    return schema


def _described(schema: Object, words: str, dialect: Dialect) -> Object:
    if not words:
        return schema
    return {**_wrapped(schema, dialect), "description": words}


def _wrapped(schema: Object, dialect: Dialect) -> Object:
    """Make room beside a reference, where OpenAPI 3 allows nothing."""
    if "$ref" not in schema or dialect is Dialect.SWAGGER_2:
        return schema
    return {"allOf": [{"$ref": schema["$ref"]}]}


def _field_schema(field: Field, dialect: Dialect) -> Object:
    item = _item_schema(field, dialect)
    if field.repeated or field.map:
        item = _with_item_default(item, field, dialect)
    if field.map:
        schema: Object = {"type": "object", "additionalProperties": item}
    elif field.repeated:
        schema = {"type": "array", "items": item}
    else:
        schema = item
        if field.default is not None and dialect is Dialect.OPENAPI_3:
            schema = {**_wrapped(item, dialect), "default": field.default}
    found = dict(_extensions(field))
    return {**_wrapped(schema, dialect), **found} if found else schema


def _with_item_default(item: Object, field: Field, dialect: Dialect) -> Object:
    if dialect is Dialect.SWAGGER_2:
        return item
    if field.record is not None:
        return {**_wrapped(item, dialect), "default": {}}
    zero = _ZERO.get(field.type)
    return item if zero is None else {**item, "default": zero}


def _item_schema(field: Field, dialect: Dialect) -> Object:
    if field.record is not None:
        return {"$ref": dialect.value + field.type}
    if field.type in SPECIAL_NAMES:
        return {"$ref": dialect.value + special_name(field)}
    if field.type.startswith("[]"):
        default = {"default": ""} if dialect is Dialect.OPENAPI_3 else {}
        return {"type": "array", "items": {**_SCALARS[field.type[2:]], **default}}
    schema = dict(_SCALARS[field.type])
    return schema | ({"enum": list(field.enum)} if field.enum else {})


def _extensions(field: Field) -> Iterator[tuple[str, Any]]:
    if field.list_type:
        yield "x-kubernetes-list-type", field.list_type
    if field.list_keys:
        yield "x-kubernetes-list-map-keys", list(field.list_keys)
    if field.map_type:
        yield "x-kubernetes-map-type", field.map_type
    if field.merge_key:
        yield "x-kubernetes-patch-merge-key", field.merge_key
    if field.strategy:
        yield "x-kubernetes-patch-strategy", field.strategy
