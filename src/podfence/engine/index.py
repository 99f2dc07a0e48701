"""Label facts to bitsets, so that each distinct selector is evaluated once over all objects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from podfence.engine import bitset
from podfence.model.labels import Labels, Operator, Requirement, Selector


class LabelIndex:
    """The objects that carry each label; object ``i`` is the ``i``-th label set."""

    def __init__(self, label_sets: Sequence[Labels]) -> None:
        self.size = len(label_sets)
        self.everything = bitset.span(0, self.size)
        self._by_fact: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._by_key: dict[str, list[int]] = defaultdict(list)
        for index, labels in enumerate(label_sets):
            for fact in labels:
                self._by_fact[fact].append(index)
                self._by_key[fact[0]].append(index)
        self._known: dict[Selector, int] = {}

    def select(self, selector: Selector) -> int:
        """Give the objects that a selector matches."""
        found = self._known.get(selector)
        if found is None:
            found = self.everything
            for requirement in selector.requirements:
                found &= self._meeting(requirement)
            self._known[selector] = found
        return found

    def _meeting(self, requirement: Requirement) -> int:
        match requirement.operator:
            case Operator.IN:
                return self._with_value(requirement)
            case Operator.NOT_IN:
                return self.everything & ~self._with_value(requirement)
            case Operator.EXISTS:
                return self._set(self._by_key.get(requirement.key, ()))
            case Operator.DOES_NOT_EXIST:
                return self.everything & ~self._set(self._by_key.get(requirement.key, ()))

    def _with_value(self, requirement: Requirement) -> int:
        found = 0
        for value in requirement.values:
            found |= self._set(self._by_fact.get((requirement.key, value), ()))
        return found

    def _set(self, members: Iterable[int]) -> int:
        return bitset.make(members, self.size)
