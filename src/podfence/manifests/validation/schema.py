"""Structural schemas of custom resources as data, and how the server reads a value by one.

Reading means: drop fields that the schema does not have (and name them), drop nulls, fill in defaults (facts:
semantics 1.10 and 3.2; k8s.io/apiextensions-apiserver schema/pruning and schema/defaulting). Judging a value by
a schema is in ``schema_validation``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import msgspec

from podfence.manifests.validation.cause import Cause, nearest_float


class Rule(msgspec.Struct, frozen=True):
    """A CEL rule of a schema: ``holds`` is the rule in Python, ``name`` its rule in our catalogue."""

    name: str
    message: str
    holds: Callable[[Any], bool]


class Expression(Protocol):
    """A rule whose text came with the schema."""

    def causes(self, schema: Schema, value: object, old: object, path: str) -> Iterator[Cause]:
        """Judge a value of the schema; ``old`` is what it was, or the mark that there is nothing to compare with."""


class Schema(msgspec.Struct, frozen=True):
    """One node of a schema; without a ``type`` it takes any value.

    ``keeps_unknown`` is x-kubernetes-preserve-unknown-fields, ``is_embedded`` x-kubernetes-embedded-resource;
    ``is_set``, ``is_atomic`` and ``list_keys`` say how lists and objects are merged. ``any_of`` and its neighbours are
    schemas that only judge: what they do not name is not unknown.
    """

    type: str
    properties: Mapping[str, Schema] = {}
    additional: Schema | None = None
    items: Schema | None = None
    required: tuple[str, ...] = ()
    enum: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    format: str = ""
    max_length: int | None = None
    pattern: str = ""
    min_items: int | None = None
    max_items: int | None = None
    min_properties: int | None = None
    max_properties: int | None = None
    is_set: bool = False
    is_atomic: bool = False
    list_keys: tuple[str, ...] = ()
    min_length: int | None = None
    nullable: bool = False
    keeps_unknown: bool = False
    is_embedded: bool = False
    default: Any = None
    is_int_or_string: bool = False
    excludes_minimum: bool = False
    excludes_maximum: bool = False
    multiple_of: float | None = None
    any_of: tuple[Schema, ...] = ()
    one_of: tuple[Schema, ...] = ()
    all_of: tuple[Schema, ...] = ()
    negated: Schema | None = None
    rules: tuple[Rule, ...] = ()
    expressions: tuple[Expression, ...] = ()

    def field(self, name: str) -> Schema | None:
        """Find the schema of a field of an object, ``None`` when the object has no such field."""
        return self.properties.get(name, self.additional)


ROOT_FIELDS = frozenset({"apiVersion", "kind", "metadata"})


def prune(schema: Schema | None, value: object, path: str, unknown: list[str]) -> object:
    """Drop fields without a schema and nulls, and append the paths of the unknown fields to ``unknown``.

    A list where an object belongs, or the reverse, has no schema for its fields: they come out as unknown.
    Nulls inside lists stay, and fail later as values of the wrong type. Whole numbers beyond 64 bits are floats.
    """
    if isinstance(value, dict):
        return prune_object(schema, value, path, unknown)
    if isinstance(value, list):
        items = schema.items if schema else None
        return [prune(items, entry, f"{path}[{index}]", unknown) for index, entry in enumerate(value)]
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        return nearest_float(value)
    return value


def prune_object(schema: Schema | None, value: dict[str, Any], path: str, unknown: list[str]) -> dict[str, Any]:
    """Do for an object what ``prune`` does for any value."""
    kept = {}
    for name, entry in value.items():
        if not path and name in ROOT_FIELDS:
            kept[name] = entry
            continue
        field = schema.field(name) if schema else None
        where = f"{path}.{name}" if path else name
        if field is not None:
            if entry is not None or field.nullable:
                kept[name] = prune(field, entry, where, unknown)
        elif schema is not None and (schema.keeps_unknown or (schema.is_embedded and name in ROOT_FIELDS)):
            kept[name] = entry
        else:
            unknown.append(where)
    return kept


def with_defaults(schema: Schema | None, value: object) -> object:
    """Fill in the defaults of a schema; the value itself is not changed."""
    if schema is None:
        return value
    if isinstance(value, list):
        return [with_defaults(schema.items, entry) for entry in value]
    if not isinstance(value, dict):
        return value
    filled = {name: with_defaults(schema.field(name), entry) for name, entry in value.items()}
    for name, field in schema.properties.items():
        if field.default is not None and name not in filled:
            filled[name] = with_defaults(field, field.default)
    return filled
