"""Make equal things one: pods by the hundred thousand repeat a few labels, ports and names."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

import msgspec

from podfence.manifests.wire import OwnerReference
from podfence.model.labels import Labels
from podfence.model.objects import NamedPort

Value = TypeVar("Value", bound=Hashable)


class Owner(msgspec.Struct, frozen=True, gc=False):
    """The controller of an object, as its owner reference names it; ``group`` is without version."""

    group: str
    kind: str
    name: str


class Shared:
    """Hands out one object for all that are equal; lives as long as the reading does."""

    def __init__(self) -> None:
        self._known: dict[object, object] = {}
        self._labels: dict[tuple[tuple[str, str | None], ...], Labels] = {}
        self._owners: dict[tuple[str | None, ...], Owner] = {}
        self.ports: dict[tuple[object, ...], tuple[NamedPort, ...]] = {}

    def labels(self, pairs: dict[str, str | None] | None) -> Labels:
        """Make a label set out of a decoded map, in which ``null`` is the empty string."""
        if not pairs:
            return ()
        key = tuple(pairs.items())
        known = self._labels.get(key)
        if known is None:
            known = self.one(tuple([(name, pairs[name] or "") for name in sorted(pairs)]))
            self._labels[key] = known
        return known

    def owner(self, reference: OwnerReference) -> Owner:
        """Make an owner out of a reference that has a kind and a name."""
        key = (reference.api_version, reference.kind, reference.name)
        known = self._owners.get(key)
        if known is None:
            group = (reference.api_version or "").rpartition("/")[0]
            known = self._owners[key] = Owner(group, reference.kind or "", reference.name or "")
        return known

    def one(self, value: Value) -> Value:
        """Give the first of all values that are equal to this one."""
        return self._known.setdefault(value, value)  # type: ignore[return-value]
