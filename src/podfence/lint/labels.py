"""What a selector that matches nothing was probably meant to match: the nearest labels that are there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import msgspec

from podfence.model.labels import Labels, Operator, Requirement, Selector
from podfence.model.labels import selector as make_selector

_SIMILAR = 0.75
_OPT_IN = frozenset({"true", "yes", "1", "allow", "allowed", "enable", "enabled", "client"})


class Nearest(msgspec.Struct, frozen=True):
    """The requirement that fails, the label to ask for instead, and the selector that results."""

    wrong: Requirement
    key: str
    value: str
    selector: Selector


def nearest(selector: Selector, label_sets: Iterable[Labels]) -> Nearest | None:
    """Find labels that meet all requirements but one, and almost that one; the closest, ``None`` when none is close."""
    best: tuple[float, Nearest] | None = None
    for labels in dict.fromkeys(label_sets):
        known = dict(labels)
        failed = [item for item in selector.requirements if not item.matches(known)]
        if len(failed) != 1 or failed[0].operator is not Operator.IN:
            continue
        for likeness, key, value in _alike(failed[0], known):
            if best is None or likeness > best[0]:
                others = [item for item in selector.requirements if item is not failed[0]]
                instead = make_selector({key: value}, *others)
                best = (likeness, Nearest(failed[0], key, value, instead))
    return best[1] if best is not None else None


def _alike(wrong: Requirement, labels: dict[str, str]) -> list[tuple[float, str, str]]:
    found = []
    for key, value in labels.items():
        likeness = max(difflib.SequenceMatcher(None, value, wanted).ratio() for wanted in wrong.values)
        same_key = key == wrong.key
        if same_key and likeness >= _SIMILAR:
            found.append((likeness + 1, key, value))
        elif not same_key and likeness == 1 and value.casefold() not in _OPT_IN and _is_name(key):
            found.append((likeness + difflib.SequenceMatcher(None, key, wrong.key).ratio(), key, value))
    return found


def _is_name(key: str) -> bool:
    """Tell whether a label says what something is called, rather than which version or release it is."""
    return key.rpartition("/")[2] in {
        "app",
        "name",
        "k8s-app",
        "component",
        "role",
        "tier",
        "instance",
        "run",
        "service",
    }


def is_opt_in(selector: Selector) -> bool:
    """Tell whether a selector asks for a label that pods are given on purpose later, such as ``db-client: "true"``."""
    return any(
        item.operator is Operator.EXISTS or any(value.casefold() in _OPT_IN for value in item.values)
        for item in selector.requirements
    )
