"""ControllerRevisions: the templates that a StatefulSet or DaemonSet had, by number; ``rollout history`` reads them."""

from __future__ import annotations

from typing import Final

from podfence.lab.controllers.ownership import owned, owner_reference
from podfence.lab.controllers.pods import template_hash
from podfence.lab.interface import Object, ObjectStore, Resource

REVISIONS: Final = Resource("apps", "controllerrevisions")
HASH_LABEL = "controller-revision-hash"


def present_revision(store: ObjectStore, owner: Object) -> Object:
    """Give the revision of an owner's template as it is now: found, given the highest number again, or made."""
    known = sorted(owned(store, REVISIONS, owner), key=lambda one: int(one["revision"]))
    highest = known[-1]["revision"] if known else 0
    data = {"spec": {"template": owner["spec"]["template"] | {"$patch": "replace"}}}
    same = next((one for one in known if one["data"] == data), None)
    namespace = owner["metadata"]["namespace"]
    if same is None:
        return store.create(REVISIONS, namespace, _revision(owner, data, highest + 1))
    if same["revision"] != highest:
        return store.update(REVISIONS, namespace, same | {"revision": highest + 1})
    return same


def template_of(store: ObjectStore, owner: Object, name: str) -> Object | None:
    """Give the template that a revision of this name holds."""
    revision = store.get(REVISIONS, owner["metadata"]["namespace"], name)
    if revision is None:
        return None
    template = revision["data"]["spec"]["template"]
    return {name: value for name, value in template.items() if name != "$patch"}


def _revision(owner: Object, data: Object, number: int) -> Object:
    metadata = owner["metadata"]
    suffix = template_hash(data)
    labels = {**((owner["spec"]["template"].get("metadata") or {}).get("labels") or {}), HASH_LABEL: suffix}
    value: Object = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "data": data, "revision": number}
    value["metadata"] = {
        "name": f"{metadata['name']}-{suffix}",
        "namespace": metadata["namespace"],
        "labels": labels,
        "ownerReferences": [owner_reference(owner)],
    }
    return value
