"""JSON merge patch (RFC 7386): objects are merged, null removes, everything else replaces."""

from __future__ import annotations

from typing import Any


def apply_merge_patch(value: object, patch: object) -> Any:  # noqa: ANN401
    """Merge a patch into a value."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(value) if isinstance(value, dict) else {}
    for name, change in patch.items():
        if change is None:
            merged.pop(name, None)
        else:
            merged[name] = apply_merge_patch(merged.get(name), change)
    return merged
