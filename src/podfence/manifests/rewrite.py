"""Changes one object in the text that people wrote, and nothing else: comments, order and style stay as they are.

The old and the new value are compared, and only what differs is edited, at the place that the YAML parser gives it.
Whoever has edited reads the whole text back: every document must be as it was, but for the one that changed, and that
must be exactly what was wanted. So an edit that went wrong is refused, never written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any, Final, TypeAlias

import msgspec
import yaml

from podfence.manifests.documents import Item, Unparsed
from podfence.manifests.inputs import read_data
from podfence.manifests.write import block_lines, flow_text
from podfence.manifests.yaml_text import YamlItem
from podfence.model.source import Position

Node: TypeAlias = yaml.nodes.Node
_Pairs: TypeAlias = list[tuple[Node, Node]]

_SHORT: Final = 60
"""A list or mapping that is put into an empty ``[]`` or ``{}`` stays on the line up to this width."""

_BOM: Final = "\ufeff"


class CannotRewriteError(Exception):
    """Why a text cannot be changed without touching more than the change; for people, without a full stop."""


class Edit(msgspec.Struct, frozen=True, order=True):
    """Replace the characters from ``start`` up to ``end`` by ``text``."""

    start: int
    end: int
    text: str


def rewritten(data: bytes, position: Position, new: Mapping[str, Any]) -> bytes:
    """Give the bytes of a file in which the object at a position has become ``new``.

    Raises ``CannotRewriteError`` where that cannot be done, or not without changing anything else.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise CannotRewriteError("the file is not UTF-8") from None
    before = _objects(data, position.file)
    target = next((number for number, item in enumerate(before) if _stands_at(item, position)), None)
    if target is None:
        raise CannotRewriteError("the object is not found in the file any more")
    if not isinstance(before[target], YamlItem):
        raise CannotRewriteError("only YAML files are edited")
    mark = _BOM if text.startswith(_BOM) else ""
    after = mark + _edited(text.removeprefix(_BOM), position, before[target].plain(), new)
    result = after.encode()
    wanted = [new if number == target else item.plain() for number, item in enumerate(before)]
    if not _holds(result, position.file, wanted):
        raise CannotRewriteError("the way it is written does not let the change stand alone")
    return result


def _holds(data: bytes, file: str, wanted: Sequence[Mapping[str, Any]]) -> bool:
    try:
        return [item.plain() for item in _objects(data, file)] == wanted
    except CannotRewriteError:
        return False


def _stands_at(item: Item, position: Position) -> bool:
    return item.source is not None and item.source.position() == position


def _objects(data: bytes, file: str) -> list[Item]:
    found = []
    for reading in read_data(data, file):
        if isinstance(reading, Unparsed):
            raise CannotRewriteError(f"the file has a fault in line {reading.position.line}")
        if isinstance(reading, Item):
            found.append(reading)
    return found


def _edited(text: str, position: Position, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    start, end = _document(text, position.line)
    document = text[start:end]
    first_line = text.count("\n", 0, start) + 1
    try:
        root = yaml.compose(document, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        root = None
    if root is None:
        raise CannotRewriteError("the document cannot be taken apart")
    node = _node_at(root, position.line - first_line, position.column - 1)
    # The same edit comes twice where an alias repeats what is edited.
    edits = sorted(set(_Editor(document, _offset(node)).change(node, old, new)))
    if any(one.end > other.start for one, other in pairwise(edits)):
        raise CannotRewriteError("two changes meet at one place")
    for edit in reversed(edits):
        document = document[: edit.start] + edit.text + document[edit.end :]
    return text[:start] + document + text[end:]


def _document(text: str, line: int) -> tuple[int, int]:
    """Find where the document that holds a line begins and ends."""
    start = offset = 0
    for number, content in enumerate(text.split("\n"), 1):
        is_separator = content.rstrip("\r") == "---" or content.startswith(("--- ", "---\t"))
        if is_separator and number > line:
            return start, offset
        if is_separator:
            start = offset
        offset += len(content) + 1
    return start, len(text)


def _node_at(root: Node, line: int, column: int) -> Node:
    """Find the mapping that begins at a place: the document itself, or an item of a List."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.MappingNode):
            if (node.start_mark.line, node.start_mark.column) == (line, column):
                return node
            waiting.extend(value for _, value in node.value)
        elif isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
    raise CannotRewriteError("the object is not found in its document")


class _Editor:
    """Finds the edits that turn the text of one value into that of another."""

    def __init__(self, text: str, offset: int) -> None:
        self._text = text
        self._offset = offset
        self._break = "\r\n" if "\r\n" in text else "\n"

    def change(self, node: Node, old: Any, new: Any, *, below: Node | None = None) -> Iterator[Edit]:  # noqa: ANN401 (any plain value)
        """List the edits for a value; ``below`` is its key where it stands in a mapping in block style."""
        if old == new and type(old) is type(new):
            return
        if isinstance(node, yaml.MappingNode) and isinstance(old, dict) and isinstance(new, dict) and old and new:
            yield from self._mapping(node, old, new)
        elif isinstance(node, yaml.SequenceNode) and isinstance(old, list) and isinstance(new, list) and old and new:
            yield from self._sequence(node, old, new)
        else:
            yield from self._replaced(node, new, below)

    # Mappings

    def _mapping(self, node: yaml.MappingNode, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Edit]:
        pairs: _Pairs = node.value
        keys = [str(key.value) for key, _ in pairs]
        if keys != list(old):
            raise CannotRewriteError("keys that are merged or stand twice are in the way")
        is_block = not node.flow_style
        gone = [number for number, key in enumerate(keys) if key not in new]
        if len(gone) == len(keys):
            yield from self._replaced(node, new, None)
            return
        for name, (key, value) in zip(keys, pairs, strict=True):
            if name in new:
                yield from self.change(value, old[name], new[name], below=key if is_block else None)
        for number in gone:
            yield self._without_entry(pairs, number, is_block=is_block)
        added = {key: value for key, value in new.items() if key not in old}
        if added:
            yield self._with_entries(node, pairs, added)

    def _without_entry(self, pairs: _Pairs, number: int, *, is_block: bool) -> Edit:
        start, end = pairs[number][0].start_mark.index, self._end(pairs[number][1])
        if is_block and not self._before(start).strip():
            return Edit(self._line_start(start), self._line_end(end), "")
        if number + 1 < len(pairs):
            return Edit(start, pairs[number + 1][0].start_mark.index, "")
        return Edit(self._end(pairs[number - 1][1]), end, "")

    def _with_entries(self, node: yaml.MappingNode, pairs: _Pairs, added: dict[str, Any]) -> Edit:
        last = self._end(pairs[-1][1])
        if node.flow_style:
            return Edit(last, last, "".join(f", {flow_text(key)}: {flow_text(value)}" for key, value in added.items()))
        return self._below(last, block_lines(added, self._offset), node.start_mark.column)

    # Lists

    def _sequence(self, node: yaml.SequenceNode, old: list[Any], new: list[Any]) -> Iterator[Edit]:
        items: list[Node] = node.value
        if len(items) != len(old):
            raise CannotRewriteError("a list is not as it was read")
        steps = SequenceMatcher(None, _comparable(old), _comparable(new), autojunk=False).get_opcodes()
        for tag, first, last, other, other_last in steps:
            if tag == "equal":
                continue
            shared = min(last - first, other_last - other)
            if self._is_merge(node, old[first:last], new[other:other_last]):
                yield self._without_dash(items[first + 1])
                continue
            for number in range(shared):
                yield from self.change(items[first + number], old[first + number], new[other + number])
            for number in range(first + shared, last):
                yield self._without_item(node, items, number)
            if other + shared < other_last:
                yield self._with_items(node, items, last, new[other + shared : other_last])

    @staticmethod
    def _is_merge(node: yaml.SequenceNode, old: Sequence[Any], new: Sequence[Any]) -> bool:
        """Tell whether two items become one that has the fields of both: then only the second dash has to go."""
        if node.flow_style or len(old) != 2 or len(new) != 1 or not all(isinstance(item, dict) for item in old):
            return False
        return not set(old[0]) & set(old[1]) and {**old[0], **old[1]} == new[0]

    def _without_dash(self, item: Node) -> Edit:
        dash = self._dash(item)
        return Edit(dash, dash + 1, " ")

    def _dash(self, item: Node) -> int:
        start = item.start_mark.index
        before = self._before(start).rstrip(" ")
        dash = self._line_start(start) + len(before) - 1
        if not before.endswith("-") or before[:-1].strip(" "):
            raise CannotRewriteError("an item of a list does not begin on a line of its own")
        return dash

    def _without_item(self, node: yaml.SequenceNode, items: list[Node], number: int) -> Edit:
        start, end = items[number].start_mark.index, self._end(items[number])
        if not node.flow_style:
            return Edit(self._line_start(self._dash(items[number])), self._line_end(end), "")
        if number + 1 < len(items):
            return Edit(start, items[number + 1].start_mark.index, "")
        return Edit(self._end(items[number - 1]), end, "")

    def _with_items(self, node: yaml.SequenceNode, items: list[Node], at: int, added: list[Any]) -> Edit:
        if at != len(items):
            raise CannotRewriteError("an item would come into the middle of a list")
        last = self._end(items[-1])
        if node.flow_style:
            return Edit(last, last, "".join(f", {flow_text(value)}" for value in added))
        return self._below(last, block_lines(added, self._offset), node.start_mark.column)

    # Values

    def _replaced(self, node: Node, new: Any, below: Node | None) -> Iterator[Edit]:  # noqa: ANN401 (any plain value)
        start, end = node.start_mark.index, self._end(node)
        is_block = isinstance(node, yaml.CollectionNode) and not node.flow_style
        text = _scalar(node, new)
        grows = isinstance(new, dict | list) and bool(new)
        if is_block and grows:
            lines = block_lines(new, self._offset)
            yield Edit(start, end, f"{self._break}{' ' * node.start_mark.column}".join(lines))
        elif is_block and below is not None:
            yield Edit(self._colon(below), end, f" {text}")
        elif below is not None and grows and (len(text) > _SHORT or start == end):
            # Where nothing or an empty list stood behind the key, the lines come below it.
            column = below.start_mark.column
            indent = column + (self._offset if isinstance(new, list) else 2)
            yield Edit(self._colon(below), end, "")
            yield self._below(end, block_lines(new, self._offset), indent)
        elif start == end:
            yield Edit(start, end, f" {text}")
        else:
            yield Edit(start, end, text)

    def _colon(self, key: Node) -> int:
        """Give the place behind the colon of a key."""
        at: int = key.end_mark.index
        rest = self._text[at:]
        if not rest.lstrip(" ").startswith(":"):
            raise CannotRewriteError("a key is written in an unusual way")
        return at + rest.index(":") + 1

    # Places

    def _end(self, node: Node) -> int:
        """Give the place behind the last character of a value; the parser's own end lies behind comments, too."""
        if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            end = self._end(last[1] if isinstance(last, tuple) else last)
            if end < node.start_mark.index:
                raise CannotRewriteError("an alias is in the way")
            return end
        start, end = node.start_mark.index, node.end_mark.index
        return start + len(self._text[start:end].rstrip("\r\n "))

    def _before(self, index: int) -> str:
        return self._text[self._line_start(index) : index]

    def _line_start(self, index: int) -> int:
        return self._text.rfind("\n", 0, index) + 1

    def _line_end(self, index: int) -> int:
        """Give the place where the next line begins."""
        at = self._text.find("\n", index)
        return len(self._text) if at < 0 else at + 1

    def _below(self, index: int, lines: Sequence[str], column: int) -> Edit:
        """Put lines below the one that a place is in."""
        at = self._line_end(index)
        text = "".join(f"{' ' * column}{line}{self._break}" for line in lines)
        if self._text[:at].endswith("\n"):
            return Edit(at, at, text)
        return Edit(at, at, self._break + text.removesuffix(self._break))


def _offset(node: Node) -> int:
    """Tell how far lists are indented below their key, as the first of an object is, else not at all."""
    waiting: list[Node] = [node]
    while waiting:
        current = waiting.pop(0)
        if isinstance(current, yaml.MappingNode):
            for key, value in current.value:
                if isinstance(value, yaml.SequenceNode) and not value.flow_style:
                    offset: int = value.start_mark.column - key.start_mark.column
                    return max(0, offset)
                waiting.append(value)
        elif isinstance(current, yaml.SequenceNode):
            waiting.extend(current.value)
    return 0


def _comparable(values: Sequence[Any]) -> list[str]:
    return [json.dumps(value, sort_keys=True) for value in values]


def _scalar(node: Node, new: Any) -> str:  # noqa: ANN401 (any plain value)
    """Write a value on one line; a text keeps the quotes of the one before it."""
    text = flow_text(new)
    quoted = isinstance(node, yaml.ScalarNode) and node.style == '"' and isinstance(new, str)
    return json.dumps(new, ensure_ascii=False) if quoted else text
