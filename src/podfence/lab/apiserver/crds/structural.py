"""Structural schemas between their two forms: ``openAPIV3Schema`` in a CRD, and ``Schema``, by which objects are read.

Some rules in CEL and some formats have no counterpart; ``unjudged`` finds them, so that it can be said aloud that they
are not enforced.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from podfence.lab.apiserver.crds.expressions import read_rule
from podfence.manifests.validation.formats import UNKNOWN
from podfence.manifests.validation.schema import Rule, Schema

Object = dict[str, Any]

_NUMBERS: Final = {
    "minimum": "minimum",
    "maximum": "maximum",
    "max_length": "maxLength",
    "min_length": "minLength",
    "min_items": "minItems",
    "max_items": "maxItems",
    "min_properties": "minProperties",
    "max_properties": "maxProperties",
    "multiple_of": "multipleOf",
}
_UNJUDGED_RULE: Final = Rule("definition", "", lambda _: True)
ANYTHING: Final = Schema("", keeps_unknown=True)


def read_schema(node: Object) -> Schema:
    """Read an ``openAPIV3Schema``."""
    rules = [read_rule(rule) for rule in node.get("x-kubernetes-validations") or ()]
    items, additional = node.get("items"), node.get("additionalProperties")
    return Schema(
        "" if node.get("x-kubernetes-int-or-string") else node.get("type", ""),
        {name: read_schema(field) for name, field in (node.get("properties") or {}).items()},
        additional=_additional(additional),
        items=read_schema(items) if isinstance(items, dict) else None,
        required=tuple(node.get("required") or ()),
        enum=tuple(node.get("enum") or ()),
        format=node.get("format", ""),
        pattern=node.get("pattern", ""),
        is_set=node.get("x-kubernetes-list-type") == "set",
        is_atomic="atomic" in {node.get("x-kubernetes-list-type"), node.get("x-kubernetes-map-type")},
        list_keys=tuple(node.get("x-kubernetes-list-map-keys") or ()),
        default=node.get("default"),
        nullable=bool(node.get("nullable")),
        keeps_unknown=bool(node.get("x-kubernetes-preserve-unknown-fields")),
        is_embedded=bool(node.get("x-kubernetes-embedded-resource")),
        is_int_or_string=bool(node.get("x-kubernetes-int-or-string")),
        excludes_minimum=bool(node.get("exclusiveMinimum")),
        excludes_maximum=bool(node.get("exclusiveMaximum")),
        any_of=tuple(map(read_schema, node.get("anyOf") or ())),
        one_of=tuple(map(read_schema, node.get("oneOf") or ())),
        all_of=tuple(map(read_schema, node.get("allOf") or ())),
        negated=read_schema(node["not"]) if isinstance(node.get("not"), dict) else None,
        # Some are not judged here, but that they were not is said of an object with other faults.
        rules=(_UNJUDGED_RULE,) if None in rules else (),
        expressions=tuple(rule for rule in rules if rule is not None),
        **{ours: node[theirs] for ours, theirs in _NUMBERS.items() if theirs in node},
    )


def _additional(node: object) -> Schema | None:
    if isinstance(node, dict):
        return read_schema(node)
    return ANYTHING if node is True else None


def unjudged(node: object, path: str = "") -> Iterator[str]:
    """Give the paths of what a schema demands and the server does not judge."""
    if not isinstance(node, dict):
        return
    for index, rule in enumerate(node.get("x-kubernetes-validations") or ()):
        if read_rule(rule) is None:
            yield f"{path}.x-kubernetes-validations[{index}]"
    if node.get("format") in UNKNOWN:
        yield f"{path}.format"
    for name, field in (node.get("properties") or {}).items():
        yield from unjudged(field, f"{path}.properties[{name}]")
    for name in ("items", "additionalProperties"):
        yield from unjudged(node.get(name), f"{path}.{name}")


def write_schema(schema: Schema) -> Object:
    """Write a schema as ``openAPIV3Schema``."""
    node: Object = {"type": schema.type} if schema.type else {"x-kubernetes-int-or-string": True}
    node |= _inside(schema)
    limits = ((theirs, getattr(schema, ours)) for ours, theirs in _NUMBERS.items())
    texts = (("format", schema.format or None), ("pattern", schema.pattern or None), ("default", schema.default))
    node |= {name: value for name, value in (*limits, *texts) if value is not None}
    node |= {name: list(value) for name, value in (("required", schema.required), ("enum", schema.enum)) if value}
    return node | ({"x-kubernetes-list-type": "set"} if schema.is_set else {})


def _inside(schema: Schema) -> Object:
    node: Object = {}
    if schema.properties:
        node["properties"] = {name: write_schema(field) for name, field in sorted(schema.properties.items())}
    if schema.additional is not None:
        node["additionalProperties"] = write_schema(schema.additional)
    if schema.items is not None:
        node["items"] = write_schema(schema.items)
    return node
