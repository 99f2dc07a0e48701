"""Conditions of a status: put in, compared, and their times kept as long as nothing changes."""

from __future__ import annotations

from collections.abc import Sequence

from podfence.lab.interface import Object

_TIMES = {"lastTransitionTime", "lastUpdateTime", "lastProbeTime", "lastHeartbeatTime"}


def condition(conditions: Sequence[Object] | None, kind: str) -> Object | None:
    """Give the condition of a type."""
    return next((one for one in conditions or () if one["type"] == kind), None)


def is_true(conditions: Sequence[Object] | None, kind: str) -> bool:
    """Tell whether a condition is there and true."""
    found = condition(conditions, kind)
    return found is not None and found["status"] == "True"


def with_condition(
    conditions: Sequence[Object] | None,
    kind: str,
    reason: str,
    message: str,
    now: str,
    *,
    holds: bool | None,
    **more: str | None,
) -> list[Object]:
    """Give conditions with one of them set, ``None`` for Unknown; ``lastTransitionTime`` moves only with the status.

    What changes goes to the end, as in the controllers of a real cluster (``SetDeploymentCondition``).
    """
    text = "Unknown" if holds is None else str(holds)
    old = condition(conditions, kind)
    if old is not None and (old["status"], old.get("reason"), old.get("message")) == (text, reason, message):
        return list(conditions or ())
    since = old["lastTransitionTime"] if old is not None and old["status"] == text else now
    new = {"type": kind, "status": text, **more, "lastTransitionTime": since, "reason": reason, "message": message}
    return [one for one in conditions or () if one["type"] != kind] + [new]


def is_same_status(one: Object, other: Object) -> bool:
    """Compare two statuses without the times of their conditions."""
    return _timeless(one) == _timeless(other)


def _timeless(status: Object) -> Object:
    conditions = [
        {name: value for name, value in one.items() if name not in _TIMES} for one in status.get("conditions") or ()
    ]
    return {name: value for name, value in status.items() if value not in (None, [], {})} | {"conditions": conditions}
