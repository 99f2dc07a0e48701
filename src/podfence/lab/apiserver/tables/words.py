"""Texts in cells: ages, label sets, selectors, counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

Object = dict[str, Any]

NONE: Final = "<none>"
UNKNOWN: Final = "<unknown>"
_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86400, 86400 * 365

# Up to which number of seconds a duration is written in which units.
_UNITS: Final = (
    (2 * _MINUTE, (1, "s"), None),
    (10 * _MINUTE, (_MINUTE, "m"), (1, "s")),
    (3 * _HOUR, (_MINUTE, "m"), None),
    (8 * _HOUR, (_HOUR, "h"), (_MINUTE, "m")),
    (2 * _DAY, (_HOUR, "h"), None),
    (8 * _DAY, (_DAY, "d"), (_HOUR, "h")),
    (2 * _YEAR, (_DAY, "d"), None),
    (8 * _YEAR, (_YEAR, "y"), (_DAY, "d")),
)


def age(text: object, now: float) -> str:
    """Write how long ago a time was, as kubectl does."""
    if not isinstance(text, str) or not text:
        return UNKNOWN
    try:
        return duration(now - datetime.fromisoformat(text).timestamp())
    except ValueError:
        return UNKNOWN


def duration(seconds: float) -> str:
    """Write a duration in one or two units, the more the shorter (apimachinery HumanDuration)."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    whole = max(whole, 0)
    for limit, (unit, name), smaller in _UNITS:
        if whole < limit:
            rest = whole % unit // smaller[0] if smaller else 0
            return f"{whole // unit}{name}" + (f"{rest}{smaller[1]}" if smaller and rest else "")
    return f"{whole // _YEAR}y"


def label_text(labels: Mapping[str, str] | None) -> str:
    """Write a label set."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE


_OPERATORS: Final = {"In": "in", "NotIn": "notin"}


def selector_text(selector: Object | None) -> str:
    """Write a label selector."""
    if not selector:
        return NONE
    terms = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    expressions = selector.get("matchExpressions") or ()
    terms += (_expression(each) for each in sorted(expressions, key=lambda each: str(each.get("key", ""))))
    return ",".join(terms) or NONE


def _expression(expression: Object) -> str:
    key, operator = expression.get("key", ""), expression.get("operator", "")
    if operator == "Exists":
        return str(key)
    if operator == "DoesNotExist":
        return f"!{key}"
    return f"{key} {_OPERATORS.get(operator, operator)} ({','.join(sorted(expression.get('values') or ()))})"


def joined(texts: list[str], limit: int = 0) -> str:
    """Join texts, ``<none>`` when there is none; beyond a limit the rest is counted."""
    if not texts:
        return NONE
    if limit and len(texts) > limit:
        return f"{','.join(texts[:limit])} + {len(texts) - limit} more..."
    return ",".join(texts)


def at(value: object, *names: str) -> Any:  # noqa: ANN401
    """Look into nested objects; ``None`` where there is nothing."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def name_of(value: Object) -> str:
    """Give an object's name."""
    return str(value["metadata"].get("name", ""))


def age_of(value: Object, now: float) -> str:
    """Give an object's age."""
    return age(value["metadata"].get("creationTimestamp"), now)


def containers_text(template: object) -> tuple[str, str]:
    """Give the names and the images of a pod template's containers."""
    containers = at(template, "spec", "containers") or ()
    names = ",".join(str(each.get("name", "")) for each in containers)
    return names, ",".join(str(each.get("image", "")) for each in containers)
