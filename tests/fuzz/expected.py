"""What a file must come out as, found without Podfence: by PyYAML, json, gzip and the codecs of Python."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import yaml

from podfence.manifests.documents import Item, Skipped, Unparsed
from podfence.model.source import position_of

_SEPARATOR = re.compile(r"(?m)^---(?=[ \t\n]|\Z)")
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe\0\0", "utf-32-le"), (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"),
)  # fmt: skip


def silent(data: bytes, readings: Sequence[Any], *, named: bool) -> str | None:
    """Say which part of a file no reading speaks of, ``None`` when there is none."""
    skipped = [reading for reading in readings if isinstance(reading, Skipped)]
    if named and skipped:
        return f"a file that was named is skipped: {skipped}"
    if skipped:
        return None
    places = [_line(reading) for reading in readings if not (isinstance(reading, Unparsed) and reading.kept)]
    for first, last, count in _wanted(data):
        found = sum(first <= line <= last for line in places)
        if not (found == count if count > 1 else found >= 1):
            return f"lines {first} to {last} hold {count} documents or objects, {found} are spoken of: {readings}"
    return None


def _line(reading: Item | Unparsed) -> int:
    position = reading.position if isinstance(reading, Unparsed) else position_of(reading.source)
    return 0 if position is None else position.line


def _wanted(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Give first line, last line and number of objects of each part of a file that holds any; 1 stands for some."""
    text = _text(data)
    if text is None:
        yield 1, 1, 1
    elif text.lstrip(" \t\r\n")[:1] in ("{", "["):
        yield from _json_wanted(text)
    else:
        yield from _yaml_wanted(text.replace("\r\n", "\n").replace("\r", "\n"))


def _text(data: bytes) -> str | None:
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            return None
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data.removeprefix(mark).decode(encoding, "replace" if encoding == "utf-8" else "strict")
            except UnicodeDecodeError:
                return None
    return data.decode("utf-8", "replace")


def _json_wanted(text: str) -> Iterator[tuple[int, int, int]]:
    """Count what stands in a text of JSON values; as soon as it is no JSON, anything may follow."""
    end = len(re.split(r"\r\n?|\n", text))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        yield 1, end, 1
        return
    items = value.get("items") if isinstance(value, dict) and value.get("kind") == "List" else None
    if not isinstance(items, list):
        yield 1, end, 1
    elif items:
        yield 1, end, 1 if any(_is_list(item) for item in items) else len(items)


def _is_list(value: Any) -> bool:  # noqa: ANN401 (any JSON)
    return isinstance(value, dict) and str(value.get("kind", "")).endswith("List")


def _yaml_wanted(text: str) -> Iterator[tuple[int, int, int]]:
    line = 1
    for chunk in _chunks(text):
        last = line + chunk.count("\n")
        count = _documents(chunk)
        if count:
            yield line, last, count
        line = last


def _chunks(text: str) -> Iterator[str]:
    starts = [0, *(match.start() for match in _SEPARATOR.finditer(text) if match.start()), len(text)]
    waiting = ""
    for start, end in pairwise(starts):
        waiting += text[start:end]
        if not re.fullmatch(r"(?:\s*(?:#.*)?\n|%.*\n)+", waiting) or "%" not in waiting:
            yield waiting
            waiting = ""
    if waiting:
        yield waiting


def _documents(chunk: str) -> int:
    """Count the documents of a text between two separators; one that does not parse counts as one."""
    if chunk.count("[") + chunk.count("{") > 400 or re.search(r"(- ){50}", chunk):
        return 1
    try:
        nodes = list(yaml.compose_all(chunk, Loader=yaml.CSafeLoader))
    except (yaml.YAMLError, ValueError):
        return 1
    return sum(not _is_nothing(node) for node in nodes)


def _is_nothing(node: yaml.Node | None) -> bool:
    """Tell an empty document, and an empty list: both hold nothing."""
    if node is None or (isinstance(node, yaml.ScalarNode) and node.value in {"", "~", "null", "Null", "NULL"}):
        return True
    if not isinstance(node, yaml.MappingNode):
        return False
    fields = {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}
    items = fields.get("items")
    return isinstance(items, yaml.SequenceNode) and not items.value
