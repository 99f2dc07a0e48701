"""A change to a manifest as a person makes it: which lines, below which line of which file.

Works on positions and on the lines of the file themselves, so that the indentation is the file's own. Where a
place cannot be shown by lines (JSON, lists in one line), the field and its position are named instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from podfence.manifests.write import write_yaml
from podfence.model.objects import ObjectRef
from podfence.model.source import Position, Source
from podfence.report.term import Terminal

Lines = Callable[[str], Sequence[str]]
"""Gives the lines of a file by its name, none when it cannot be read again."""


class Insertion(msgspec.Struct, frozen=True):
    """Items for the list at ``path`` of a policy, before ``index``; ``ref`` ``None`` is a new object, the one item.

    ``document`` is the policy as it was read, ``above`` tells that the order matters and the items go above what
    stands at ``index``.
    """

    ref: ObjectRef | None
    path: str
    index: int
    items: tuple[Any, ...]
    document: Mapping[str, Any] = {}
    above: bool = False


def patch_text(insertions: Sequence[Insertion], lines: Lines, terminal: Terminal, indent: str = "  ") -> Iterator[str]:
    """Write insertions as lines: where, then the text with a plus sign before each new line."""
    lists = Counter((insertion.ref, insertion.path) for insertion in insertions)
    for number, insertion in enumerate(insertions):
        lead = "To allow it" if number == 0 else "and"
        # Where two go into one list, the first moves the lines of the second.
        place = _place(insertion, lines if lists[insertion.ref, insertion.path] == 1 else lambda _: ())
        yield f"{indent}{lead:<13}  {place.where}:"
        old = [f"{indent}      {terminal.paint(text, 'context')}" for text in place.context]
        new = [f"{indent}    {terminal.paint('+ ' + text, 'allowed')}" for text in place.added]
        yield from (*new, *old) if insertion.above else (*old, *new)


class _Place(msgspec.Struct, frozen=True):
    """Where to put lines, the line beside them, and the lines."""

    where: str
    context: list[str]
    added: list[str]


def _place(insertion: Insertion, lines: Lines) -> _Place:
    if insertion.ref is None:
        kind, name = insertion.items[0]["kind"], insertion.items[0]["metadata"]["name"]
        return _Place(f"a new {kind}, {name}", [], write_yaml(insertion.items).splitlines())
    source = insertion.ref.source
    if source is None:
        return _Place(f"in {insertion.ref.kind} {insertion.ref}, {insertion.path}", [], _items(insertion, 0))
    position = source.position(insertion.path)
    where = f"{insertion.path} of {insertion.ref.name}, {position.file}:{position.line}"
    neighbour = insertion.index if insertion.above else insertion.index - 1
    if neighbour >= 0:
        beside = _beside(insertion, source, f"{insertion.path}[{neighbour}]", lines)
        order = f", before item {insertion.index + 1}" if insertion.above else ""
        return beside or _Place(f"in {where}{order}", [], _items(insertion, 0))
    return _at_the_end_of_spec(insertion, source, lines) or _Place(f"as {where}", [], _with_key(insertion, 0))


def _at_the_end_of_spec(insertion: Insertion, source: Source, lines: Lines) -> _Place | None:
    """Place a list that does not exist yet below the other fields, if these stand in lines of their own."""
    parent, _, field = insertion.path.rpartition(".")
    fields = _value(insertion, parent)
    if not isinstance(fields, Mapping) or field in fields or not fields:
        return None
    starts = [source.position(f"{parent}.{name}") for name in fields]
    text = lines(starts[0].file)
    last = max(
        _last_line(source, fields[name], f"{parent}.{name}", at) for name, at in zip(fields, starts, strict=True)
    )
    if last > len(text) or any(text[at.line - 1][: at.column - 1].strip(" ") for at in starts):
        return None
    added = _with_key(insertion, starts[0].column - 1)
    return _Place(f"below {starts[0].file}, line {last}", [text[last - 1]], added)


def _beside(insertion: Insertion, source: Source, path: str, lines: Lines) -> _Place | None:
    """Place items beside a known one, if that stands in lines of its own behind a dash."""
    start = source.position(path)
    text = lines(start.file)
    if not 0 < start.line <= len(text):
        return None
    before = text[start.line - 1][: start.column - 1].rstrip(" ")
    if not before.endswith("-") or before.strip(" -"):
        return None
    added = _items(insertion, len(before) - 1)
    if insertion.above:
        return _Place(f"above {start.file}, line {start.line}", [text[start.line - 1]], added)
    last = _last_line(source, _value(insertion, path), path, start)
    if last > len(text):
        return None
    return _Place(f"below {start.file}, line {last}", [text[last - 1]], added)


def _value(insertion: Insertion, path: str) -> object:
    value: Any = insertion.document
    for step in path.replace("[", ".").replace("]", "").split("."):
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return value


def _last_line(source: Source, value: object, path: str, start: Position) -> int:
    """Find the last line on which a field of a value begins."""
    last = start.line
    parts: list[tuple[str, object]] = []
    if isinstance(value, Mapping):
        parts = [(f"{path}.{key}" if "." not in str(key) else path, part) for key, part in value.items()]
    elif isinstance(value, list):
        parts = [(f"{path}[{index}]", part) for index, part in enumerate(value)]
    for place, part in parts:
        last = max(last, source.position(place).line, _last_line(source, part, place, start))
    return last


def _items(insertion: Insertion, indent: int) -> list[str]:
    text = write_yaml([{"items": list(insertion.items)}]).splitlines()[1:]
    return [" " * indent + line for line in text]


def _with_key(insertion: Insertion, indent: int) -> list[str]:
    field = insertion.path.rpartition(".")[2]
    return [" " * indent + line for line in write_yaml([{field: list(insertion.items)}]).splitlines()]
