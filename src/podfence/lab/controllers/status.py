"""Writing statuses: only when something changed, so that controllers do not wake each other for nothing."""

from __future__ import annotations

from collections.abc import Collection

from podfence.lab.controllers.conditions import is_same_status
from podfence.lab.interface import Object, ObjectStore, Resource


def write_status(
    store: ObjectStore, resource: Resource, value: Object, status: Object, always: Collection[str] = ("replicas",)
) -> None:
    """Store a status unless it is what is there; zeros are left out as Go leaves them out, but for some fields."""
    kept = {name: part for name, part in status.items() if part or name in always}
    if not is_same_status(kept, value.get("status") or {}):
        store.update(resource, value["metadata"]["namespace"], value | {"status": kept}, "status")
