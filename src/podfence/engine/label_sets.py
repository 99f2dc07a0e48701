"""Label sets that selectors can tell apart: one for each combination of selectors that some label set matches.

Made key by key. What a selector still asks of later keys does not matter for a key, so label sets that leave the
same selectors open are one; that keeps few of them where a product over all keys would be many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import msgspec

from podfence.model.labels import NAMESPACE_NAME_LABEL, Labels, Requirement, Selector

OTHER = "(other)"
"""A value that no selector names: no label value may hold parentheses (API: label values)."""

NamesOf = Callable[[Iterable[str]], Iterable[str]]
"""Gives the names that a namespace may have, by those that selectors mention."""

_MOST_VALUES = 256


class LabelSets(msgspec.Struct, frozen=True):
    """Label sets with the selectors that each matches (a bitset), those of fewest labels first.

    ``complete`` tells whether there is one for every combination of selectors.
    """

    found: tuple[tuple[Labels, int], ...]
    complete: bool


def label_sets(selectors: Sequence[Selector], wanted: int, most: int, names: NamesOf | None = None) -> LabelSets:
    """Give a label set for each combination of selectors that can match at once.

    ``wanted`` is a bitset of selectors of which one must match, 0 for no matter. Namespaces always have a name for a
    label, one of ``names``. At most ``most`` are given, those with fewest labels.
    """
    by_key: dict[str, list[tuple[int, Requirement]]] = defaultdict(list)
    for number, selector in enumerate(selectors):
        for requirement in selector.requirements:
            by_key[requirement.key].append((number, requirement))
    if names is not None:
        by_key.setdefault(NAMESPACE_NAME_LABEL, [])
    everything = (1 << len(selectors)) - 1
    states: dict[int, Labels] = {everything: ()}
    complete = True
    for key in sorted(by_key):
        mentioned = dict.fromkeys(value for _, requirement in by_key[key] for value in requirement.values)
        is_name = key == NAMESPACE_NAME_LABEL
        values = names(mentioned) if names is not None and is_name else (None, *mentioned, OTHER)
        options = _options(key, values, by_key[key], everything)
        states, cut = _extended(states, key, options, wanted, most)
        complete = complete and not cut and len(options) < _MOST_VALUES
    found = sorted(((labels, open_) for open_, labels in states.items()), key=lambda item: (len(item[0]), item[0]))
    return LabelSets(tuple(found), complete)


def overlap(one: Selector, other: Selector) -> bool:
    """Tell whether some label set matches both of two selectors."""
    both = Selector((*one.requirements, *other.requirements))
    return bool(label_sets((both,), wanted=1, most=1).found)


def _options(
    key: str, values: Iterable[str | None], requirements: Sequence[tuple[int, Requirement]], everything: int
) -> dict[int, str | None]:
    """Choose some of a key's values, ``None`` for no such label, by the selectors that each leaves open."""
    found: dict[int, str | None] = {}
    for value in values:
        labels = {} if value is None else {key: value}
        left = everything
        for number, requirement in requirements:
            if left >> number & 1 and not requirement.matches(labels):
                left ^= 1 << number
        found.setdefault(left, value)
        if len(found) == _MOST_VALUES:
            break
    return found


def _extended(
    states: dict[int, Labels], key: str, options: dict[int, str | None], wanted: int, most: int
) -> tuple[dict[int, Labels], bool]:
    """Add a key to each label set; tell whether some were left out because they are too many."""
    found: dict[int, Labels] = {}
    for open_, labels in states.items():
        for left, value in options.items():
            both = open_ & left
            if wanted and not both & wanted:
                continue
            more = labels if value is None else (*labels, (key, value))
            known = found.get(both)
            if known is None or len(more) < len(known):
                found[both] = more
    if len(found) <= most:
        return found, False
    fewest = sorted(found.items(), key=lambda item: (len(item[1]), item[1]))[:most]
    return dict(fewest), True
