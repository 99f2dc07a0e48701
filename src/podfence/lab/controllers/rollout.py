"""How a Deployment moves from old ReplicaSets to the new one: the arithmetic of a rollout, pure.

Source: ``pkg/controller/deployment/rolling.go`` and ``util/deployment_util.go``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from podfence.lab.interface import Object


def max_surge(spec: Object) -> int:
    """Give how many pods there may be beyond those wanted."""
    return _bounds(spec)[0]


def max_unavailable(spec: Object) -> int:
    """Give how many of the wanted pods may be missing; with Recreate all of them may at times, but none is planned."""
    return _bounds(spec)[1]


def new_replicas(spec: Object, present: int, old: int) -> int:
    """Give the size that the new ReplicaSet may have now, beside ``old`` pods that are still wanted."""
    wanted = spec.get("replicas", 1)
    if _is_recreate(spec) or present > wanted:
        return int(wanted)
    room = wanted + max_surge(spec) - present - old
    return int(min(wanted, present + max(0, room)))


def old_replicas(spec: Object, new: Object, old: Sequence[Object]) -> list[tuple[Object, int]]:
    """Give the old ReplicaSets (oldest first) that may shrink now, with their new sizes.

    First what is not available anyhow, then as much as the number of available pods allows.
    """
    sizes = {id(one): one["spec"].get("replicas", 1) for one in old}
    least = spec.get("replicas", 1) - max_unavailable(spec)
    new_missing = new["spec"].get("replicas", 1) - _available(new)
    room = sum(sizes.values()) + new["spec"].get("replicas", 1) - least - new_missing
    for one in old:
        broken = max(0, min(sizes[id(one)] - _available(one), room))
        sizes[id(one)] -= broken
        room -= broken
    spare = _available(new) + sum(map(_available, old)) - least
    for one in old:
        less = max(0, min(sizes[id(one)], spare, room))
        sizes[id(one)] -= less
        spare -= less
        room -= less
    return [(one, sizes[id(one)]) for one in old if sizes[id(one)] != one["spec"].get("replicas", 1)]


def counted(deployment: Object, new: Object | None, sets: Sequence[Object]) -> Object:
    """Give the numbers of a Deployment's status."""
    total = sum(_count(one, "replicas") for one in sets)
    available = sum(map(_available, sets))
    wanted = sum(one["spec"].get("replicas", 1) for one in sets)
    return {
        "observedGeneration": deployment["metadata"].get("generation", 0),
        "replicas": total,
        "updatedReplicas": _count(new, "replicas") if new is not None else 0,
        "readyReplicas": sum(_count(one, "readyReplicas") for one in sets),
        "availableReplicas": available,
        "unavailableReplicas": max(0, wanted - available),
    }


def is_complete(spec: Object, status: Object) -> bool:
    """Tell whether all pods are new and available."""
    wanted = spec.get("replicas", 1)
    return bool(status["updatedReplicas"] == wanted == status["replicas"] == status["availableReplicas"])


def has_progressed(before: Object, after: Object) -> bool:
    """Tell whether a rollout got further: more new pods, fewer old ones, more ready or available ones."""

    def old(status: Object) -> int:
        return int(status.get("replicas", 0) - status.get("updatedReplicas", 0))

    grown = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return old(after) < old(before) or any(after.get(name, 0) > before.get(name, 0) for name in grown)


def _bounds(spec: Object) -> tuple[int, int]:
    """Resolve numbers and percentages: surge upwards, unavailable downwards, never both zero."""
    if _is_recreate(spec):
        return 0, 0
    limits = (spec.get("strategy") or {}).get("rollingUpdate") or {}
    wanted = spec.get("replicas", 1)
    surge = _share(limits.get("maxSurge", "25%"), wanted, rounds_up=True)
    unavailable = _share(limits.get("maxUnavailable", "25%"), wanted, rounds_up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return surge, min(unavailable, wanted)


def _share(value: int | str, of: int, *, rounds_up: bool) -> int:
    if isinstance(value, int):
        return value
    part = int(value.rstrip("%")) * of / 100
    return math.ceil(part) if rounds_up else math.floor(part)


def _is_recreate(spec: Object) -> bool:
    return (spec.get("strategy") or {}).get("type") == "Recreate"


def _available(replica_set: Object) -> int:
    return _count(replica_set, "availableReplicas")


def _count(replica_set: Object, name: str) -> int:
    return int((replica_set.get("status") or {}).get(name, 0))
