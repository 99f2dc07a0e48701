"""Schemas of custom resources: those of their CRDs, with what every object has put in."""

from __future__ import annotations

from typing import Any

from podfence.lab.openapi.schemas import Dialect
from podfence.lab.openapi.served import Served
from podfence.lab.openapi.words import field_words

Object = dict[str, Any]
OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
# What Swagger 2 has no word for; a schema without it says less, never something wrong.
_NOT_IN_SWAGGER = frozenset({"nullable", "oneOf", "anyOf", "not", "x-kubernetes-validations"})


def custom_name(served: Served) -> str:
    """Name the schema of a custom resource: the group backwards, version, kind."""
    return ".".join([*reversed(served.group.split(".")), served.version, served.kind])


def custom_schema(served: Served, dialect: Dialect) -> Object:
    """Give the schema of a custom resource."""
    schema = dict(served.schema or {"type": "object", "x-kubernetes-preserve-unknown-fields": True})
    if dialect is Dialect.SWAGGER_2:
        schema = _in_swagger(schema)
    reference: Object = {"$ref": dialect.value + OBJECT_META}
    words = field_words("", "metadata")
    meta = {"allOf": [reference], "description": words} if dialect is Dialect.OPENAPI_3 else reference
    head = {name: {"type": "string", "description": field_words("", name)} for name in ("apiVersion", "kind")}
    return {**schema, "properties": {**(schema.get("properties") or {}), **head, "metadata": meta}}


def _in_swagger(value: Any) -> Any:  # noqa: ANN401 (plain data, as JSON gives it)
    if isinstance(value, dict):
        return {name: _in_swagger(entry) for name, entry in value.items() if name not in _NOT_IN_SWAGGER}
    return [_in_swagger(entry) for entry in value] if isinstance(value, list) else value
