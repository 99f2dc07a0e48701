"""Objects as Go holds and writes them: what is a zero value, and which of these show in JSON.

``settle`` is what decoding into a struct forgets; ``written`` is what storage and ``encoding/json`` make of a struct.
Both follow the flags of the type table (pointer, omitempty, omitzero) and know no kind.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from podfence.manifests.types import Field, RecordType

Object = dict[str, Any]

_ZERO: Mapping[str, object] = {
    "string": "",
    "bool": False,
    "int32": 0,
    "int64": 0,
    "float64": 0,
    "bytes": None,
    "quantity": "0",
    "int-or-string": 0,
    "time": None,
    "micro-time": None,
    "raw": None,
    "json": None,
}


def settle(record: RecordType, value: Mapping[str, Any]) -> Object:
    """Drop what Go cannot tell from absent: nulls, and the zero values of scalars that are no pointers."""
    settled = {}
    for name, entry in value.items():
        if entry is None:
            continue
        field = record.fields[name]
        inner = field.record
        if inner is not None:
            settled[name] = _each(field, entry, functools.partial(settle, inner))
        elif not is_zero_scalar(field, entry):
            settled[name] = entry
    return settled


def is_zero_scalar(field: Field, entry: object) -> bool:
    """Tell whether a value is the zero value of a scalar field that is neither pointer nor list."""
    if field.pointer or field.repeated or field.map:
        return False
    return entry is None or (field.type in _ZERO and field.type not in {"raw", "json"} and entry == _ZERO[field.type])


def _each(field: Field, entry: Any, change: Callable[[Any], Object]) -> Any:  # noqa: ANN401 (plain data)
    if field.repeated:
        return [change(each) for each in entry]
    if field.map:
        return {key: change(each) for key, each in entry.items()}
    return change(entry)


def written(record: RecordType, value: Mapping[str, Any]) -> Object:
    """Write a struct as Go's JSON encoder does after storage, where empty lists and maps become absent."""
    shown = {}
    for name, field in record.fields.items():
        entry = _written_field(field, value.get(name))
        if entry is not _ABSENT:
            shown[name] = entry
    return shown


def without_nulls(value: Any) -> Any:  # noqa: ANN401 (plain data, as JSON gives it)
    """Give a value without the nulls that Go writes for absent lists."""
    if isinstance(value, dict):
        return {name: without_nulls(entry) for name, entry in value.items() if entry is not None}
    return [without_nulls(entry) for entry in value] if isinstance(value, list) else value


_ABSENT: Any = object()


def _written_field(field: Field, entry: Any) -> Any:  # noqa: ANN401 (plain data, as JSON gives it)
    inner = field.record
    if field.repeated or field.map:
        if not entry:
            return _ABSENT if field.omit_empty or field.omit_zero else None
        return entry if inner is None else _each(field, entry, functools.partial(written, inner))
    if entry is None and field.pointer:
        return _ABSENT if field.omit_empty or field.omit_zero else None
    if inner is not None:
        shown = written(inner, entry or {})
        return _ABSENT if field.omit_zero and not field.pointer and not shown else shown
    if is_zero_scalar(field, entry):
        return _ABSENT if _is_omitted(field) else _ZERO[field.type]
    return entry


def _is_omitted(field: Field) -> bool:
    # Go's omitempty means nothing for structs, and some scalars of JSON are structs in Go.
    return field.omit_zero or (
        field.omit_empty and field.type not in {"quantity", "int-or-string", "time", "micro-time", "raw", "json"}
    )
