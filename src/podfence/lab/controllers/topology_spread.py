"""Whether a pod on a node leaves pods spread as it wants (the scheduler's ``plugins/podtopologyspread``). Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from podfence.lab.controllers.occupancy import Occupancy, domain_of
from podfence.lab.controllers.placement import fits_node, tolerates_node
from podfence.lab.controllers.pods import is_terminating
from podfence.lab.interface import Object
from podfence.manifests.convert.selectors import read_selector

_NO_SPREAD: Final = "node(s) didn't match pod topology spread constraints"
NO_LABEL: Final = f"{_NO_SPREAD} (missing required label)"


def spread_obstacle(pod: Object, node: Object, occupancy: Occupancy) -> str | None:
    """Say which constraint that must hold would not on a node, in the scheduler's words."""
    constraints = [
        one
        for one in pod["spec"].get("topologySpreadConstraints") or ()
        if one.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule"
    ]
    if any(domain_of(node, one["topologyKey"]) is None for one in constraints):
        return NO_LABEL
    keys = [one["topologyKey"] for one in constraints]
    return None if all(_holds(one, pod, node, occupancy, keys) for one in constraints) else _NO_SPREAD


def _holds(constraint: Object, pod: Object, node: Object, occupancy: Occupancy, keys: list[str]) -> bool:
    key, matches = constraint["topologyKey"], _matcher(constraint, pod)
    counts: dict[str | None, int] = {}
    for name, one in occupancy.nodes.items():
        if _counts(constraint, pod, one) and all(domain_of(one, each) is not None for each in keys):
            found = sum(1 for other in occupancy.pods_on(name) if not is_terminating(other) and matches(other))
            counts[domain_of(one, key)] = counts.get(domain_of(one, key), 0) + found
    least = 0 if len(counts) < (constraint.get("minDomains") or 1) else min(counts.values(), default=0)
    skew = counts.get(domain_of(node, key), 0) + matches(pod) - least
    return skew <= int(constraint["maxSkew"])


def _counts(constraint: Object, pod: Object, node: Object) -> bool:
    """Tell whether a node is one of those over which a pod is spread."""
    if constraint.get("nodeAffinityPolicy", "Honor") == "Honor" and not fits_node(pod, node):
        return False
    return constraint.get("nodeTaintsPolicy", "Ignore") == "Ignore" or tolerates_node(pod, node)


def _matcher(constraint: Object, pod: Object) -> Callable[[Object], bool]:
    """Give the test of pods that are spread together: the selector, and equal values of some labels."""
    selector = constraint.get("labelSelector")
    if selector is None:
        return lambda _: False
    read = read_selector(selector, "spec.topologySpreadConstraints.labelSelector", checked=False)
    own = pod["metadata"].get("labels") or {}
    equal = {key: own[key] for key in constraint.get("matchLabelKeys") or () if key in own}

    def matches(other: Object) -> bool:
        labels = other["metadata"].get("labels") or {}
        is_near = other["metadata"].get("namespace") == pod["metadata"].get("namespace")
        return is_near and equal.items() <= labels.items() and read.matches(labels)

    return matches
