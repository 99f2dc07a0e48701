"""Where the fields of one JSON value stand, and which keys it repeats.

The fast readers of JSON say neither. This one does, at a few megabytes a second, and is therefore asked only about
the single object that something is reported of. It expects JSON that has been checked already.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from podfence.manifests.field_path import MAX_DEPTH, Mark, RepeatedKey, own_mark

_TOKEN = re.compile(rb'[ \t\r\n,:]*(?:("[^"\\]*(?:\\.[^"\\]*)*")|([\[{])|([\]}])|([^ \t\r\n,:\[\]{}"]+))', re.DOTALL)
_BRACKET = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|([\[{])|[\]}]', re.DOTALL)


class Scan(msgspec.Struct, frozen=True, gc=False):
    """A JSON value, its marks (byte offsets), and the keys that occur twice."""

    value: object
    mark: Mark
    repeated: tuple[RepeatedKey, ...]


def load(text: bytes) -> tuple[Any, bool]:
    """Read a JSON value as Go does, and tell whether any of its mappings has a key twice.

    A number that is too large for a float is the largest float: out of every range, as the server would say.
    """
    value = _plain_value(text)
    return _checked(text) if value is None else (value, False)


def _plain_value(text: bytes) -> object:
    """Read a value that reads back as the very same text; ``None`` for any other.

    Such a text has no key twice, for the second would be lost. Nearly all are such, and this is six times as fast
    as looking at each mapping.
    """
    try:
        value = msgspec.json.decode(text)
        same = msgspec.json.encode(value) == msgspec.json.format(text, indent=-1)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return value if same else None


def _checked(text: bytes) -> tuple[Any, bool]:
    repeats = False

    def mapping(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal repeats
        value = dict(pairs)
        repeats = repeats or len(value) != len(pairs)
        return value

    try:
        value = json.loads(text, object_pairs_hook=mapping, parse_float=_float)
    except ValueError:  # Python refuses integers of thousands of digits
        value = json.loads(text, object_pairs_hook=mapping, parse_float=_float, parse_int=_huge_integer)
    return value, repeats


def _float(digits: str) -> float:
    return max(-sys.float_info.max, min(sys.float_info.max, float(digits)))


def _huge_integer(digits: str) -> int | float:
    return int(digits) if len(digits) < 4_000 else _float(digits)


def scan(text: bytes) -> Scan:
    """Read a JSON value with the byte offset of every field: a key's for the fields of a mapping."""
    return _Scanner().run(text)


class _Scanner:
    """The state of one scan: the containers that are open, innermost last."""

    def __init__(self) -> None:
        self.containers: list[Any] = [[]]
        self.marks: list[list[Mark]] = [[0]]
        self.keys: list[str | None] = [None]
        self.repeated: list[RepeatedKey] = []

    def run(self, text: bytes) -> Scan:
        for token in _TOKEN.finditer(text):
            kind = token.lastindex
            offset = token.start(kind or 0)
            if kind == 2:
                self._open(token[2], offset)
            elif kind == 3:
                self._close()
            elif kind == 1 and self._wants_key():
                self._key(json.loads(token[1]), offset)
            else:
                self._add(load(token[kind or 0])[0], offset)
        return Scan(self.containers[0][0], self.marks[0][1], tuple(self.repeated))

    def _wants_key(self) -> bool:
        return isinstance(self.containers[-1], dict) and self.keys[-1] is None

    def _open(self, bracket: bytes, offset: int) -> None:
        self._place(offset)
        self.containers.append({} if bracket == b"{" else [])
        self.marks.append([self.marks[-1][-1]])
        self.keys.append(None)

    def _close(self) -> None:
        value, marks = self.containers.pop(), self.marks.pop()
        self.keys.pop()
        if len(marks) > 1:
            self.marks[-1][-1] = marks
        self._store(value)

    def _add(self, value: object, offset: int) -> None:
        self._place(offset)
        self._store(value)

    def _place(self, offset: int) -> None:
        if not isinstance(self.containers[-1], dict):
            self.marks[-1].append(offset)

    def _store(self, value: object) -> None:
        container, key = self.containers[-1], self.keys[-1]
        if isinstance(container, dict):
            container[key] = value
            self.keys[-1] = None
        else:
            container.append(value)

    def _key(self, key: str, offset: int) -> None:
        container, marks = self.containers[-1], self.marks[-1]
        if key in container:
            earlier = own_mark(marks.pop(list(container).index(key) + 1))
            path = self._path()
            known = (again.first for again in self.repeated if again.key == key and again.path == path)
            self.repeated.append(RepeatedKey(path, key, next(known, earlier), offset, container.pop(key)))
        marks.append(offset)
        self.keys[-1] = key

    def _path(self) -> str:
        levels = zip(self.containers[1:-1], self.keys[1:-1], strict=True)
        return "".join(_steps(levels)).removeprefix(".")


def _steps(levels: Iterator[tuple[Any, str | None]] | zip[tuple[Any, str | None]]) -> Iterator[str]:
    for container, key in levels:
        yield f".{key}" if isinstance(container, dict) else f"[{len(container)}]"


def member_offsets(text: bytes, start: int, end: int, name: str) -> Iterator[int]:
    """Yield where the values of one key of the mapping at ``start`` begin, more than one if the key is repeated."""
    level, is_key, found = 0, True, False
    for token in _TOKEN.finditer(text, start, end):
        kind = token.lastindex or 0
        if level == 1 and is_key and kind == 1:
            found, is_key = json.loads(token[1]) == name, False
            continue
        if level == 1 and kind != 3:
            is_key = True
            if found:
                yield token.start(kind)
        level += {2: 1, 3: -1}.get(kind, 0)
        if level == 0:
            return


def depth(text: bytes) -> int:
    """Count how deep the brackets of a JSON value nest."""
    deepest = level = 0
    for token in _BRACKET.finditer(text):
        if token[1] is not None:
            level += 1
            deepest = max(deepest, level)
        elif token[0][:1] != b'"':
            level -= 1
    return deepest


def is_too_deep(text: bytes, start: int, end: int) -> bool:
    """Tell whether a value nests deeper than ``MAX_DEPTH``; most have not even as many brackets."""
    brackets = text.count(b"{", start, end) + text.count(b"[", start, end)
    return brackets > MAX_DEPTH and depth(text[start:end]) > MAX_DEPTH


LONE_SURROGATE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def without_lone_surrogates(text: bytes) -> bytes:
    """Replace halves of surrogate pairs by U+FFFD, as Go does; the length stays the same."""
    # The first test is one memchr over what may be hundreds of megabytes; most manifests hold no escape at all.
    if b"\\" not in text or (b"\\ud" not in text and b"\\uD" not in text):
        return text
    return LONE_SURROGATE.sub(lambda match: rb"\ufffd" if match[1] else match[0], text)
