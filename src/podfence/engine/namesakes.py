"""Namespaces of which a cluster has one at most: those of one name with different labels.

A possible namespace may be called like another one, or be an input's namespace of unknown labels with some of them.
No connection leads from one of them to another.
"""

from __future__ import annotations

from collections import defaultdict

from podfence.engine.label_sets import OTHER
from podfence.engine.possible import Possible
from podfence.model.labels import NAMESPACE_NAME_LABEL


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
