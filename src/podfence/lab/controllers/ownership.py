"""Who owns whom: references to owners, and the objects that a controller may call its own."""

from __future__ import annotations

from collections.abc import Callable

from podfence.lab.controllers.controller import Key
from podfence.lab.interface import Object, ObjectStore, Resource


def owner_reference(owner: Object) -> Object:
    """Refer to an owner as its controller does."""
    metadata = owner["metadata"]
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": metadata["name"]}
    return reference | {"uid": metadata["uid"], "controller": True, "blockOwnerDeletion": True}


def controller_of(value: Object) -> Object | None:
    """Give the reference to the one owner that controls an object."""
    references = value["metadata"].get("ownerReferences") or ()
    return next((one for one in references if one.get("controller")), None)


def owner_keys(kind: str) -> Callable[[Object], tuple[Key, ...]]:
    """Give a function from an object to the key of its controller, if that is of a kind."""

    def keys(value: Object) -> tuple[Key, ...]:
        owner = controller_of(value)
        if owner is None or owner["kind"] != kind:
            return ()
        return (Key(value["metadata"].get("namespace", ""), owner["name"]),)

    return keys


def owned(store: ObjectStore, resource: Resource, owner: Object) -> list[Object]:
    """Give the objects that an owner controls, by name."""
    uid = owner["metadata"]["uid"]
    return [
        value
        for value in store.list(resource, owner["metadata"]["namespace"])
        if (reference := controller_of(value)) is not None and reference["uid"] == uid
    ]


def adopt(store: ObjectStore, resource: Resource, owner: Object, selects: Callable[[Object], bool]) -> None:
    """Make objects that fit an owner and that nobody controls its own, as after ``delete --cascade=orphan``."""
    if owner["metadata"].get("deletionTimestamp"):
        return
    for value in store.list(resource, owner["metadata"]["namespace"]):
        metadata = value["metadata"]
        if controller_of(value) is None and not metadata.get("deletionTimestamp") and selects(value):
            references = [*(metadata.get("ownerReferences") or ()), owner_reference(owner)]
            store.update(
                resource, metadata["namespace"], value | {"metadata": metadata | {"ownerReferences": references}}
            )
