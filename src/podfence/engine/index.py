"""Label facts to bitsets, so that each distinct selector is evaluated once over all objects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from podfence.engine import bitset
from podfence.model.labels import Labels, Operator, Requirement, Selector

_COMMON = 16


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
        self._common: dict[tuple[str, str], int] = {}

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
                return bitset.make(self._by_key.get(requirement.key, ()))
            case Operator.DOES_NOT_EXIST:
                return self.everything & ~bitset.make(self._by_key.get(requirement.key, ()))

    def _with_value(self, requirement: Requirement) -> int:
        found = 0
        for value in requirement.values:
            found |= self._with_fact((requirement.key, value))
        return found

    def _with_fact(self, fact: tuple[str, str]) -> int:
        """Give the objects that carry a label; remembered where many do, since such a set is dear to build."""
        members = self._by_fact.get(fact, ())
        if len(members) < _COMMON:
            return bitset.make(members)
        found = self._common.get(fact)
        if found is None:
            found = self._common[fact] = bitset.make(members)
        return found
