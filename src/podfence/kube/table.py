"""The objects of one kind as they are now, and which of them changed since somebody last asked."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, Generic, TypeVar

from podfence.model.change import Change, Changing

K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Changing)


class Table(Generic[K, V]):
    """Objects by key. An object that is put again and is equal stays the very same, and is no change."""

    def __init__(self) -> None:
        self._objects: dict[K, V] = {}
        self._told: dict[K, V | None] = {}
        self._in_order: tuple[V, ...] | None = ()

    def __len__(self) -> int:
        return len(self._objects)

    def set(self, key: K, value: V | None) -> None:
        """Put an object, or take it away with ``None``."""
        before = self._objects.get(key)
        if before == value:
            return
        self._told.setdefault(key, before)
        self._in_order = None
        if value is None:
            del self._objects[key]
        else:
            self._objects[key] = value

    def values(self) -> tuple[V, ...]:
        """Give the objects, sorted by key."""
        if self._in_order is None:
            keys: list[Any] = list(self._objects)
            keys.sort()
            self._in_order = tuple([self._objects[key] for key in keys])
        return self._in_order

    def has_changes(self) -> bool:
        """Tell whether something was put or taken away since the last ``changes``."""
        return bool(self._told)

    def changes(self) -> Iterator[Change]:
        """Give what is other than at the last call, each object once: what was then, and what is now."""
        told, self._told = self._told, {}
        for key, before in told.items():
            after = self._objects.get(key)
            if before != after:
                yield Change(before, after)
