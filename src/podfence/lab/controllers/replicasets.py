"""ReplicaSet → Pods: as many active pods as it asks for (``pkg/controller/replicaset``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from podfence.lab.apiserver.status import StatusError
from podfence.lab.controllers.clock import Clock, timestamp
from podfence.lab.controllers.conditions import with_condition
from podfence.lab.controllers.controller import Key, Keys, own_key
from podfence.lab.controllers.events import EventRecorder
from podfence.lab.controllers.ownership import adopt, owned, owner_keys
from podfence.lab.controllers.pods import (
    PODS,
    from_template,
    is_active,
    is_ready,
    selects,
    unavailable_for_s,
)
from podfence.lab.controllers.status import write_status
from podfence.lab.interface import Object, ObjectStore, Resource

REPLICASETS: Final = Resource("apps", "replicasets")

_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


class ReplicaSetController:
    """Creates and deletes pods until their number is right."""

    def __init__(self, store: ObjectStore, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._events = EventRecorder(store, "replicaset-controller", clock)

    @property
    def watched(self) -> Mapping[Resource, Keys]:
        """Give what matters: ReplicaSets, and pods of theirs."""
        return {REPLICASETS: own_key, PODS: owner_keys("ReplicaSet")}

    def reconcile(self, key: Key) -> float | None:
        """Bring the pods of one ReplicaSet to its number."""
        replica_set = self._store.get(REPLICASETS, key.namespace, key.name)
        if replica_set is None:
            return None
        adopt(self._store, PODS, replica_set, selects(replica_set["spec"].get("selector")))
        pods = [pod for pod in owned(self._store, PODS, replica_set) if is_active(pod)]
        failure = None
        if not replica_set["metadata"].get("deletionTimestamp"):
            failure = self._scale(replica_set, pods)
        return self._report(replica_set, failure)

    def _scale(self, replica_set: Object, pods: Sequence[Object]) -> StatusError | None:
        missing = replica_set["spec"].get("replicas", 1) - len(pods)
        try:
            for _ in range(missing):
                self._create(replica_set)
            for pod in sorted(pods, key=_worth)[: max(0, -missing)]:
                self._delete(replica_set, pod)
        except StatusError as error:
            if error.reason in {"Conflict", "NotFound"}:
                raise
            self._events.warning(replica_set, "FailedCreate", f"Error creating: {error.message}")
            return error
        return None

    def _create(self, replica_set: Object) -> None:
        pod = from_template(replica_set["spec"]["template"], replica_set)
        pod["metadata"]["generateName"] = f"{replica_set['metadata']['name']}-"
        created = self._store.create(PODS, replica_set["metadata"]["namespace"], pod)
        self._events.normal(replica_set, "SuccessfulCreate", f"Created pod: {created['metadata']['name']}")

    def _delete(self, replica_set: Object, pod: Object) -> None:
        metadata = pod["metadata"]
        self._store.delete(PODS, metadata["namespace"], metadata["name"], uid=metadata["uid"])
        self._events.normal(replica_set, "SuccessfulDelete", f"Deleted pod: {metadata['name']}")

    def _report(self, replica_set: Object, failure: StatusError | None) -> float | None:
        pods = [pod for pod in owned(self._store, PODS, replica_set) if is_active(pod)]
        now_s = self._clock()
        waits = [unavailable_for_s(pod, replica_set["spec"].get("minReadySeconds", 0), now_s) for pod in pods]
        labels = (replica_set["spec"]["template"].get("metadata") or {}).get("labels") or {}
        status: Object = {"replicas": len(pods)}
        status["fullyLabeledReplicas"] = sum(
            labels.items() <= (pod["metadata"].get("labels") or {}).items() for pod in pods
        )
        status["readyReplicas"] = sum(map(is_ready, pods))
        status["availableReplicas"] = sum(wait == 0 for wait in waits)
        status["observedGeneration"] = replica_set["metadata"].get("generation", 0)
        if failure is not None:
            status["conditions"] = with_condition(
                (), "ReplicaFailure", "FailedCreate", failure.message, timestamp(now_s), holds=True
            )
        write_status(self._store, REPLICASETS, replica_set, status)
        later = [wait for wait in waits if wait]
        return min(later, default=None) if failure is None else 1.0


def _worth(pod: Object) -> tuple[bool, int, bool, str]:
    """Sort pods so that the first is the one that is missed least (``controller.ActivePods``)."""
    phase = _PHASES.get(pod.get("status", {}).get("phase", "Pending"), 1)
    ready = is_ready(pod)
    return bool(pod["spec"].get("nodeName")), phase, ready, _reversed(pod["metadata"].get("creationTimestamp", ""))


def _reversed(text: str) -> str:
    """Turn the order of texts around: the youngest goes first."""
    return "".join(chr(0x10FFFF - ord(letter)) for letter in text)
