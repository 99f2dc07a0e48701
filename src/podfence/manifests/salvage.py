"""Make a wire struct out of a plain value of which some fields have the wrong type, and name those fields.

The slow way, for the rare object that ``msgspec`` refuses: each unreadable field becomes ``None``, each
unreadable entry of a map is left out, and the rest of the object is still there.
"""

from __future__ import annotations

import types
import typing
from typing import Any, TypeVar

import msgspec

from podfence.manifests.convert.fields import FieldProblem, FieldProblems, join, name_of_type

T = TypeVar("T")

_NAMES: dict[Any, str] = {str: "a string", int: "a whole number", bool: "true or false"}


def salvage(value: object, wanted: type[T], problems: FieldProblems) -> T:
    """Read what can be read of an object; every field of the wrong type is added to ``problems``.

    ``wanted`` is a struct of ``manifests.wire``. Never raises.
    """
    read = _struct(value, wanted, "", problems)
    return typing.cast(T, wanted() if read is None else read)


def _value(value: object, wanted: Any, path: str, problems: FieldProblems) -> Any:  # noqa: ANN401
    if value is None:
        return None
    choices = tuple(choice for choice in _choices(wanted) if choice is not types.NoneType)
    if int in choices and isinstance(value, float) and value.is_integer() and abs(value) < 1 << 63:
        value = int(value)  # JSON may write 80 as 80.0; kubectl sends it as 80
    if type(value) in choices:
        return value
    origin = typing.get_origin(choices[0])
    if origin is list:
        return _list(value, typing.get_args(choices[0])[0], path, problems)
    if origin is dict:
        return _map(value, typing.get_args(choices[0])[1], path, problems)
    if issubclass(choices[0], msgspec.Struct):
        return _struct(value, choices[0], path, problems)
    return _refuse(value, " or ".join(_NAMES[choice] for choice in choices), path, problems)


def _choices(wanted: Any) -> tuple[Any, ...]:  # noqa: ANN401
    """Take a union apart; anything else is its own only choice."""
    return typing.get_args(wanted) if isinstance(wanted, types.UnionType) else (wanted,)


def _struct(value: object, wanted: type[Any], path: str, problems: FieldProblems) -> Any:  # noqa: ANN401
    if not isinstance(value, dict):
        return _refuse(value, "a mapping", path, problems)
    read = {
        name: _value(value[encoded], wanted_type, join(path, encoded), problems)
        for name, encoded, wanted_type in _fields(wanted)
        if encoded in value
    }
    return wanted(**read)


_FIELDS: dict[type[Any], tuple[tuple[str, str, Any], ...]] = {}


def _fields(wanted: type[Any]) -> tuple[tuple[str, str, Any], ...]:
    if wanted not in _FIELDS:
        _FIELDS[wanted] = _fields_of(wanted)
    return _FIELDS[wanted]


def _fields_of(wanted: type[Any]) -> tuple[tuple[str, str, Any], ...]:
    return tuple((field.name, field.encode_name, field.type) for field in msgspec.structs.fields(wanted))


def _list(value: object, wanted: Any, path: str, problems: FieldProblems) -> list[Any] | None:  # noqa: ANN401
    if not isinstance(value, list):
        _refuse(value, "a list", path, problems)
        return None
    return [_value(item, wanted, f"{path}[{index}]", problems) for index, item in enumerate(value)]


def _map(value: object, wanted: Any, path: str, problems: FieldProblems) -> dict[str, Any] | None:  # noqa: ANN401
    if not isinstance(value, dict):
        _refuse(value, "a mapping", path, problems)
        return None
    known = len(problems)
    read: dict[str, Any] = {}
    for key, item in value.items():
        converted = _value(item, wanted, join(path, key), problems)
        if converted is not None or len(problems) == known:
            read[key] = converted
        known = len(problems)
    return read


def _refuse(value: object, wanted: str, path: str, problems: FieldProblems) -> None:
    problems.append(FieldProblem(path, f"expected {wanted}, found {name_of_type(value)}"))
