"""What the server says about a custom resource that breaks its schema.

Three passes, as in the server: the schema itself, lists that are sets, CEL rules. The last is skipped when an
earlier pass found a fault that would make a rule fail to run (facts: semantics 1.10; k8s.io/kube-openapi
pkg/validation, apiextensions-apiserver registry/customresource). The server lists causes in random order; here
they follow the schema. On update, what is wrong with an unchanged part is forgiven (ratcheting).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

from podfence.manifests.validation.cause import (
    NO_FIELD,
    Cause,
    Reason,
    duplicate,
    invalid,
    invalid_omitting_value,
    not_supported,
    required,
    too_long,
    too_many,
    type_invalid,
)
from podfence.manifests.validation.schema import ROOT_FIELDS, Schema

UNRELATED: Final = object()
"""Stands for the old value of a part that has none to compare with; items of lists never have one."""

_BLOCKING = frozenset({Reason.NOT_SUPPORTED, Reason.REQUIRED, Reason.TOO_LONG, Reason.TOO_MANY, Reason.TYPE_INVALID})
_UNCHECKED = (
    "some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)


def validate_by_schema(
    schema: Schema, value: dict[str, Any], metadata: Iterable[Cause], old: object = UNRELATED
) -> Iterator[Cause]:
    """Judge an object that was read by its schema; ``metadata`` are the causes already found in its metadata."""
    causes = [*metadata, *_values(schema, value, "", old)]
    if old is UNRELATED or not any(True for _ in _sets(schema, old, "")):
        causes += _sets(schema, value, "")
    yield from causes
    if not any(cause.reason in _BLOCKING for cause in causes):
        yield from _rules(schema, value, "", old)
    elif _has_rules(schema):
        yield invalid(NO_FIELD, None, _UNCHECKED, "rules-unchecked")


def _has_rules(schema: Schema) -> bool:
    inner = (*schema.properties.values(), schema.additional, schema.items)
    return bool(schema.rules) or any(_has_rules(each) for each in inner if each is not None)


def _values(schema: Schema, value: object, path: str, old: object) -> list[Cause]:
    causes = list(_type(schema, value, path))
    if schema.enum and value not in schema.enum:
        causes.append(not_supported(path, value, schema.enum, "value-unsupported"))
    match value:
        case str():
            causes += _text(schema, value, path)
        case dict():
            causes += _object(schema, value, path, old)
        case list():
            causes += _list(schema, value, path)
        case int() | float() if not isinstance(value, bool):
            causes += _number(schema, value, path)
    return [] if _unchanged(value, old) else causes


def _unchanged(value: object, old: object) -> bool:
    return old is not UNRELATED and bool(value == old)


def _old_field(old: object, name: str, path: str) -> object:
    if not isinstance(old, dict) or (not path and name in ROOT_FIELDS):
        return UNRELATED
    return old.get(name, UNRELATED)


def _type(schema: Schema, value: object, path: str) -> Iterator[Cause]:
    found, found_format = _found(value)
    if not schema.type or (value is None and schema.nullable):
        return
    if found == schema.type or (schema.type == "number" and found == "integer"):
        return
    if schema.type == "integer" and _is_whole(value):
        return
    wanted = schema.type
    # The server compares formats first, except for texts, lists and nulls, and then shows the format found.
    if schema.format and found not in {"string", "array", "null"}:
        wanted, found = schema.format, found_format
    detail = f'{path} in body must be of type {wanted}: "{found}"'
    yield type_invalid(path, found, detail, "wrong-type")


_FOUND = {
    type(None): ("null", ""),
    bool: ("boolean", ""),
    int: ("integer", "int64"),
    float: ("number", "float64"),
    str: ("string", ""),
    list: ("array", ""),
}


def _found(value: object) -> tuple[str, str]:
    """Name the type and the format of a value, as the server does."""
    return _FOUND.get(type(value), ("object", ""))


def _is_whole(value: object) -> bool:
    return isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53


def _text(schema: Schema, value: str, path: str) -> Iterator[Cause]:
    if schema.max_length is not None and len(value) > schema.max_length:
        yield too_long(path, schema.max_length, "text-too-long")
    elif schema.min_length is not None and len(value) < schema.min_length:
        detail = f"{path} in body should be at least {schema.min_length} chars long"
        # Only CRDs that people bring say this, and what is wrong by them has no rule in our catalogue.
        yield invalid(path, value, detail, "text-too-long")
    elif schema.pattern and not _compiled(schema.pattern).search(value):
        yield invalid(path, value, f"{path} in body should match '{schema.pattern}'", "domain-name")


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    # Go's $ is the end of the text, Python's also stands before a final newline; Go's \w and classes are ASCII.
    return re.compile(pattern.replace("$", r"\Z"), re.ASCII)


def _number(schema: Schema, value: float, path: str) -> Iterator[Cause]:
    if schema.format == "int32" and not (-(1 << 31) <= value < 1 << 31 and value == int(value)):
        detail = f"Checked value must be of type integer with format int32 in {path}"
        yield invalid(NO_FIELD, "", detail, "number-out-of-range")
    if schema.minimum is not None and value < schema.minimum:
        detail = f"{path} in body should be greater than or equal to {schema.minimum}"
        yield invalid(path, value, detail, "number-out-of-range")
    if schema.maximum is not None and value > schema.maximum:
        detail = f"{path} in body should be less than or equal to {schema.maximum}"
        yield invalid(path, value, detail, "number-out-of-range")


def _object(schema: Schema, value: dict[str, Any], path: str, old: object) -> Iterator[Cause]:
    count = len(value)
    if schema.min_properties is not None and count < schema.min_properties:
        detail = f"{path} in body should have at least {schema.min_properties} properties"
        yield invalid(path, count, detail, "exactly-one")
    if schema.max_properties is not None and count > schema.max_properties:
        yield too_many(path, count, schema.max_properties, "exactly-one")
    prefix = f"{path}." if path else ""
    for name, entry in value.items():
        field = schema.field(name)
        if field is not None:
            yield from _values(field, entry, prefix + name, _old_field(old, name, path))
    for name in schema.required:
        if name not in value:
            yield required(prefix + name, "", "field-missing")


def _list(schema: Schema, value: list[Any], path: str) -> Iterator[Cause]:
    if schema.items is not None:
        for index, entry in enumerate(value):
            yield from _values(schema.items, entry, f"{path}[{index}]", UNRELATED)
    if schema.min_items is not None and len(value) < schema.min_items:
        detail = f"{path} in body should have at least {schema.min_items} items"
        yield invalid(path, len(value), detail, "list-size")
    if schema.max_items is not None and len(value) > schema.max_items:
        yield too_many(path, len(value), schema.max_items, "list-size")


def _sets(schema: Schema, value: object, path: str) -> Iterator[Cause]:
    if isinstance(value, dict):
        prefix = f"{path}." if path else ""
        for name, entry in value.items():
            field = schema.field(name)
            if field is not None:
                yield from _sets(field, entry, prefix + name)
    elif isinstance(value, list):
        if schema.is_set:
            yield from _repeated(value, path)
        if schema.items is not None:
            for index, entry in enumerate(value):
                yield from _sets(schema.items, entry, f"{path}[{index}]")


def _repeated(value: list[Any], path: str) -> Iterator[Cause]:
    # Only the second of equal entries is named, however many there are.
    times: dict[str, int] = {}
    for index, entry in enumerate(value):
        key = json.dumps(entry, sort_keys=True)
        times[key] = times.get(key, 0) + 1
        if times[key] == 2:
            yield duplicate(f"{path}[{index}]", json.loads(key), "value-repeated")


def _rules(schema: Schema, value: object, path: str, old: object) -> Iterator[Cause]:
    if value is None or _unchanged(value, old):
        return
    for rule in schema.rules:
        if rule.holds(value):
            continue
        if schema.type == "object":
            yield invalid_omitting_value(path or NO_FIELD, rule.message, rule.name)
        else:
            yield invalid(path, value, rule.message, rule.name)
    if isinstance(value, dict):
        prefix = f"{path}." if path else ""
        for name, entry in value.items():
            field = schema.field(name)
            if field is not None:
                yield from _rules(field, entry, prefix + name, _old_field(old, name, path))
    elif isinstance(value, list) and schema.items is not None:
        for index, entry in enumerate(value):
            yield from _rules(schema.items, entry, f"{path}[{index}]", UNRELATED)
