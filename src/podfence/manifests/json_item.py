"""One JSON object that is still the bytes it was read as, and where its fields stand.

Building it, decoding it into a type and finding a field are each done when asked for; an item of which nobody asks
anything costs a slice of its file.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable
from typing import TypeVar, cast

import msgspec

from podfence.manifests.documents import DuplicateKey, Item
from podfence.manifests.field_path import locate
from podfence.manifests.json_scan import Scan, is_too_deep, load, scan
from podfence.model.source import Position

T = TypeVar("T")


POD = ("v1", "Pod")
"""By far the most frequent object, and nearly always decoded by its type, which builds no tree that could be too deep.
Its depth is looked at only when it is built plainly."""


class JsonText:
    """The bytes of one file, and the way from a byte offset to line and column.

    Offsets are asked for mostly in rising order, so the last answer is where the next search begins.
    """

    def __init__(self, data: bytes, file: str) -> None:
        self.data = data
        self.view = memoryview(data)
        self.file = file
        self.is_ascii = data.isascii()
        self._known = (0, 1, 1)
        self._mentioned: dict[str, bool] = {}

    def mentions(self, word: str) -> bool:
        """Tell whether a word stands in the file, which is looked through once for all its objects."""
        if word not in self._mentioned:
            self._mentioned[word] = word.encode() in self.data
        return self._mentioned[word]

    def position(self, offset: int) -> Position:
        """Give the position of a byte."""
        known, line, column = self._known if self._known[0] <= offset else (0, 1, 1)
        line, column = advance(self.data, known, offset, line, column, is_ascii=self.is_ascii)
        self._known = (offset, line, column)
        return Position(self.file, line, column)


def advance(data: bytes, start: int, end: int, line: int, column: int, *, is_ascii: bool) -> tuple[int, int]:
    """Move a line and column from one byte offset to a later one; columns count characters."""
    breaks = data.count(b"\n", start, end)
    if breaks:
        start, column = data.rfind(b"\n", start, end) + 1, 1
    width = end - start if is_ascii else len(data[start:end].decode("utf-8", "replace"))
    return line + breaks, column + width


class JsonSource:
    """Where the fields of one JSON object stand; it has its own copy of the object's bytes."""

    __slots__ = ("_origin", "_scan", "_text")

    def __init__(self, text: bytes, origin: Position) -> None:
        self._text = text
        self._origin = origin
        self._scan: Scan | None = None

    @property
    def file(self) -> str:
        """The file as it was given."""
        return self._origin.file

    def position(self, path: str = "") -> Position:
        """Find a field by its path; see ``model.source.Source``."""
        if not path:
            return self._origin
        scanned = self.scanned()
        return self.at(locate(scanned.value, scanned.mark, path))

    def scanned(self) -> Scan:
        """Scan the object, once."""
        if self._scan is None:
            self._scan = scan(self._text)
        return self._scan

    def at(self, offset: int) -> Position:
        """Turn a byte offset within the object into a position."""
        origin, text = self._origin, self._text
        return Position(origin.file, *advance(text, 0, offset, origin.line, origin.column, is_ascii=text.isascii()))


class JsonItem(Item):
    """An object that is still the bytes it was read as; it keeps its file's bytes in memory while it lives."""

    __slots__ = ("_duplicates", "_raw", "_source", "_start", "_text")

    def __init__(self, head: tuple[str, str], raw: memoryview, text: JsonText, start: int) -> None:
        super().__init__(text.file, *head)
        self._raw = raw
        self._text = text
        self._start = start
        self._source: JsonSource | None = None
        self._duplicates: tuple[DuplicateKey, ...] | None = None

    @property
    def source(self) -> JsonSource:
        """The text of the object, copied so that it does not hold the file."""
        if self._source is None:
            self._source = JsonSource(bytes(self._raw), self._text.position(self._start))
        return self._source

    @property
    def duplicates(self) -> tuple[DuplicateKey, ...]:
        """The keys that occur twice, in the order of the text; known once the object was built plainly."""
        if self._duplicates is None:
            self.plain()
        return self._duplicates or ()

    def mentions(self, word: str) -> bool:
        """Tell whether a word stands in the bytes of the object; see ``Item.mentions``."""
        return self._text.mentions(word) and word.encode() in bytes(self._raw)

    def plain(self) -> dict[str, object]:
        """Build the object; see ``Item.plain``."""
        text = bytes(self._raw)
        if (self.api_version, self.kind) == POD and is_too_deep(text, 0, len(text)):
            raise RecursionError
        value: dict[str, object]
        value, repeats = load(text)
        if self._duplicates is None:
            self._duplicates = self._find_duplicates() if repeats else ()
        head: dict[str, object] = {"apiVersion": self.api_version, "kind": self.kind}
        return head | value if "kind" not in value or "apiVersion" not in value else value

    def decode(self, into: type[T]) -> T:
        """Build the object as a msgspec type; see ``Item.decode``."""
        return cast("T", decoder_of(cast("Hashable", into)).decode(self._raw))

    def _find_duplicates(self) -> tuple[DuplicateKey, ...]:
        source = self.source
        return tuple(
            DuplicateKey(key.path, key.key, source.at(key.first), source.at(key.second), key.lost)
            for key in source.scanned().repeated
        )


@functools.cache
def decoder_of(into: Hashable) -> msgspec.json.Decoder[object]:
    """Make the decoder of a type once; commands know a few dozen types."""
    return msgspec.json.Decoder(cast("type", into))
