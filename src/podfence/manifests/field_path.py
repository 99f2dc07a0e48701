"""Finds the mark of a field by its path, in a value and the marks that its reader kept beside it.

Readers keep marks in the shape of the value: a bare number for a scalar, a list for a mapping or a sequence whose
first entry is its own mark and whose further entries are those of its children, in order. That costs one number
for a field while reading, and looking one up costs a walk that happens only for what is reported.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

Mark: TypeAlias = "int | list[Mark]"
"""Where a value and everything in it stands; what the numbers mean is the reader's affair."""

MAX_DEPTH: Final = 200
"""Mappings and lists within each other; real objects stay below 40."""


class RepeatedKey(msgspec.Struct, frozen=True, gc=False):
    """A key that occurs again in its mapping: the mapping's path, both marks, and the value that is lost."""

    path: str
    key: str
    first: int
    second: int
    lost: object


def locate(value: object, mark: Mark, path: str) -> int:
    """Find a field by the path that the API server writes, such as ``spec.ingress[0].from[1].ipBlock.cidr``.

    A missing field answers with its nearest existing parent. A key is written behind a dot or in brackets, and may
    hold dots itself (``metadata.labels.app.kubernetes.io/name``).
    """
    rest = path
    while rest and isinstance(mark, list):
        step = _step(value, rest)
        if step is None:
            break
        index, value, rest = step
        mark = mark[index + 1]
    return mark if isinstance(mark, int) else own_mark(mark)


def own_mark(mark: Mark) -> int:
    """Give the mark of a value itself, without those of its children."""
    while isinstance(mark, list):
        mark = mark[0]
    return mark


def _step(value: object, rest: str) -> tuple[int, object, str] | None:
    """Take the first step of a path: the child's place, the child, and what is left of the path."""
    rest = rest.removeprefix(".")
    if isinstance(value, list):
        text, closed, after = rest[1:].partition("]")
        if rest.startswith("[") and closed and text.isascii() and text.isdigit() and int(text) < len(value):
            return int(text), value[int(text)], after
    elif isinstance(value, dict):
        for key, after in _key_readings(rest):
            if key in value:
                return list(value).index(key), value[key], after
    return None


def _key_readings(rest: str) -> list[tuple[str, str]]:
    """List what the next key of a path may be, the longest first, each with what is left behind it."""
    if rest.startswith("["):
        return [(rest[1:end], rest[end + 1 :]) for end in range(len(rest) - 1, 0, -1) if rest[end] == "]"]
    ends = [end for end in range(1, len(rest)) if rest[end] in ".["]
    return [(rest[:end], rest[end:]) for end in (len(rest), *reversed(ends))]
