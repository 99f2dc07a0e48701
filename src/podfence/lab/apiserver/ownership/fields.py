"""The fields that an object has, and how those of two objects differ."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from podfence.lab.apiserver.merge_types import MergeType
from podfence.lab.apiserver.ownership.paths import Path, compact

Object = dict[str, Any]

NODE: Final = object()
"""Stands for the value of a map or of an item, whose fields are listed by themselves."""

Leaves = dict[Path, object]

_UNOWNED: Final = frozenset(
    {
        ("f:apiVersion",),
        ("f:kind",),
        *(
            ("f:metadata", f"f:{name}")
            for name in (
                *("name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields"),
                *("resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds"),
            )
        ),
    }
)
"""What nobody owns, because clients cannot change it."""


class Difference(msgspec.Struct, frozen=True):
    """What a change did to fields."""

    changed: frozenset[Path]
    removed: frozenset[Path]


def leaves(value: Object, merge_type: MergeType, *, maps: bool) -> Leaves:
    """List the fields of an object with their values; ``maps`` lists maps themselves, too, as an update does."""
    found: Leaves = {}
    for name, entry in value.items():
        if name == "metadata":
            _metadata(entry, merge_type.field(name), found, maps=maps)
        elif name not in {"apiVersion", "kind"}:
            _walk(entry, merge_type.field(name), (f"f:{name}",), found, maps=maps)
    return found


def _metadata(value: Object, merge_type: MergeType, found: Leaves, *, maps: bool) -> None:
    for name, entry in value.items():
        path = ("f:metadata", f"f:{name}")
        if path not in _UNOWNED:
            _walk(entry, merge_type.field(name), path, found, maps=maps)


def _walk(value: object, merge_type: MergeType, path: Path, found: Leaves, *, maps: bool) -> None:
    if isinstance(value, dict):
        if merge_type.atomic or not value:
            found[path] = value
            return
        if maps and merge_type.is_map:
            found[path] = NODE
        for name, entry in value.items():
            _walk(entry, merge_type.field(name), (*path, f"f:{name}"), found, maps=maps)
    elif isinstance(value, list) and (merge_type.keys or merge_type.is_set):
        _items(value, merge_type, path, found, maps=maps)
    else:
        found[path] = value


def _items(value: list[Any], merge_type: MergeType, path: Path, found: Leaves, *, maps: bool) -> None:
    if not value:
        found[path] = value
    elif maps:
        found[path] = NODE
    for item in value:
        element = element_of(item, merge_type)
        if merge_type.is_set:
            found[*path, element] = item
        else:
            found[*path, element] = NODE
            _walk(item, merge_type.item(), (*path, element), found, maps=maps)


def element_of(item: Any, merge_type: MergeType) -> str:  # noqa: ANN401
    """Name an item of a list that is a map or a set."""
    if merge_type.is_set or not isinstance(item, dict):
        return f"v:{compact(item)}"
    keys = {key: item.get(key, merge_type.default_of(key)) for key in sorted(merge_type.keys)}
    return f"k:{compact({key: value for key, value in keys.items() if value is not None})}"


def difference(old: Leaves, new: Leaves) -> Difference:
    """Compare the fields of two objects; one that is left without content was emptied, not changed itself."""
    changed = {path for path, value in new.items() if path not in old or old[path] != value}
    changed -= {path for path in changed if new[path] in ({}, []) and _has_below(old, path)}
    return Difference(frozenset(changed), frozenset(path for path in old if path not in new))


def _has_below(leaves_: Leaves, path: Path) -> bool:
    return any(len(other) > len(path) and other[: len(path)] == path for other in leaves_)
