"""Deployment → ReplicaSets: a ReplicaSet for each template it ever had, scaled so that a change rolls out.

What a rollout does next is decided in ``rollout``; here it is done, numbered and told (``pkg/controller/deployment``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from podfence.lab.controllers import rollout
from podfence.lab.controllers.clock import Clock, seconds, timestamp
from podfence.lab.controllers.conditions import condition, with_condition
from podfence.lab.controllers.controller import Key, Keys, own_key
from podfence.lab.controllers.events import EventRecorder
from podfence.lab.controllers.ownership import adopt, controller_of, owned, owner_keys, owner_reference
from podfence.lab.controllers.pods import PODS, is_active, selects, template_hash
from podfence.lab.controllers.replicasets import REPLICASETS
from podfence.lab.controllers.status import write_status
from podfence.lab.interface import Object, ObjectStore, Resource

DEPLOYMENTS: Final = Resource("apps", "deployments")

HASH_LABEL = "pod-template-hash"
_PREFIX = "deployment.kubernetes.io/"
_REVISION, _DESIRED, _MAX = f"{_PREFIX}revision", f"{_PREFIX}desired-replicas", f"{_PREFIX}max-replicas"
_UNCOPIED = {
    _REVISION,
    f"{_PREFIX}revision-history",
    _DESIRED,
    _MAX,
    "kubectl.kubernetes.io/last-applied-configuration",
}
_DEFAULT_DEADLINE_S = 600
_DEFAULT_HISTORY = 10


class DeploymentController:
    """Rolls Deployments out."""

    def __init__(self, store: ObjectStore, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._events = EventRecorder(store, "deployment-controller", clock)

    @property
    def watched(self) -> Mapping[Resource, Keys]:
        """Give what matters: Deployments, ReplicaSets of theirs, and pods of those (Recreate waits for their end)."""
        return {DEPLOYMENTS: own_key, REPLICASETS: owner_keys("Deployment"), PODS: self._recreated}

    def reconcile(self, key: Key) -> float | None:
        """Take one Deployment a step further."""
        deployment = self._store.get(DEPLOYMENTS, key.namespace, key.name)
        if deployment is None:
            return None
        adopt(self._store, REPLICASETS, deployment, selects(deployment["spec"].get("selector")))
        sets = sorted(owned(self._store, REPLICASETS, deployment), key=_age)
        new = next((one for one in sets if _is_of(one, deployment)), None)
        if not deployment["metadata"].get("deletionTimestamp"):
            deployment, new = self._step(deployment, new, [one for one in sets if one is not new])
        return self._report(deployment, new)

    def _recreated(self, pod: Object) -> Sequence[Key]:
        """Give the key of a pod's Deployment when that may wait for the pod to end."""
        reference, namespace = controller_of(pod), pod["metadata"].get("namespace", "")
        if reference is None or reference["kind"] != "ReplicaSet" or is_active(pod):
            return ()
        replica_set = self._store.get(REPLICASETS, namespace, reference["name"])
        return owner_keys("Deployment")(replica_set) if replica_set is not None else ()

    def _step(self, deployment: Object, new: Object | None, old: Sequence[Object]) -> tuple[Object, Object | None]:
        spec = deployment["spec"]
        if spec.get("paused"):
            return deployment, new
        revision = 1 + max((_revision(one) for one in old), default=0)
        recreates = (spec.get("strategy") or {}).get("type") == "Recreate"
        if new is None:
            if recreates and not self._has_ended(deployment, old):
                return deployment, None
            replicas = rollout.new_replicas(spec, 0, _wanted_sum(old))
            new = self._create(deployment, revision, replicas)
        else:
            new = self._numbered(deployment, new, revision)
        if recreates:
            self._scale(deployment, new, spec.get("replicas", 1) if self._has_ended(deployment, old) else None)
        else:
            self._roll(deployment, new, old)
        self._forget(deployment, old)
        return self._with_revision(deployment, new), new

    def _roll(self, deployment: Object, new: Object, old: Sequence[Object]) -> None:
        wanted = rollout.new_replicas(deployment["spec"], _replicas(new), _wanted_sum(old))
        if wanted != _replicas(new):
            self._scale(deployment, new, wanted)
            return
        self._scale(deployment, new, None)
        for one, replicas in rollout.old_replicas(deployment["spec"], new, old):
            self._scale(deployment, one, replicas)

    def _has_ended(self, deployment: Object, old: Sequence[Object]) -> bool:
        """Scale what is old to nothing, and tell whether its pods have ended."""
        for one in old:
            self._scale(deployment, one, 0)
        return not any(
            pod.get("status", {}).get("phase") not in {"Succeeded", "Failed"}
            for one in old
            for pod in owned(self._store, PODS, one)
        )

    def _create(self, deployment: Object, revision: int, replicas: int) -> Object:
        spec, metadata = deployment["spec"], deployment["metadata"]
        suffix = template_hash([spec["template"], (deployment.get("status") or {}).get("collisionCount", 0)])
        template = _labelled(spec["template"], suffix)
        selector = spec["selector"] | {
            "matchLabels": {**(spec["selector"].get("matchLabels") or {}), HASH_LABEL: suffix}
        }
        value: Object = {"apiVersion": "apps/v1", "kind": "ReplicaSet"}
        value["metadata"] = {
            "name": f"{metadata['name']}-{suffix}",
            "namespace": metadata["namespace"],
            "labels": dict(template["metadata"]["labels"]),
            "annotations": _annotations(deployment, revision),
            "ownerReferences": [owner_reference(deployment)],
        }
        value["spec"] = {"replicas": replicas, "selector": selector, "template": template}
        if spec.get("minReadySeconds"):
            value["spec"]["minReadySeconds"] = spec["minReadySeconds"]
        created = self._store.create(REPLICASETS, metadata["namespace"], value)
        self._tell(deployment, created, 0, replicas)
        return created

    def _numbered(self, deployment: Object, new: Object, revision: int) -> Object:
        """Give the ReplicaSet of the present template the highest number, as after an undo, and what is annotated."""
        metadata = new["metadata"]
        wanted = {**(metadata.get("annotations") or {}), **_annotations(deployment, max(revision, _revision(new)))}
        if wanted == metadata.get("annotations"):
            return new
        return self._store.update(
            REPLICASETS, metadata["namespace"], new | {"metadata": metadata | {"annotations": wanted}}
        )

    def _scale(self, deployment: Object, replica_set: Object, replicas: int | None) -> None:
        if replicas is None or replicas == _replicas(replica_set):
            return
        value = replica_set | {"spec": replica_set["spec"] | {"replicas": replicas}}
        self._store.update(REPLICASETS, replica_set["metadata"]["namespace"], value)
        self._tell(deployment, replica_set, _replicas(replica_set), replicas)

    def _tell(self, deployment: Object, replica_set: Object, before: int, after: int) -> None:
        if before != after:
            direction, name = "up" if after > before else "down", replica_set["metadata"]["name"]
            message = f"Scaled {direction} replica set {name} from {before} to {after}"
            self._events.normal(deployment, "ScalingReplicaSet", message)

    def _forget(self, deployment: Object, old: Sequence[Object]) -> None:
        """Delete the oldest of the empty ReplicaSets beyond the history limit."""
        limit = deployment["spec"].get("revisionHistoryLimit", _DEFAULT_HISTORY)
        empty = sorted((one for one in old if not _replicas(one) and not _pods(one)), key=_revision)
        for one in empty[: max(0, len(empty) - limit)]:
            self._store.delete(REPLICASETS, one["metadata"]["namespace"], one["metadata"]["name"])

    def _with_revision(self, deployment: Object, new: Object) -> Object:
        metadata = deployment["metadata"]
        annotations = {**(metadata.get("annotations") or {}), _REVISION: str(_revision(new))}
        if annotations == metadata.get("annotations"):
            return deployment
        value = deployment | {"metadata": metadata | {"annotations": annotations}}
        return self._store.update(DEPLOYMENTS, metadata["namespace"], value)

    def _report(self, deployment: Object, new: Object | None) -> float | None:
        sets = owned(self._store, REPLICASETS, deployment)
        name = new["metadata"]["name"] if new is not None else ""
        new = next((one for one in sets if one["metadata"]["name"] == name), None)
        status = rollout.counted(deployment, new, sets)
        now_s = self._clock()
        status["conditions"], deadline_s = _conditions(deployment, new, status, now_s)
        write_status(self._store, DEPLOYMENTS, deployment, status)
        return deadline_s


def _conditions(
    deployment: Object, new: Object | None, status: Object, now_s: float
) -> tuple[list[Object], float | None]:
    """Give the conditions, and when progress is overdue unless something happens."""
    now, spec = timestamp(now_s), deployment["spec"]
    before = (deployment.get("status") or {}).get("conditions") or []
    enough = status["availableReplicas"] >= spec.get("replicas", 1) - rollout.max_unavailable(spec)
    words = ("Available", "has") if enough else ("Unavailable", "does not have")
    after = with_condition(
        before,
        "Available",
        f"MinimumReplicas{words[0]}",
        f"Deployment {words[1]} minimum availability.",
        now,
        holds=enough,
        lastUpdateTime=now,
    )
    if spec.get("paused"):
        return with_condition(
            after, "Progressing", "DeploymentPaused", "Deployment is paused", now, holds=None, lastUpdateTime=now
        ), None
    return _progress(deployment, new, status, after, now_s)


def _progress(
    deployment: Object, new: Object | None, status: Object, conditions: list[Object], now_s: float
) -> tuple[list[Object], float | None]:
    now, spec = timestamp(now_s), deployment["spec"]
    subject = (
        f'ReplicaSet "{new["metadata"]["name"]}"'
        if new is not None
        else f'Deployment "{deployment["metadata"]["name"]}"'
    )
    known = condition(conditions, "Progressing")
    if rollout.is_complete(spec, status):
        text = f"{subject} has successfully progressed."
        return with_condition(
            conditions, "Progressing", "NewReplicaSetAvailable", text, now, holds=True, lastUpdateTime=now
        ), None
    if (
        known is not None
        and known["reason"] == "NewReplicaSetAvailable"
        and known["message"].startswith(subject)
        and status["replicas"] == status["updatedReplicas"]
    ):
        return conditions, None  # it had arrived, and no rollout has begun since: pods come and go, or it is scaled
    moved = rollout.has_progressed(deployment.get("status") or {}, status)
    if known is None or moved or known["reason"] in {"DeploymentPaused", "NewReplicaSetAvailable"}:
        created = known is None and new is not None
        reason = "NewReplicaSetCreated" if created else "ReplicaSetUpdated"
        text = f"Created new replica set {subject.partition(' ')[2]}" if created else f"{subject} is progressing."
        others = [one for one in conditions if one is not known]
        fresh = with_condition(others, "Progressing", reason, text, now, holds=True, lastUpdateTime=now)
        if known is not None and known["status"] == "True":
            fresh[-1]["lastTransitionTime"] = known["lastTransitionTime"]
        conditions, known = fresh, fresh[-1]
    limit_s = spec.get("progressDeadlineSeconds", _DEFAULT_DEADLINE_S)
    left_s = seconds(known["lastUpdateTime"]) + limit_s - now_s
    if known["status"] == "True" and left_s <= 0:
        text = f"{subject} has timed out progressing."
        conditions = with_condition(
            conditions, "Progressing", "ProgressDeadlineExceeded", text, now, holds=False, lastUpdateTime=now
        )
    return conditions, left_s if left_s > 0 else None


def _annotations(deployment: Object, revision: int) -> dict[str, str]:
    spec = deployment["spec"]
    copied = {
        name: text for name, text in (deployment["metadata"].get("annotations") or {}).items() if name not in _UNCOPIED
    }
    wanted = spec.get("replicas", 1)
    return copied | {_REVISION: str(revision), _DESIRED: str(wanted), _MAX: str(wanted + rollout.max_surge(spec))}


def _labelled(template: Object, suffix: str) -> Object:
    metadata = template.get("metadata") or {}
    return template | {"metadata": metadata | {"labels": {**(metadata.get("labels") or {}), HASH_LABEL: suffix}}}


def _is_of(replica_set: Object, deployment: Object) -> bool:
    return _unlabelled(replica_set["spec"]["template"]) == _unlabelled(deployment["spec"]["template"])


def _unlabelled(template: Object) -> Object:
    metadata = {name: value for name, value in (template.get("metadata") or {}).items() if value is not None}
    labels = {name: text for name, text in (metadata.get("labels") or {}).items() if name != HASH_LABEL}
    return template | {"metadata": metadata | {"labels": labels}}


def _age(value: Object) -> tuple[str, str]:
    return value["metadata"].get("creationTimestamp", ""), value["metadata"]["name"]


def _revision(replica_set: Object) -> int:
    text = (replica_set["metadata"].get("annotations") or {}).get(_REVISION, "0")
    return int(text) if text.isdecimal() else 0


def _replicas(replica_set: Object) -> int:
    return int(replica_set["spec"].get("replicas", 1))


def _pods(replica_set: Object) -> int:
    return int((replica_set.get("status") or {}).get("replicas", 0))


def _wanted_sum(sets: Sequence[Object]) -> int:
    return sum(map(_replicas, sets))
