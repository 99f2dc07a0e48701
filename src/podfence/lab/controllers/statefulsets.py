"""StatefulSet → Pods with stable names, one after the other or all at once (``pkg/controller/statefulset``).

A pod's claims outlive it, so that its successor finds what it left; whoever deletes the set deletes them, or not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from podfence.lab.controllers.claims import CLAIMS
from podfence.lab.controllers.clock import Clock
from podfence.lab.controllers.controller import Key, Keys, own_key
from podfence.lab.controllers.events import EventRecorder
from podfence.lab.controllers.ownership import adopt, owned, owner_keys, owner_reference
from podfence.lab.controllers.pods import (
    PODS,
    from_template,
    is_finished,
    is_ready,
    is_terminating,
    selects,
    unavailable_for_s,
)
from podfence.lab.controllers.revisions import HASH_LABEL, present_revision, template_of
from podfence.lab.controllers.status import write_status
from podfence.lab.interface import Object, ObjectStore, Resource

STATEFULSETS: Final = Resource("apps", "statefulsets")


class StatefulSetController:
    """Keeps the pods of StatefulSets."""

    def __init__(self, store: ObjectStore, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._events = EventRecorder(store, "statefulset-controller", clock)

    @property
    def watched(self) -> Mapping[Resource, Keys]:
        """Give what matters: StatefulSets, and pods of theirs."""
        return {STATEFULSETS: own_key, PODS: owner_keys("StatefulSet")}

    def reconcile(self, key: Key) -> float | None:
        """Take one StatefulSet a step further: with ``OrderedReady`` one pod at a time."""
        stateful_set = self._store.get(STATEFULSETS, key.namespace, key.name)
        if stateful_set is None:
            return None
        adopt(self._store, PODS, stateful_set, lambda pod: self._fits(stateful_set, pod))
        if not stateful_set["metadata"].get("deletionTimestamp"):
            revision = present_revision(self._store, stateful_set)
            self._step(stateful_set, revision["metadata"]["name"])
            return self._report(stateful_set, revision["metadata"]["name"])
        return None

    def _fits(self, stateful_set: Object, pod: Object) -> bool:
        return _ordinal(stateful_set, pod) is not None and selects(stateful_set["spec"].get("selector"))(pod)

    def _pods(self, stateful_set: Object) -> dict[int, Object]:
        pods = ((_ordinal(stateful_set, pod), pod) for pod in owned(self._store, PODS, stateful_set))
        return {ordinal: pod for ordinal, pod in pods if ordinal is not None}

    def _step(self, stateful_set: Object, revision: str) -> None:
        pods, wanted = self._pods(stateful_set), _ordinals(stateful_set)
        is_parallel = stateful_set["spec"].get("podManagementPolicy") == "Parallel"
        for ordinal in wanted:
            if not self._keep(stateful_set, pods.get(ordinal), ordinal, revision) and not is_parallel:
                return
        surplus = sorted(pods.keys() - set(wanted), reverse=True)
        for ordinal in surplus:
            self._delete(stateful_set, pods[ordinal])
            if not is_parallel:
                return
        self._update(stateful_set, pods, revision)

    def _keep(self, stateful_set: Object, pod: Object | None, ordinal: int, revision: str) -> bool:
        """Make a pod be there; True when it is, and ready, so that the next one may come."""
        if pod is None:
            self._create(stateful_set, ordinal, revision)
            return False
        if is_finished(pod):
            self._delete(stateful_set, pod)
            return False
        min_ready_s = stateful_set["spec"].get("minReadySeconds", 0)
        return not is_terminating(pod) and unavailable_for_s(pod, min_ready_s, self._clock()) == 0

    def _update(self, stateful_set: Object, pods: Mapping[int, Object], revision: str) -> None:
        """Replace the pods of another template, the highest ordinal first, as far as the partition allows."""
        strategy = stateful_set["spec"].get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete":
            return
        partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
        for ordinal in sorted(pods, reverse=True):
            pod = pods[ordinal]
            if ordinal >= partition and _revision(stateful_set, pod) != revision:
                self._delete(stateful_set, pod)
                return
            if not is_ready(pod) or is_terminating(pod):
                return

    def _create(self, stateful_set: Object, ordinal: int, revision: str) -> None:
        """Create a pod; one below the partition comes back with the template that the set had before."""
        metadata, spec = stateful_set["metadata"], stateful_set["spec"]
        partition = ((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition", 0)
        before = (stateful_set.get("status") or {}).get("currentRevision", revision)
        older = template_of(self._store, stateful_set, before) if ordinal < partition else None
        used = before if older is not None else revision
        name = f"{metadata['name']}-{ordinal}"
        labels = {HASH_LABEL: used.removeprefix(f"{metadata['name']}-")}
        labels |= {"statefulset.kubernetes.io/pod-name": name, "apps.kubernetes.io/pod-index": str(ordinal)}
        pod = from_template(older or spec["template"], stateful_set, labels=labels)
        pod["metadata"]["name"] = name
        pod["spec"] |= {"hostname": name}
        if spec.get("serviceName"):
            pod["spec"]["subdomain"] = spec["serviceName"]
        claims = {one["metadata"]["name"]: one for one in spec.get("volumeClaimTemplates") or ()}
        if claims:
            kept = [volume for volume in pod["spec"].get("volumes") or () if volume["name"] not in claims]
            sources = {claim: {"claimName": f"{claim}-{name}"} for claim in claims}
            volumes = [{"name": claim, "persistentVolumeClaim": source} for claim, source in sources.items()]
            pod["spec"]["volumes"] = volumes + kept
            for template in claims.values():
                self._claim(stateful_set, template, name)
        self._store.create(PODS, metadata["namespace"], pod)
        message = f"create Pod {name} in StatefulSet {metadata['name']} successful"
        self._events.normal(stateful_set, "SuccessfulCreate", message)

    def _claim(self, stateful_set: Object, template: Object, pod: str) -> None:
        """Create a claim of a pod unless it is there."""
        namespace, name = stateful_set["metadata"]["namespace"], f"{template['metadata']['name']}-{pod}"
        if self._store.get(CLAIMS, namespace, name) is not None:
            return
        labels = (template["metadata"].get("labels") or {}) | (
            stateful_set["spec"]["selector"].get("matchLabels") or {}
        )
        metadata: Object = {"name": name, "namespace": namespace, "labels": labels}
        policy = stateful_set["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
        if policy.get("whenDeleted") == "Delete":
            metadata["ownerReferences"] = [owner_reference(stateful_set)]
        claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": template["spec"]}
        self._store.create(CLAIMS, namespace, claim)
        message = f"create Claim {name} Pod {pod} in StatefulSet {stateful_set['metadata']['name']} success"
        self._events.normal(stateful_set, "SuccessfulCreate", message)

    def _delete(self, stateful_set: Object, pod: Object) -> None:
        if is_terminating(pod):
            return
        name, metadata = stateful_set["metadata"]["name"], pod["metadata"]
        self._store.delete(PODS, metadata["namespace"], metadata["name"], uid=metadata["uid"])
        message = f"delete Pod {metadata['name']} in StatefulSet {name} successful"
        self._events.normal(stateful_set, "SuccessfulDelete", message)

    def _report(self, stateful_set: Object, revision: str) -> float | None:
        pods = list(self._pods(stateful_set).values())
        min_ready_s, before = stateful_set["spec"].get("minReadySeconds", 0), stateful_set.get("status") or {}
        waits = [unavailable_for_s(pod, min_ready_s, self._clock()) for pod in pods]
        updated = sum(_revision(stateful_set, pod) == revision for pod in pods)
        ready = sum(map(is_ready, pods))
        is_done = updated == len(pods) == len(_ordinals(stateful_set)) and ready == len(pods)
        current = revision if is_done else before.get("currentRevision", revision)
        status: Object = {"replicas": len(pods), "readyReplicas": ready, "updatedReplicas": updated}
        status["availableReplicas"] = sum(wait == 0 for wait in waits)
        status["currentReplicas"] = sum(_revision(stateful_set, pod) == current for pod in pods)
        status |= {"currentRevision": current, "updateRevision": revision, "collisionCount": 0}
        status["observedGeneration"] = stateful_set["metadata"].get("generation", 0)
        write_status(self._store, STATEFULSETS, stateful_set, status)
        return min((wait for wait in waits if wait), default=None)


def _ordinals(stateful_set: Object) -> range:
    start = (stateful_set["spec"].get("ordinals") or {}).get("start", 0)
    return range(start, start + stateful_set["spec"].get("replicas", 1))


def _ordinal(stateful_set: Object, pod: Object) -> int | None:
    match = re.fullmatch(re.escape(stateful_set["metadata"]["name"]) + r"-(0|[1-9]\d*)", pod["metadata"]["name"])
    return int(match[1]) if match else None


def _revision(stateful_set: Object, pod: Object) -> str:
    suffix = (pod["metadata"].get("labels") or {}).get(HASH_LABEL, "")
    return f"{stateful_set['metadata']['name']}-{suffix}"
