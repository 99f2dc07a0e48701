"""Label selectors: plain value to model.

The API server refuses bad keys and values in the selectors of a NetworkPolicy; in the selectors of custom
resources they are plain strings and only the operator decides whether an engine can read them (facts:
semantics 1.4, 3.2).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from podfence.manifests.convert.fields import UnreadableField, items, known_fields, mapping, text, wrong_type
from podfence.model.labels import EVERYTHING, Operator, Requirement, Selector, selector

_FIELDS = frozenset({"matchLabels", "matchExpressions"})
_EXPRESSION_FIELDS = frozenset({"key", "operator", "values"})
_OPERATORS = {operator.value: operator for operator in Operator}
_WITHOUT_VALUES = (Operator.EXISTS, Operator.DOES_NOT_EXIST)

_NAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?\Z")
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*\Z")
_MAX_SUBDOMAIN = 253


def read_selector(value: object, path: str, *, checked: bool) -> Selector:
    """Read a ``LabelSelector``; ``null`` and ``{}`` match everything.

    ``checked`` says that the API server judges keys and values, as it does for NetworkPolicy. Without, a
    ``null`` value is dropped with its key, as custom resources do; with, it is an empty string (facts: semantics
    1.10). Raises ``UnreadableField``.
    """
    fields = mapping(value, path)
    if not fields:
        return EVERYTHING
    if len(fields) == 1 and isinstance(labels := fields.get("matchLabels"), dict):
        return _of_labels(labels, f"{path}.matchLabels", checked=checked)
    known_fields(fields, _FIELDS, path)
    place = f"{path}.matchLabels"
    pairs = _match_labels(mapping(fields.get("matchLabels"), place), place, checked=checked)
    expressions = items(fields.get("matchExpressions"), f"{path}.matchExpressions")
    conditions = [
        _requirement(item, f"{path}.matchExpressions[{index}]", checked=checked)
        for index, item in enumerate(expressions)
    ]
    return selector(pairs, *conditions)


# Policies repeat a few selectors over and over: most are read by one look-up.
_MAX_REMEMBERED = 1 << 16
_remembered: dict[tuple[object, ...], Selector] = {}


def _of_labels(labels: dict[str, Any], path: str, *, checked: bool) -> Selector:
    key = (checked, *labels.items())
    try:
        known = _remembered.get(key)
    except TypeError:  # a list or a mapping where a label value should be
        known = None
    if known is None:
        known = selector(_match_labels(labels, path, checked=checked))
        if len(_remembered) >= _MAX_REMEMBERED:
            _remembered.clear()
        _remembered[key] = known
    return known


def _match_labels(labels: dict[str, Any], path: str, *, checked: bool) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for key, label in labels.items():
        if label is None and not checked:
            continue
        if label is not None and not isinstance(label, str):
            raise wrong_type(label, f'a string for label "{key}"', path)
        if checked:
            _check_key(key, path)
            _check_value(label or "", path)
        pairs[key] = label or ""
    return pairs


def _requirement(value: object, path: str, *, checked: bool) -> Requirement:
    fields = mapping(value, path)
    known_fields(fields, _EXPRESSION_FIELDS, path)
    key = text(fields.get("key"), f"{path}.key")
    operator = _OPERATORS.get(text(fields.get("operator"), f"{path}.operator"))
    if operator is None:
        raise UnreadableField(f"{path}.operator", "not a valid selector operator")
    values = _values(fields.get("values"), f"{path}.values", checked=checked)
    if operator in _WITHOUT_VALUES and values:
        raise UnreadableField(f"{path}.values", f"may not be specified when operator is {operator.value}")
    if operator not in _WITHOUT_VALUES and not values:
        raise UnreadableField(f"{path}.values", f"must be specified when operator is {operator.value}")
    if checked:
        _check_key(key, f"{path}.key")
    return Requirement(key, operator, values)


def _values(value: object, path: str, *, checked: bool) -> tuple[str, ...]:
    values: list[str] = []
    for index, item in enumerate(items(value, path)):
        place = f"{path}[{index}]"
        if item is None and not checked:
            raise wrong_type(item, "a string", place)
        read = text(item, place)
        if checked:
            _check_value(read, place)
        values.append(read)
    return tuple(values)


def _check_key(key: str, path: str) -> None:
    if not is_label_key(key):
        raise UnreadableField(path, f'"{key}" is not a valid label key')


def _check_value(value: str, path: str) -> None:
    if not is_label_value(value):
        raise UnreadableField(path, f'"{value}" is not a valid label value')


@lru_cache(maxsize=1 << 14)
def is_label_key(key: str) -> bool:
    """Tell whether a label key is valid: an optional lower-case domain and ``/``, and a name up to 63 long."""
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > _MAX_SUBDOMAIN or not _SUBDOMAIN.match(prefix)):
        return False
    return bool(_NAME.match(name))


@lru_cache(maxsize=1 << 14)
def is_label_value(value: str) -> bool:
    """Tell whether a label value is valid: empty, or up to 63 letters, digits, ``-``, ``_`` and ``.``."""
    return not value or bool(_NAME.match(value))
