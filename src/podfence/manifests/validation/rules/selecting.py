"""Selectors of workloads, which must fit the labels of their own template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.rules.causes import Object, invalid, required
from podfence.manifests.validation.selectors import validate_selector


def is_readable(selector: Object) -> bool:
    """Tell whether a selector has no fault that keeps it from being used at all."""
    return not any(True for _ in validate_selector(selector, ""))


def selects(selector: Object, labels: Mapping[str, str]) -> bool:
    """Tell whether a readable selector selects something with these labels; an empty one selects everything."""
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_fits(expression, labels) for expression in selector.get("matchExpressions") or ())


def _fits(expression: Object, labels: Mapping[str, str]) -> bool:
    value = labels.get(expression.get("key", ""))
    match expression.get("operator"):
        case "In":
            return value in (expression.get("values") or ())
        case "NotIn":
            return value not in (expression.get("values") or ())
        case "Exists":
            return value is not None
        case _:
            return value is None


def validate_own_selector(spec: Object, field: str, kind: str, unreadable: str) -> Iterator[Cause]:
    """Judge the selector of a workload; ``unreadable`` is what the server says of one it cannot use."""
    selector = spec.get("selector")
    if selector is None:
        yield required(f"{field}.selector")
        return
    yield from validate_selector(selector, f"{field}.selector")
    selector = {name: entry for name, entry in selector.items() if entry}
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield invalid(f"{field}.selector", selector, f"empty selector is invalid for {kind}")
    if not is_readable(selector):
        yield invalid(f"{field}.selector", selector, unreadable)


def validate_fit(spec: Object, field: str) -> Iterator[Cause]:
    """Refuse a template whose labels the workload's own selector does not select."""
    selector = spec.get("selector")
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    # Without a selector nothing is selected; an empty one selects everything.
    if selector is None or (is_readable(selector) and not selects(selector, labels or {})):
        yield misfit(f"{field}.template.metadata.labels", labels)


def misfit(field: str, labels: Mapping[str, str] | None) -> Cause:
    """Say that a template has other labels than its workload selects; Go shows the keys of maps in order."""
    shown = None if labels is None else dict(sorted(labels.items()))
    return invalid(field, shown, "`selector` does not match template `labels`")
