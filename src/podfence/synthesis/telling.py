"""Which labels tell some pods from the others of their namespace, and nothing that a new rollout would change.

A selector is as good as the labels that it names: those that a controller makes up for each rollout or each pod
are used only where nothing else tells the pods apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from podfence.model.labels import Labels
from podfence.model.objects import Pod

Plain = dict[str, Any]

_MADE_UP = frozenset(
    {
        "pod-template-hash",
        "pod-template-generation",
        "controller-revision-hash",
        "controller-uid",
        "job-name",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
    }
)
_MADE_UP_PREFIX = "batch.kubernetes.io/"

# What people name their pods by, most telling first; and what changes with a release or says who installed it.
_TELLING = (
    "app.kubernetes.io/name",
    "app",
    "k8s-app",
    "app.kubernetes.io/component",
    "component",
    "app.kubernetes.io/instance",
    "name",
    "tier",
    "role",
)
_PASSING = (
    "version",
    "app.kubernetes.io/version",
    "app.kubernetes.io/managed-by",
    "helm.sh/chart",
    "chart",
    "heritage",
    "release",
)


def selectors_for(pods: Sequence[Pod], neighbours: Sequence[Pod]) -> list[Plain]:
    """Give the fewest label selectors that select these pods, and of their ``neighbours`` none that labels can spare.

    ``pods`` are of one namespace, ``neighbours`` all pods in it. Each is a plain ``LabelSelector``; an empty one
    selects every pod there. Expressions are used only where equal labels select too many.
    """
    wanted = {pod.labels for pod in pods}
    together = _selector(_shared(pods), wanted, wanted, neighbours)
    if together is not None:
        return [together]
    alone = [_selector(dict(labels), {labels}, wanted, neighbours) for labels in sorted(wanted)]
    return [found for found in alone if found is not None]


def joined(one: Plain, other: Plain) -> Plain:
    """Join two plain label selectors that some pods both meet: what a label's value decides is not asked for again."""
    labels = {**one.get("matchLabels", {}), **other.get("matchLabels", {})}
    asked = [*one.get("matchExpressions", []), *other.get("matchExpressions", [])]
    expressions = [item for n, item in enumerate(asked) if item["key"] not in labels and item not in asked[:n]]
    return {
        **({"matchLabels": labels} if labels else {}),
        **({"matchExpressions": expressions} if expressions else {}),
    }


def _selector(
    labels: dict[str, str], kept: set[Labels], wanted: set[Labels], neighbours: Sequence[Pod]
) -> Plain | None:
    """Select by labels, and take out what else has them, without losing those to be ``kept``.

    ``None`` when some of what is not ``wanted`` cannot be told from what is kept.
    """
    shortest = _shortest(labels, neighbours)
    extras = _selected(labels, neighbours) - wanted
    expressions: list[Plain] = []
    while extras:
        found = _exclusion(extras, kept)
        if found is None:
            return None
        expression, extras = found
        expressions.append(expression)
    return {
        **({"matchLabels": shortest} if shortest else {}),
        **({"matchExpressions": expressions} if expressions else {}),
    }


def _exclusion(extras: set[Labels], kept: set[Labels]) -> tuple[Plain, set[Labels]] | None:
    """Find the expression that every kept label set meets and the most of the others do not."""
    best: tuple[Plain, set[Labels]] | None = None
    for key in sorted({key for labels in extras for key, _ in labels}, key=_worth, reverse=True):
        values = {dict(labels)[key] for labels in kept if key in dict(labels)}
        others = {dict(labels).get(key) for labels in extras} - {None, *values}
        if not others:
            continue
        left = {labels for labels in extras if dict(labels).get(key) not in others}
        expression: Plain = {"key": key, "operator": "NotIn", "values": sorted(str(value) for value in others)}
        if not values:
            expression = {"key": key, "operator": "DoesNotExist"}
        if best is None or len(left) < len(best[1]):
            best = (expression, left)
    return best


def _shared(pods: Iterable[Pod]) -> dict[str, str]:
    first, *others = (set(pod.labels) for pod in pods)
    return dict(sorted(first.intersection(*others)))


def _selected(labels: dict[str, str], neighbours: Iterable[Pod]) -> set[Labels]:
    wanted = set(labels.items())
    return {pod.labels for pod in neighbours if not pod.host_network and wanted.issubset(pod.labels)}


def _shortest(labels: dict[str, str], neighbours: Sequence[Pod]) -> dict[str, str]:
    """Leave out the labels that make no difference, the least telling first, but never all of them."""
    wanted = _selected(labels, neighbours)
    kept = dict(labels)
    for key in sorted(labels, key=_worth):
        rest = {other: value for other, value in kept.items() if other != key}
        if (rest or _worth(key)[0] == 0) and _selected(rest, neighbours) == wanted:
            kept = rest
    return kept


def _worth(key: str) -> tuple[int, int, str]:
    """Order labels by what they tell about a pod, least first."""
    if key in _MADE_UP or key.startswith(_MADE_UP_PREFIX):
        return 0, 0, key
    if key in _PASSING:
        return 1, 0, key
    if key in _TELLING:
        return 3, -_TELLING.index(key), key
    return 2, 0, key
