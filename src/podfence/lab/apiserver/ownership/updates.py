"""Ownership after a create, an update or a patch that is no apply: who changes a field owns it."""

from __future__ import annotations

from typing import Any

from podfence.lab.apiserver.merge_types import MergeType
from podfence.lab.apiserver.ownership.fields import difference, leaves
from podfence.lab.apiserver.ownership.managers import Manager, read_managers, replaced, write_managers
from podfence.lab.apiserver.ownership.paths import Path

Object = dict[str, Any]


def is_owned_through(path: Path, subresource: str) -> bool:
    """Tell whether a field can be written through a subresource, or through none."""
    return (path[0] == "f:status") is (subresource == "status")


def managed_after_update(
    new: Object, old: Object | None, merge_type: MergeType, manager: Manager, now: str
) -> list[Object]:
    """Give the ``managedFields`` of a changed object; those it was sent with count, as they can be edited.

    An object that is sent with an empty list loses all ownership, which is how one resets it.
    """
    given = new["metadata"].get("managedFields")
    before = (old or {}).get("metadata", {}).get("managedFields") or []
    managers = read_managers(before if given is None else given)
    old_leaves = leaves(old, merge_type, maps=True) if old else {}
    change = difference(old_leaves, leaves(new, merge_type, maps=True))
    changed, removed = (
        frozenset(path for path in paths if is_owned_through(path, manager.subresource))
        for paths in (change.changed, change.removed)
    )
    own = managers[manager].paths if manager in managers else frozenset()
    taken = changed | removed
    if not taken:
        return list(before if given is None else given)
    return write_managers(replaced(managers, manager, (own - removed) | changed, now, taken=taken))
