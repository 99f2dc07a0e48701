"""Namespaces of which a cluster has one at most: those of one name with different labels.

A possible namespace may be called like another one, or be an input's namespace of unknown labels with some of them.
No connection leads from one of them to another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from itertools import product

from podfence.engine import bitset
from podfence.engine.label_sets import OTHER
from podfence.engine.possible import Possible
from podfence.model.labels import NAMESPACE_NAME_LABEL

Member = tuple[str | None, bool]
"""The namespace of an end, and whether the end is possible."""


class Namesakes:
    """Tells which namespaces exclude each other."""

    def __init__(self, possible: Possible) -> None:
        groups: dict[str, set[str]] = defaultdict(set)
        for item in possible.namespaces:
            name = dict(item.labels)[NAMESPACE_NAME_LABEL]
            if name != OTHER:
                groups[name].add(item.name)
        for home in possible.homes.values():
            groups[home].add(home)
        self._group_of = {item: name for name, group in groups.items() if len(group) > 1 for item in group}

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self._group_of)

    def holds(self, namespace: str | None) -> bool:
        """Tell whether a namespace excludes any other."""
        return namespace in self._group_of

    def excludes(self, one: str | None, other: str | None) -> bool:
        """Tell whether at most one of two namespaces can be there."""
        if one is None or other is None or one == other or one not in self._group_of:
            return False
        return self._group_of[one] == self._group_of.get(other)

    def excluded(self, members: Mapping[int, Collection[Member]]) -> Mapping[int, int]:
        """Give the classes of ends with those (bitsets) of which no end can be there together with one of theirs.

        Ends that are both of the input do not count: what they may do is told by themselves.
        """
        contested = {
            number: found for number, found in members.items() if all(self.holds(namespace) for namespace, _ in found)
        }
        return {
            number: bitset.make([other for other, others in contested.items() if self._all_exclude(found, others)])
            for number, found in contested.items()
        }

    def _all_exclude(self, ends: Iterable[Member], others: Iterable[Member]) -> bool:
        return all(
            self.excludes(one, other) or not (one_is_possible or other_is_possible)
            for (one, one_is_possible), (other, other_is_possible) in product(ends, others)
        )
