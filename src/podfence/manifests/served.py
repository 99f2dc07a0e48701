"""An object as an API server sends it: bytes of JSON that stand in no file, so that nothing in it has a position."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar, cast

import msgspec

from podfence.manifests import wire
from podfence.manifests.documents import DuplicateKey, Item
from podfence.manifests.json_item import decoder_of

T = TypeVar("T")

_PLAIN: msgspec.json.Decoder[dict[str, object]] = msgspec.json.Decoder(dict[str, object])


class ServedItem(Item):
    """One object out of a list or a watch; in a list the objects leave out what the list says for all of them."""

    __slots__ = ("_raw",)

    def __init__(self, api_version: str, kind: str, raw: bytes | memoryview | msgspec.Raw) -> None:
        super().__init__("", api_version, kind)
        self._raw = raw

    @property
    def namespace(self) -> str | None:
        """The namespace that the object is in, ``None`` for one that is in none or cannot be read."""
        try:
            metadata = self.decode(wire.Object).metadata
        except msgspec.MsgspecError:
            return None
        return metadata.namespace if metadata is not None else None

    @property
    def source(self) -> None:
        """No text: ``None``."""
        return

    @property
    def duplicates(self) -> tuple[DuplicateKey, ...]:
        """No server writes a key twice."""
        return ()

    def mentions(self, word: str) -> bool:
        """Tell whether a word stands in the bytes of the object; see ``Item.mentions``."""
        return word.encode() in bytes(self._raw)

    def plain(self) -> dict[str, object]:
        """Build the object; see ``Item.plain``.

        Raises ``RecursionError`` where it is nested too deep, and ``msgspec.MsgspecError`` for what is no object.
        """
        try:
            value = _PLAIN.decode(self._raw)
        except UnicodeDecodeError:
            value = _PLAIN.decode(self._as_text())
        return {"apiVersion": self.api_version, "kind": self.kind} | value

    def decode(self, into: type[T]) -> T:
        """Build the object as a msgspec type; see ``Item.decode``."""
        decoder = decoder_of(cast("Hashable", into))
        try:
            return cast("T", decoder.decode(self._raw))
        except UnicodeDecodeError:
            return cast("T", decoder.decode(self._as_text()))

    def _as_text(self) -> bytes:
        """Give the object with its bytes that are no text replaced, as Go's own decoder does."""
        return bytes(self._raw).decode("utf-8", "replace").encode()
