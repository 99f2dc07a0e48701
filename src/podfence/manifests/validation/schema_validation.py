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
    quoted,
    required,
    shown,
    too_long,
    too_many,
    type_invalid,
)
from podfence.manifests.validation.formats import FORMATS
from podfence.manifests.validation.schema import ROOT_FIELDS, Schema

UNRELATED: Final = object()
"""Stands for the old value of a part that has none to compare with; items of lists never have one."""

_BLOCKING = frozenset({Reason.NOT_SUPPORTED, Reason.REQUIRED, Reason.TOO_LONG, Reason.TOO_MANY, Reason.TYPE_INVALID})
_BITS: Final = {"int32": 31, "int64": 63}
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


def _alternatives(schema: Schema, value: object, path: str) -> Iterator[Cause]:
    """Judge by the schemas of which some must hold; the server shows what is wrong with the one that fits best."""
    name = quoted(path)
    if schema.any_of:
        found = [_values(each, value, path, UNRELATED) for each in schema.any_of]
        if all(found):
            yield _alternative(f"{name} must validate at least one schema (anyOf)")
            yield from _best(schema.any_of, found, value)
    if schema.one_of:
        found = [_values(each, value, path, UNRELATED) for each in schema.one_of]
        fitting = sum(not causes for causes in found)
        if fitting != 1:
            count = f"Found {fitting} valid alternatives" if fitting else "Found none valid"
            yield _alternative(f"{name} must validate one and only one schema (oneOf). {count}")
            yield from () if fitting else _best(schema.one_of, found, value)
    if schema.all_of:
        found = [_values(each, value, path, UNRELATED) for each in schema.all_of]
        for causes in found:
            yield from causes
        if any(found):
            none = ". None validated" if all(found) else ""
            yield _alternative(f"{name} must validate all the schemas (allOf){none}")
    if schema.negated is not None and not _values(schema.negated, value, path, UNRELATED):
        yield _alternative(f"{name} must not validate the schema (not)")


def _alternative(detail: str) -> Cause:
    return invalid(NO_FIELD, "", detail, "definition")


def _best(schemas: tuple[Schema, ...], found: list[list[Cause]], value: object) -> list[Cause]:
    """Choose the causes of the schema that has looked at most of the value, the first of equals."""
    reached = [_reach(each, value) for each in schemas]
    return found[reached.index(max(reached))]


def _reach(schema: Schema, value: object) -> int:
    if isinstance(value, dict):
        fields = ((schema.field(name), entry) for name, entry in value.items())
        return 1 + sum(_reach(field, entry) for field, entry in fields if field is not None)
    if isinstance(value, list) and schema.items is not None:
        return 1 + sum(_reach(schema.items, entry) for entry in value)
    return 1


def _has_rules(schema: Schema) -> bool:
    inner = (*schema.properties.values(), schema.additional, schema.items)
    return bool(schema.rules or schema.expressions) or any(_has_rules(each) for each in inner if each is not None)


def _values(schema: Schema, value: object, path: str, old: object) -> list[Cause]:
    causes = [*_type(schema, value, path), *_alternatives(schema, value, path)]
    if schema.enum and value not in schema.enum:
        known = tuple(each if isinstance(each, str) else shown(each) for each in schema.enum)
        causes.append(not_supported(path, value, known, "value-unsupported"))
    match value:
        case str():
            causes += _text(schema, value, path)
        case dict():
            causes += _object(schema, value, path, old)
        case list():
            causes += _list(schema, value, path)
        case None | bool():
            pass
        case int() | float():
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
    if schema.is_int_or_string and found not in {"integer", "string"} and not _is_whole(value):
        detail = f'{path} in body must be of type integer,string: "{found}"'
        yield type_invalid(path, found, detail, "wrong-type")
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

    holds = FORMATS.get(schema.format)
    if holds is not None and not holds(value):
        detail = f"{path} in body must be of type {schema.format}: {quoted(value)}"
        yield type_invalid(path, value, detail, "wrong-type")


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    # Go's $ is the end of the text, Python's also stands before a final newline; Go's \w and classes are ASCII.
    return re.compile(pattern.replace("$", r"\Z"), re.ASCII)


def _number(schema: Schema, value: float, path: str) -> Iterator[Cause]:
    bits = _BITS.get(schema.format)
    if bits and not (-(1 << bits) <= value < 1 << bits and value == int(value)):
        detail = f"Checked value must be of type integer with format {schema.format} in {path}"
        yield invalid(NO_FIELD, "", detail, "number-out-of-range")
    if schema.multiple_of and value % schema.multiple_of:
        detail = f"{path} in body should be a multiple of {shown(schema.multiple_of)}"
        yield invalid(path, value, detail, "number-out-of-range")
    least, most = schema.minimum, schema.maximum
    if least is not None and (value < least or (schema.excludes_minimum and value == least)):
        relation = "greater than" if schema.excludes_minimum else "greater than or equal to"
        yield invalid(path, value, f"{path} in body should be {relation} {shown(least)}", "number-out-of-range")
    if most is not None and (value > most or (schema.excludes_maximum and value == most)):
        relation = "less than" if schema.excludes_maximum else "less than or equal to"
        # The server shows a maximum without its fraction.
        yield invalid(path, value, f"{path} in body should be {relation} {int(most)}", "number-out-of-range")


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
    if schema.is_embedded:
        for name in ("apiVersion", "kind"):
            if not value.get(name):
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
        if schema.list_keys:
            yield from _repeated([_keys(schema, entry) for entry in value], path)
        if schema.items is not None:
            for index, entry in enumerate(value):
                yield from _sets(schema.items, entry, f"{path}[{index}]")


def _keys(schema: Schema, entry: object) -> object:
    """Give what must be unique of an item of a list that is a map."""
    return {name: entry.get(name) for name in schema.list_keys} if isinstance(entry, dict) else entry


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
    for expression in schema.expressions:
        yield from expression.causes(schema, value, old, path)
    for rule in schema.rules:
        if rule.holds(value):
            continue
        if schema.type == "object":
            yield invalid_omitting_value(path or NO_FIELD, rule.message, rule.name)
        else:
            yield invalid(path, value, rule.message, rule.name)
    yield from _inner_rules(schema, value, path, old)


def _inner_rules(schema: Schema, value: object, path: str, old: object) -> Iterator[Cause]:
    if isinstance(value, dict):
        prefix = f"{path}." if path else ""
        for name, entry in value.items():
            field = schema.field(name)
            if field is not None:
                yield from _rules(field, entry, prefix + name, _old_field(old, name, path))
    elif isinstance(value, list) and schema.items is not None:
        for index, entry in enumerate(value):
            yield from _rules(schema.items, entry, f"{path}[{index}]", UNRELATED)
