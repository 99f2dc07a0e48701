"""Storage that people ask for: the lab has none, so every claim is bound at once, to nothing but an empty folder.

Claims and volumes that are used by pods stay until these have gone (``pkg/controller/volume/pvcprotection``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from podfence.lab.controllers.controller import Key, Keys, own_key
from podfence.lab.controllers.events import EventRecorder
from podfence.lab.controllers.pods import PODS, is_finished
from podfence.lab.interface import Object, ObjectStore, Resource

CLAIMS: Final = Resource("", "persistentvolumeclaims")
VOLUMES: Final = Resource("", "persistentvolumes")
_FINALIZERS: Final = {CLAIMS: "kubernetes.io/pvc-protection", VOLUMES: "kubernetes.io/pv-protection"}
_REMARK: Final = "the lab has no storage: the claim is an empty folder in memory that lasts as long as the lab"


class ClaimController:
    """Binds claims, and lets go of those that are deleted and not in use."""

    def __init__(self, store: ObjectStore, events: EventRecorder) -> None:
        self._store, self._events = store, events

    @property
    def watched(self) -> Mapping[Resource, Keys]:
        """Give what matters: claims, volumes of the cluster, and pods that use claims."""
        return {CLAIMS: own_key, VOLUMES: own_key, PODS: _claims_of}

    def reconcile(self, key: Key) -> None:
        """Bind one claim or let it go; let a volume go, which has no namespace."""
        if not key.namespace:
            self._release(VOLUMES, self._store.get(VOLUMES, None, key.name))
            return
        claim = self._store.get(CLAIMS, key.namespace, key.name)
        if claim is not None and claim["metadata"].get("deletionTimestamp"):
            if not any(
                key in _claims_of(pod) and not is_finished(pod) for pod in self._store.list(PODS, key.namespace)
            ):
                self._release(CLAIMS, claim)
        elif claim is not None and (claim.get("status") or {}).get("phase") != "Bound":
            self._bind(claim)

    def _bind(self, claim: Object) -> None:
        namespace, spec = claim["metadata"]["namespace"], dict(claim["spec"])
        if not spec.get("volumeName"):
            spec["volumeName"] = f"pvc-{claim['metadata']['uid']}"
            claim = self._store.update(CLAIMS, namespace, claim | {"spec": spec})
        capacity = {"storage": ((spec.get("resources") or {}).get("requests") or {}).get("storage", "0")}
        status = {"phase": "Bound", "accessModes": spec.get("accessModes") or [], "capacity": capacity}
        self._store.update(CLAIMS, namespace, claim | {"status": status}, "status")
        self._events.normal(claim, "EmptyVolume", _REMARK)

    def _release(self, resource: Resource, value: Object | None) -> None:
        metadata = (value or {}).get("metadata") or {}
        finalizers = metadata.get("finalizers") or []
        if value is None or not metadata.get("deletionTimestamp") or _FINALIZERS[resource] not in finalizers:
            return
        kept = [one for one in finalizers if one != _FINALIZERS[resource]]
        self._store.update(resource, metadata.get("namespace"), value | {"metadata": metadata | {"finalizers": kept}})


def _claims_of(pod: Object) -> Sequence[Key]:
    """Give the keys of the claims that a pod uses."""
    sources = (volume.get("persistentVolumeClaim") for volume in pod["spec"].get("volumes") or ())
    return [Key(pod["metadata"]["namespace"], source["claimName"]) for source in sources if source]
