"""Label selectors of NetworkPolicy: operators, values, keys (facts: semantics 1.4; rows L01 to L13).

Selectors inside custom resources are plain data to the server and are not judged here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from podfence.manifests.validation.cause import Cause, forbidden, invalid, required
from podfence.manifests.validation.metadata import labels
from podfence.manifests.validation.names import label_key_complaints, label_value_complaints


def validate_selector(selector: Mapping[str, Any], field: str, *, any_value: bool = False) -> Iterator[Cause]:
    """Judge a selector; ``any_value`` lets bad values of expressions pass, as some updates may (facts: 1.5)."""
    match_labels = selector.get("matchLabels")
    if match_labels:
        yield from labels(match_labels, f"{field}.matchLabels", "selector-label")
    for index, expression in enumerate(selector.get("matchExpressions") or ()):
        yield from _expression(expression, f"{field}.matchExpressions[{index}]", any_value=any_value)


def _expression(expression: Mapping[str, Any], field: str, *, any_value: bool) -> Iterator[Cause]:
    operator = expression.get("operator", "")
    values = expression.get("values") or ()
    match operator:
        case "In" | "NotIn":
            if not values:
                detail = "must be specified when `operator` is 'In' or 'NotIn'"
                yield required(f"{field}.values", detail, "selector-values")
        case "Exists" | "DoesNotExist":
            if values:
                detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                yield forbidden(f"{field}.values", detail, "selector-values")
        case _:
            detail = "not a valid selector operator"
            yield invalid(f"{field}.operator", operator, detail, "selector-operator", named_type=True)
    key = expression.get("key", "")
    for complaint in label_key_complaints(key):
        yield invalid(f"{field}.key", key, complaint, "selector-label")
    for index, value in enumerate(() if any_value else values):
        for complaint in label_value_complaints(value):
            yield invalid(f"{field}.values[{index}]", value, complaint, "selector-label")
