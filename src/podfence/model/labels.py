"""Label sets and label selectors, and how one matches the other (facts: semantics 2.2)."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec

Labels = tuple[tuple[str, str], ...]
"""A label set as sorted pairs: small, hashable, shared between the replicas of a workload."""


class Operator(enum.StrEnum):
    """The operators of a label selector requirement."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class Requirement(msgspec.Struct, frozen=True, gc=False, order=True, cache_hash=True):
    """One condition on one label; ``values`` are sorted and empty for the two operators without values."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether a label set meets the condition; ``NotIn`` is met by an absent key."""
        match self.operator:
            case Operator.IN:
                return labels.get(self.key) in self.values
            case Operator.NOT_IN:
                return self.key not in labels or labels[self.key] not in self.values
            case Operator.EXISTS:
                return self.key in labels
            case Operator.DOES_NOT_EXIST:
                return self.key not in labels

    def __str__(self) -> str:
        match self.operator:
            case Operator.IN if len(self.values) == 1:
                return f"{self.key}={self.values[0]}"
            case Operator.IN:
                return f"{self.key} in ({', '.join(self.values)})"
            case Operator.NOT_IN:
                return f"{self.key} not in ({', '.join(self.values)})"
            case Operator.EXISTS:
                return f"{self.key} exists"
            case Operator.DOES_NOT_EXIST:
                return f"{self.key} does not exist"


class Selector(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """All of its requirements must be met; without any it matches every label set."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether a label set meets every requirement."""
        return all(requirement.matches(labels) for requirement in self.requirements)

    def __str__(self) -> str:
        return ", ".join(map(str, self.requirements)) or "all"


EVERYTHING = Selector()

NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name"
"""The label that the API server keeps on every namespace (facts: semantics 2.2)."""


def label_set(pairs: Mapping[str, str]) -> Labels:
    """Make a label set out of a mapping."""
    return tuple(sorted(pairs.items()))


def selector(match_labels: Mapping[str, str], *expressions: Requirement) -> Selector:
    """Join ``matchLabels`` and ``matchExpressions`` into one selector, in an order of its own.

    Two selectors that list the same conditions in another order are equal.
    """
    equalities = (Requirement(key, Operator.IN, (value,)) for key, value in match_labels.items())
    normal = (Requirement(item.key, item.operator, tuple(sorted(set(item.values)))) for item in expressions)
    conditions = {*equalities, *normal}
    return Selector(tuple(sorted(conditions, key=lambda item: (item.key, item.operator.value, item.values))))
