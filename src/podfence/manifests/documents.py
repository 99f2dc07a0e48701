"""What reading yields: items that may be Kubernetes objects, and by name everything that is none.

An item is one object, whether it stood alone or within a ``List``, and answers alike for YAML and JSON. Nothing
that was read disappears: what cannot be read is ``Unparsed``, what holds no Kubernetes object is ``Skipped``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from podfence.manifests.remarks import Remark
from podfence.model.source import Position, Source

T = TypeVar("T")


class DuplicateKey(msgspec.Struct, frozen=True, gc=False):
    """A key that occurs again in one mapping; the last occurrence wins, as with kubectl.

    ``path`` is the mapping's (empty for the object itself), ``first`` and ``second`` are the first occurrence and
    this one, ``lost`` is the value that this one replaces. They come in the order of the text: a forgotten ``---``
    shows as ``apiVersion``, ``kind``, ``metadata`` and ``spec`` again at the path ``""``.
    """

    path: str
    key: str
    first: Position
    second: Position
    lost: object


class Unparsed(msgspec.Struct, frozen=True, gc=False):
    """A text that kubectl would not read, and why, in one line for people.

    ``kept`` tells that Podfence made sense of it all the same: its items are yielded as well.
    """

    position: Position
    message: str
    kept: bool = False

    def __str__(self) -> str:
        return f"{self.position}: {self.message}"


class Skipped(msgspec.Struct, frozen=True, gc=False):
    """A file or folder, or a document of it, that is no input: it holds no Kubernetes objects."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


class NoObject(msgspec.Struct, frozen=True, gc=False):
    """A document that was read and is no Kubernetes object; whether that is an error depends on its file."""

    position: Position
    reason: str


class Template(msgspec.Struct, frozen=True, gc=False):
    """A document that does not parse and holds ``{{``; whether that is an error depends on its file."""

    position: Position
    message: str


class Item(ABC):
    """One object: its API version and kind at once, the rest when asked for.

    Values are shared, between the aliases of a YAML anchor for instance: read them, never change them.
    """

    __slots__ = ("api_version", "file", "kind")

    def __init__(self, file: str, api_version: str, kind: str) -> None:
        self.file = file
        self.api_version = api_version
        self.kind = kind

    @property
    @abstractmethod
    def source(self) -> Source | None:
        """The text of the object, kept without keeping the file; ``None`` when a server sent it."""

    @property
    @abstractmethod
    def duplicates(self) -> tuple[DuplicateKey, ...]:
        """The keys that occur twice, in the order of the text."""

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """The comments in its document that speak to Podfence."""
        return ()

    def mentions(self, word: str) -> bool:  # noqa: ARG002 (who has the bytes at hand looks)
        """Tell whether a word may stand in the text of the object; a cheap question before a dear one."""
        return True

    @abstractmethod
    def plain(self) -> dict[str, object]:
        """Build the object out of dicts, lists, text, numbers, booleans and ``None``.

        Numbers are as Go reads them: from YAML 80.0 is the integer 80, from JSON the float it is written as.
        """

    @abstractmethod
    def decode(self, into: type[T]) -> T:
        """Build the object as a msgspec type; raises ``msgspec.ValidationError`` where it does not fit.

        Fields that the type does not name cost nothing in JSON; a key that occurs twice has its last value.
        """

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.api_version} {self.kind} in {self.file}>"


class Head(msgspec.Struct, frozen=True, gc=False):
    """The fields that tell what a mapping is; ``body`` tells whether it has ``metadata`` or ``spec``."""

    api_version: object
    kind: object
    body: bool

    @classmethod
    def of(cls, value: Mapping[str, object]) -> Head:
        """Look at a mapping."""
        return cls(value.get("apiVersion"), value.get("kind"), "metadata" in value or "spec" in value)

    def within(self, parent: ListHead | None) -> Head:
        """Fill in what the items of a list such as ``PodList`` may leave out."""
        if parent is None or parent.kind == "List":
            return self
        api_version = parent.api_version if self.api_version is None else self.api_version
        kind = parent.kind.removesuffix("List") if self.kind is None else self.kind
        return Head(api_version, kind, self.body)


class ListHead(msgspec.Struct, frozen=True, gc=False):
    """The API version and kind of a list that is being taken apart."""

    api_version: object
    kind: str


def object_fault(head: Head, *, in_list: bool) -> Unreadable | None:
    """Tell why a mapping is no Kubernetes object, ``None`` when it is one.

    A mapping that looks as if it was meant to be an object (it is in a list, or has two of ``apiVersion``,
    ``kind`` and a body) is at fault; any other is something else, a values file for instance.
    """
    if isinstance(head.api_version, str) and head.api_version and isinstance(head.kind, str) and head.kind:
        return None
    meant = in_list or (head.api_version is not None) + (head.kind is not None) + head.body >= 2
    for name, value in (("apiVersion", head.api_version), ("kind", head.kind)):
        if value is None or value == "":
            return Unreadable(f"no Kubernetes object: {name} is missing", meant)
        if not isinstance(value, str):
            return Unreadable(f"no Kubernetes object: {name} must be text", meant)
    raise AssertionError("a head without fault")


class Unreadable(msgspec.Struct, frozen=True, gc=False):
    """Why a mapping is no object, and whether it was meant to be one."""

    reason: str
    meant: bool


def no_mapping(value: object) -> str:
    """Say what stands where an object should."""
    match value:
        case list():
            what = "a list"
        case str():
            what = "text"
        case None:
            what = "nothing"
        case _:
            what = "a single value"
    return f"no Kubernetes object: {what} stands where a mapping should"
