"""YAML text to items: cuts it into documents as kubectl does, and goes on behind one that does not parse.

kubectl cuts at lines that begin with ``---`` before any YAML parser sees the text. Doing the same means that an
error never costs more than its own document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, TypeVar

import msgspec

from podfence.manifests.documents import (
    DuplicateKey,
    Head,
    Item,
    ListHead,
    NoObject,
    Template,
    Unparsed,
    no_mapping,
    object_fault,
)
from podfence.manifests.field_path import Mark, RepeatedKey, locate
from podfence.manifests.remarks import Remark, carried_over, find_remarks
from podfence.manifests.yaml_errors import YamlError
from podfence.manifests.yaml_events import COLUMN_BITS, Memory, YamlDocument, read_yaml
from podfence.model.source import Position

T = TypeVar("T")

MAX_DOCUMENT_BYTES: Final = 256 << 20
"""A larger YAML document takes minutes and gigabytes; as JSON it takes seconds."""

_COLUMN: Final = (1 << COLUMN_BITS) - 1
_IN_ITEMS = re.compile(r"items\[([0-9]+)\]\.?(.*)", re.DOTALL)
_DIRECTIVE = re.compile(rb"(?:[ \t]*(?:#[^\n]*)?\n)*%")
_ONLY_DIRECTIVES = re.compile(rb"(?:[ \t]*(?:#[^\n]*)?\n|%[^\n]*\n)+\Z")

Outcome = Item | Unparsed | NoObject | Template


class YamlSource(msgspec.Struct, frozen=True, gc=False):
    """Where the fields of one YAML object stand; ``first_line`` is the line where its document begins."""

    file: str
    first_line: int
    value: object
    mark: Mark

    def position(self, path: str = "") -> Position:
        """Find a field by its path; see ``model.source.Source``."""
        return self.at(locate(self.value, self.mark, path))

    def at(self, mark: int) -> Position:
        """Turn a mark into a position."""
        return Position(self.file, self.first_line + (mark >> COLUMN_BITS), 1 + (mark & _COLUMN))


class YamlItem(Item):
    """An object read from YAML."""

    __slots__ = ("_duplicates", "_remarks", "_source", "_value")

    def __init__(
        self,
        head: tuple[str, str],
        value: dict[str, object],
        source: YamlSource,
        duplicates: tuple[DuplicateKey, ...],
        remarks: tuple[Remark, ...] = (),
    ) -> None:
        super().__init__(source.file, *head)
        self._remarks = remarks
        self._value = value
        self._source = source
        self._duplicates = duplicates

    @property
    def source(self) -> YamlSource:
        """The text of the object."""
        return self._source

    @property
    def duplicates(self) -> tuple[DuplicateKey, ...]:
        """The keys that occur twice, in the order of the text."""
        return self._duplicates

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """The comments in its document that speak to Podfence."""
        return self._remarks

    def plain(self) -> dict[str, object]:
        """Give the object as plain values; it is built already."""
        return self._value

    def decode(self, into: type[T]) -> T:
        """Build the object as a msgspec type; see ``Item.decode``."""
        return msgspec.convert(self._value, into, strict=True)


def read_yaml_text(text: bytes, file: str, first_line: int = 1, memory: Memory | None = None) -> Iterator[Outcome]:
    """Read every document of a UTF-8 text whose line breaks are line feeds, in order.

    ``first_line`` is the number of its first line in the file; ``memory`` is what other files have said before.
    """
    line, memory = first_line, memory or Memory()
    waiting: tuple[Remark, ...] = ()
    for chunk in _chunks(text):
        breaks = chunk.count(b"\n")
        remarks = (*carried_over(waiting, line, line + breaks), *find_remarks(chunk, file, line))
        empty = True
        for outcome in _read_chunk(chunk, file, line, memory, remarks):
            empty = False
            yield outcome
        waiting = remarks if empty else ()
        line += breaks


def _chunks(text: bytes) -> Iterator[bytes]:
    """Cut a text before each line that begins a document; directives stay with the document behind them."""
    start, at = 0, -1
    while (at := text.find(b"\n---", at + 1)) >= 0:
        if text[at + 4 : at + 5] not in (b"", b" ", b"\t", b"\n"):
            continue
        chunk = text[start : at + 1]
        if b"%" in chunk and _ONLY_DIRECTIVES.match(chunk):
            continue
        yield chunk
        start = at + 1
    if start < len(text):
        yield text[start:]


def _read_chunk(chunk: bytes, file: str, line: int, memory: Memory, remarks: tuple[Remark, ...]) -> Iterator[Outcome]:
    if len(chunk) > MAX_DOCUMENT_BYTES:
        limit = f"{MAX_DOCUMENT_BYTES >> 20} MiB"
        yield Unparsed(Position(file, line, 1), f"a YAML document above {limit}; read it as JSON (kubectl get -o json)")
        return
    yield from _separator_fault(chunk, file, line)
    try:
        for document in read_yaml(chunk, memory):
            yield from _objects(document, file, line, remarks)
    except YamlError as error:
        position = Position(file, line + error.line, 1 + error.column)
        if b"{{" in chunk:
            yield Template(position, f"not YAML, but a template; render it first: {error.message}")
        else:
            yield Unparsed(position, f"not YAML: {error.message}")


def _separator_fault(chunk: bytes, file: str, line: int) -> Iterator[Unparsed]:
    """Report content on the line of a ``---``, and directives: YAML, but not to kubectl."""
    first = chunk[: chunk.find(b"\n")] if b"\n" in chunk else chunk
    if first.startswith(b"---") and first[3:].strip() and not first[3:].strip().startswith(b"#"):
        yield Unparsed(Position(file, line, 4), "kubectl takes only a comment behind '---'", kept=True)
    directive = _DIRECTIVE.match(chunk)
    if directive is not None:
        position = Position(file, line + directive[0].count(b"\n"), 1)
        yield Unparsed(position, "kubectl takes no % directives; leave the line out", kept=True)


def _objects(document: YamlDocument, file: str, line: int, remarks: tuple[Remark, ...]) -> Iterator[Outcome]:
    value = document.value
    if value is None:
        return
    source = YamlSource(file, line, value, document.mark)
    yield from _object(source, document.repeated, None, remarks)


def _object(
    source: YamlSource, repeated: tuple[RepeatedKey, ...], parent: ListHead | None, remarks: tuple[Remark, ...]
) -> Iterator[Outcome]:
    """Yield an object, or the objects of a list."""
    value = source.value
    if not isinstance(value, dict):
        fault = no_mapping(value)
        yield NoObject(source.position(), fault) if parent is None else Unparsed(source.position(), fault)
        return
    head = Head.of(value).within(parent)
    if isinstance(head.kind, str) and head.kind.endswith("List") and isinstance(value.get("items"), list):
        yield from _list(source, value, repeated, ListHead(head.api_version, head.kind), remarks)
        return
    fault_of_head = object_fault(head, in_list=parent is not None)
    if fault_of_head is not None:
        position, reason = source.position(), fault_of_head.reason
        yield Unparsed(position, reason) if fault_of_head.meant else NoObject(position, reason)
    elif isinstance(head.api_version, str) and isinstance(head.kind, str):
        whole = value
        if "kind" not in value or "apiVersion" not in value:
            whole = {"apiVersion": head.api_version, "kind": head.kind} | value
        yield YamlItem((head.api_version, head.kind), whole, source, _duplicates(repeated, source), remarks)


def _list(
    source: YamlSource,
    value: dict[str, object],
    repeated: tuple[RepeatedKey, ...],
    head: ListHead,
    remarks: tuple[Remark, ...],
) -> Iterator[Outcome]:
    by_item: dict[int, list[RepeatedKey]] = {}
    for key in repeated:
        match = _IN_ITEMS.match(key.path)
        if match is not None:
            by_item.setdefault(int(match[1]), []).append(msgspec.structs.replace(key, path=match[2]))
        else:
            yield Unparsed(source.at(key.second), f"the key {key.key!r} stands twice; the last one counts", kept=True)
    items, marks = value["items"], _child_mark(source, value, "items")
    if not isinstance(items, list):
        return
    for index, item in enumerate(items):
        mark = marks[index + 1] if isinstance(marks, list) else marks
        inner = YamlSource(source.file, source.first_line, item, mark)
        yield from _object(inner, tuple(by_item.get(index, ())), head, remarks)


def _child_mark(source: YamlSource, value: dict[str, object], key: str) -> Mark:
    return source.mark[list(value).index(key) + 1] if isinstance(source.mark, list) else source.mark


def _duplicates(repeated: tuple[RepeatedKey, ...], source: YamlSource) -> tuple[DuplicateKey, ...]:
    return tuple(
        DuplicateKey(key.path, key.key, source.at(key.first), source.at(key.second), key.lost) for key in repeated
    )
