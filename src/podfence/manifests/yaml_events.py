"""YAML to plain objects, with the place of every field.

libyaml's events go straight into dicts and lists, in one pass and without a tree of nodes: that is both the fastest
way that Python has (facts: engineering A1) and the only one that sees what the others drop, duplicate keys and
positions. Scalars mean what they mean to kubectl (``yaml_scalars``). What could take all memory or all stack is
refused: aliases beyond the ratio that Go allows, nesting beyond ``MAX_DEPTH``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from podfence.manifests.field_path import MAX_DEPTH, Mark, RepeatedKey
from podfence.manifests.yaml_errors import YamlError, explain
from podfence.manifests.yaml_scalars import json_value, key_text, resolve_plain, resolve_tagged

try:
    from yaml.cyaml import CParser as _Parser  # type: ignore[attr-defined]
except ImportError:  # PyYAML without libyaml: the same events, twenty times slower
    from yaml import SafeLoader as _Parser  # type: ignore[assignment]

COLUMN_BITS: Final = 24
"""A mark is ``line << COLUMN_BITS | column``, both from 0 within the text that was parsed."""

# Go allows nearly everything to come from aliases in a small document and a tenth of it in a large one.
_FREE_ALIASES = 100
_FREE_NODES = 1_000
_SMALL_DOCUMENT = 400_000
_LARGE_DOCUMENT = 4_000_000

_REMEMBERED = 100_000


class YamlDocument(msgspec.Struct, frozen=True, gc=False):
    """What one YAML document holds: its value, its marks, and the keys that occur twice."""

    value: object
    mark: Mark
    repeated: tuple[RepeatedKey, ...]


_Anchored = tuple[object, int, Mark]
_Level = tuple[Any, Any, bool, list[Mark], str | None, int]


class _Missing:
    """Stands for what is not there, where ``None`` is a value."""


_MISSING: Final = _Missing()
_MERGE: Final = _Missing()


class Memory:
    """What the scalars and keys of a file meant, which the next document says again: shared and read once.

    With ``whole`` it also keeps documents by their text, for whoever reads nearly the same files twice.
    """

    def __init__(self, *, whole: bool = False) -> None:
        self.scalars: dict[str, object] = {}
        self.keys: dict[str, str] = {}
        self.documents: dict[bytes, tuple[YamlDocument, ...]] | None = {} if whole else None

    def forget_rarities(self) -> None:
        """Start anew when there is too much to remember."""
        for memory in (self.scalars, self.keys):
            if len(memory) > _REMEMBERED:
                memory.clear()


def read_yaml(text: bytes, memory: Memory | None = None) -> Iterator[YamlDocument]:
    """Read the documents of a UTF-8 text.

    Yields each document that is whole; raises ``YamlError`` where the text cannot be read any further.
    """
    memory = memory or Memory()
    known = memory.documents
    try:
        if known is None:
            yield from YamlReader(text, memory).documents()
            return
        if text not in known:
            known[text] = tuple(YamlReader(text, memory).documents())
        yield from known[text]
    except yaml.YAMLError as error:
        raise explain(error, text) from None


class YamlReader:
    """Builds the documents of one text; what is rare stands in methods of its own, apart from the loop."""

    def __init__(self, text: bytes, memory: Memory) -> None:
        self._parser = _Parser(text)
        self._memory = memory
        self._start_document()

    def _start_document(self) -> None:
        self._stack: list[_Level] = []
        self._anchors: dict[str, _Anchored | None] = {}
        self._repeated: list[RepeatedKey] = []
        self._merged: dict[int, tuple[object, set[str]]] = {}
        self._expanded = 0

    def documents(self) -> Iterator[YamlDocument]:  # noqa: C901, PLR0912, PLR0915
        """Yield the documents in order; see ``read_yaml``.

        One loop on purpose: it runs for every scalar of every manifest, and a call costs as much as the rest.
        """
        event_of = self._parser.get_event
        scalars, keys, stack = self._memory.scalars, self._memory.keys, self._stack
        container: Any = []
        key: Any = None
        in_mapping = want_key = False
        marks: list[Mark] = [0]
        count = 0
        while True:
            event: Any = event_of()
            kind = type(event)
            count += 1
            value: Any
            if kind is ScalarEvent:
                text = event.value
                if want_key:
                    key = keys.get(text)
                    if key is None or event.anchor is not None or event.tag is not None:
                        key = self._key(event)
                    start = event.start_mark
                    mark = start.line << COLUMN_BITS | start.column
                    if key in container:
                        self._repeat(container, key, marks, mark, stack)
                    marks.append(mark)
                    want_key = False
                    continue
                if not in_mapping:
                    start = event.start_mark
                    marks.append(start.line << COLUMN_BITS | start.column)
                if event.implicit[0] and event.tag is None:
                    value = scalars.get(text, _MISSING)
                    if value is _MISSING:
                        value = self._plain(text, event)
                elif event.tag is None:
                    value = text
                else:
                    value = self._tagged(event)
                if event.anchor is not None:
                    self._anchors[event.anchor] = (value, 1, 0)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                if want_key or len(stack) >= MAX_DEPTH:
                    raise self._refused(event, as_key=want_key)
                if not in_mapping:
                    start = event.start_mark
                    marks.append(start.line << COLUMN_BITS | start.column)
                anchor = event.anchor
                if anchor is not None:
                    self._anchors[anchor] = None
                stack.append((container, key, in_mapping, marks, anchor, count))
                in_mapping = want_key = kind is MappingStartEvent
                container = {} if in_mapping else []
                marks = [marks[-1]]
                continue
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                value, inner = container, marks
                container, key, in_mapping, marks, anchor, before = stack.pop()
                want_key = False
                if len(inner) > 1:
                    marks[-1] = inner
                if anchor is not None:
                    self._anchors[anchor] = (value, count - before, marks[-1])
            elif kind is AliasEvent:
                value, size, target = self._alias(event, count)
                count += size
                if want_key:
                    key = self._alias_key(value, event)
                    start = event.start_mark
                    mark = start.line << COLUMN_BITS | start.column
                    if key in container:
                        self._repeat(container, key, marks, mark, stack)
                    marks.append(mark)
                    want_key = False
                    continue
                if not in_mapping:
                    start = event.start_mark
                    marks.append(start.line << COLUMN_BITS | start.column)
                if isinstance(target, list):
                    marks[-1] = [marks[-1], *target[1:]]
            elif kind is DocumentStartEvent:
                self._start_document()
                stack = self._stack
                container, key, in_mapping, want_key, marks, count = [], None, False, False, [0], 0
                self._memory.forget_rarities()
                continue
            elif kind is DocumentEndEvent:
                yield YamlDocument(container[0], marks[1], tuple(self._repeated))
                continue
            elif kind is StreamEndEvent:
                return
            else:
                continue
            if not in_mapping:
                container.append(value)
            elif key is _MERGE:
                self._merge(container, value, marks, event)
                want_key = True
            else:
                container[key] = value
                want_key = True

    def _plain(self, text: str, event: ScalarEvent) -> object:
        try:
            value = json_value(resolve_plain(text))
        except ValueError as error:
            raise _at(event, str(error)) from None
        self._memory.scalars[text] = value
        return value

    def _tagged(self, event: ScalarEvent) -> object:
        try:
            return json_value(resolve_tagged(event.tag or "", event.value))
        except ValueError as error:
            raise _at(event, str(error)) from None

    def _key(self, event: ScalarEvent) -> object:
        """Read a key for the first time: kubectl makes text of it, and ``<<`` is no key but a merge."""
        text, tag = event.value, event.tag
        is_plain = event.implicit[0] and tag is None
        if text == "<<" and (is_plain or tag == "tag:yaml.org,2002:merge"):
            return _MERGE
        try:
            scalar = resolve_plain(text) if is_plain else text if tag is None else resolve_tagged(tag, text)
            key = key_text(scalar)
        except ValueError as error:
            raise _at(event, str(error)) from None
        if event.anchor is not None:
            self._anchors[event.anchor] = (scalar, 1, 0)
        elif tag is None and isinstance(scalar, str) and resolve_plain(text) == text:
            self._memory.keys[text] = key
        return key

    def _alias_key(self, value: object, event: Event) -> str:
        if isinstance(value, dict | list):
            raise _at(event, "a mapping or list cannot be a key")
        try:
            return key_text(value)  # type: ignore[arg-type]
        except ValueError as error:
            raise _at(event, str(error)) from None

    def _refused(self, event: Event, *, as_key: bool) -> YamlError:
        if as_key:
            return _at(event, "a mapping or list cannot be a key; quote text that begins with '{' or '['")
        return _at(event, f"nested deeper than {MAX_DEPTH} levels")

    def _repeat(
        self, container: dict[str, object], key: str, marks: list[Mark], mark: int, stack: list[_Level]
    ) -> None:
        """Note a key that its mapping has already, and forget where the earlier one stood: the last wins."""
        index = list(container).index(key)
        earlier = marks.pop(index + 1)
        lost = container.pop(key)
        _, merged = self._merged.get(id(container), (None, set[str]()))
        if key in merged:
            merged.discard(key)
            return
        path = _path(stack)
        while isinstance(earlier, list):
            earlier = earlier[0]
        known = (again.first for again in self._repeated if again.key == key and again.path == path)
        self._repeated.append(RepeatedKey(path, key, next(known, earlier), mark, lost))

    def _alias(self, event: AliasEvent, count: int) -> _Anchored:
        name = event.anchor
        if name not in self._anchors:
            raise _at(event, f"no anchor &{name} stands before this alias; quote the text if none is meant")
        target = self._anchors[name]
        if target is None:
            raise _at(event, f"the value of &{name} contains itself")
        self._expanded += target[1]
        total = count + target[1]
        if self._expanded > _FREE_ALIASES and total > _FREE_NODES and self._expanded / total > _alias_share(total):
            raise _at(event, "aliases repeat too much of the document (kubectl refuses it as well)")
        return target

    def _merge(self, container: dict[str, object], value: object, marks: list[Mark], event: Event) -> None:
        """Merge ``<<`` as Go does: what stands later in the text wins, the earlier of several merged mappings."""
        mark = marks.pop()
        sources = value if isinstance(value, list) and not isinstance(event, AliasEvent) else [value]
        own: list[Mark] = mark if isinstance(mark, list) else [mark]
        for index in range(len(sources) - 1, -1, -1):
            source = sources[index]
            if not isinstance(source, dict):
                raise _at(event, "'<<' merges a mapping or a list of mappings, and this is neither")
            inner: Mark = own if sources is not value else own[index + 1]
            self._merge_one(container, source, marks, inner)

    def _merge_one(
        self, container: dict[str, object], source: dict[str, object], marks: list[Mark], inner: Mark
    ) -> None:
        # The container stands beside its number, so that no other can get the number while it is in use.
        _, merged = self._merged.setdefault(id(container), (container, set()))
        for place, (key, value) in enumerate(source.items(), 1):
            if key in container:
                marks.pop(list(container).index(key) + 1)
                del container[key]
            container[key] = value
            marks.append(inner[place] if isinstance(inner, list) else inner)
            merged.add(key)


def _alias_share(nodes: int) -> float:
    """Give the share of a document's nodes that may come from aliases, as goyaml.v2 reckons it."""
    if nodes <= _SMALL_DOCUMENT:
        return 0.99
    if nodes >= _LARGE_DOCUMENT:
        return 0.10
    return 0.99 - 0.89 * (nodes - _SMALL_DOCUMENT) / (_LARGE_DOCUMENT - _SMALL_DOCUMENT)


def _path(stack: list[_Level]) -> str:
    """Write the path of the mapping that is being built."""
    path = ""
    for container, key, in_mapping, *_ in stack[1:]:
        if not in_mapping:
            path += f"[{len(container)}]"
        else:
            path += f".{'<<' if key is _MERGE else key}"
    return path.removeprefix(".")


def _at(event: Event, message: str) -> YamlError:
    mark: Any = event.start_mark
    return YamlError(message, mark.line, mark.column)
