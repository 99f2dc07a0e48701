"""Look into plain values (dicts and lists out of YAML or JSON) and say what is wrong with them.

Reading stops at the first fault of a part with ``UnreadableField``; whoever converts the part that contains it
(a selector, a peer, a port, a rule) catches the exception and decides what an unreadable part means.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

INT32 = range(-(1 << 31), 1 << 31)


class FieldProblem(msgspec.Struct, frozen=True, gc=False):
    """What is wrong with one field of an object; ``path`` is spelled as the API server does."""

    path: str
    message: str


FieldProblems = list[FieldProblem]
"""Where converters note what is wrong with the object at hand."""


class UnreadableField(Exception):  # noqa: N818 - it names what was found, and is caught where that has a meaning
    """A field that the API server would refuse, or that nobody can give a meaning to."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(path, message)
        self.path = path
        self.message = message

    @property
    def problem(self) -> FieldProblem:
        """Give what is wrong as data."""
        return FieldProblem(self.path, self.message)


def name_of_type(value: object) -> str:
    """Name the type of a plain value in words that a person who writes manifests knows."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "a mapping"


def note_missing(path: str, what: str, problems: FieldProblems) -> None:
    """Note that a field is missing, unless what stands there was noted as unreadable already."""
    if not any(problem.path == path for problem in problems):
        problems.append(FieldProblem(path, f"{what} is required"))


def wrong_type(value: object, wanted: str, path: str) -> UnreadableField:
    """Say that a field holds a value of another type than it should."""
    return UnreadableField(path, f"expected {wanted}, found {name_of_type(value)}")


def join(path: str, field: str) -> str:
    """Give the path of a field of the mapping at ``path``."""
    return f"{path}.{field}" if path else field


def mapping(value: object, path: str) -> dict[str, Any]:
    """Read a mapping; ``null`` is an empty one, as for a Go struct. Raises ``UnreadableField``."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong_type(value, "a mapping", path)
    return value


def known_fields(fields: dict[str, Any], known: Collection[str], path: str) -> None:
    """Raise ``UnreadableField`` at the first field that the API does not have; names are case-sensitive."""
    for field in fields:
        if field not in known:
            raise UnreadableField(join(path, field), f'unknown field "{field}"')


def items(value: object, path: str) -> list[Any]:
    """Read a list; ``null`` is an empty one. Raises ``UnreadableField``."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong_type(value, "a list", path)
    return value


def text(value: object, path: str) -> str:
    """Read a string; ``null`` is an empty one. Raises ``UnreadableField``."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise wrong_type(value, "a string", path)
    return value


def whole_number(value: object, path: str) -> int:
    """Read an int32; a boolean or a float is none. Raises ``UnreadableField``."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong_type(value, "a whole number", path)
    if value not in INT32:
        raise UnreadableField(path, "the number is too large")
    return value


def only_one(fields: dict[str, Any], choices: Collection[str], path: str) -> str:
    """Name the single field that is set out of those that exclude each other; ``null`` is not set.

    Raises ``UnreadableField`` at ``path`` when none or several are set.
    """
    present = [field for field in choices if fields.get(field) is not None]
    if len(present) != 1:
        wanted = ", ".join(choices)
        raise UnreadableField(path, f"exactly one of {wanted} must be set, found {len(present)}")
    return present[0]
