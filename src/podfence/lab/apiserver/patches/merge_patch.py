"""JSON merge patch (RFC 7386): objects are merged, null removes, everything else replaces."""

from __future__ import annotations

from typing import Any


def apply_merge_patch(value: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Merge a patch into an object."""
    merged: dict[str, Any] = _merged(value, patch)
    return merged


def _merged(value: object, patch: object) -> Any:  # noqa: ANN401
    if not isinstance(patch, dict):
        return patch
    merged = dict(value) if isinstance(value, dict) else {}
    for name, change in patch.items():
        if change is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), change)
    return merged
