"""From a pod to its workload: follow controllers as far as the input goes, over a missing link if need be.

Live clusters print pods whose ReplicaSet or Job somebody left out of the dump; the names that the controllers of
Kubernetes give to what they make lead on from there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from podfence.manifests.convert.sharing import Owner
from podfence.manifests.convert.workloads import WorkloadRecord
from podfence.model.labels import Labels

WorkloadKey = tuple[str, str, str]
"""Namespace, kind and name of a workload."""

_APPS = frozenset({"apps", "extensions"})
_BATCH = frozenset({"batch", "extensions"})
_GROUPS = {
    "Deployment": _APPS,
    "StatefulSet": _APPS,
    "DaemonSet": _APPS,
    "ReplicaSet": _APPS,
    "ReplicationController": frozenset({""}),
    "Job": _BATCH,
    "CronJob": _BATCH,
}
_TEMPLATE_HASH = "pod-template-hash"
_JOB_NUMBER = re.compile(r"-[0-9]+\Z")


class Ownership:
    """Knows the workloads of the input and finds the outermost one that stands behind an object."""

    def __init__(self, workloads: Mapping[WorkloadKey, WorkloadRecord]) -> None:
        self._workloads = workloads
        self._known: dict[tuple[str, Owner, Labels], WorkloadKey | None] = {}

    def workload(self, namespace: str, owner: Owner, labels: Labels) -> WorkloadKey | None:
        """Find the outermost workload above an object by its controller; ``None`` when it is not in the input.

        ``labels`` are the object's: the hash among a pod's leads past a missing ReplicaSet.
        """
        key = (namespace, owner, labels)
        if key not in self._known:
            self._known[key] = self._find(namespace, owner, labels)
        return self._known[key]

    def _find(self, namespace: str, owner: Owner | None, labels: Labels) -> WorkloadKey | None:
        found: WorkloadKey | None = None
        passed: set[WorkloadKey] = set()
        while owner is not None:
            above = self._direct(namespace, owner) or self._past_missing(namespace, owner, labels)
            if above is None:
                break
            if above in passed:  # owners in a circle own nothing
                return None
            passed.add(above)
            found, record = above, self._workloads[above]
            owner, labels = record.owner, record.labels
        return found

    def _direct(self, namespace: str, owner: Owner) -> WorkloadKey | None:
        if owner.group not in _GROUPS.get(owner.kind, ()):
            return None
        key = (namespace, owner.kind, owner.name)
        return key if key in self._workloads else None

    def _past_missing(self, namespace: str, owner: Owner, labels: Labels) -> WorkloadKey | None:
        """Guess the owner of a controller that is not in the input, by the name that its maker gave it."""
        if owner.group not in _GROUPS.get(owner.kind, ()):
            return None
        if owner.kind == "ReplicaSet":
            return self._deployment(namespace, owner.name, dict(labels))
        if owner.kind == "Job":
            key = (namespace, "CronJob", _JOB_NUMBER.sub("", owner.name))
            return key if key in self._workloads else None
        return None

    def _deployment(self, namespace: str, replica_set: str, labels: dict[str, str]) -> WorkloadKey | None:
        name = _deployment_name(replica_set, labels)
        if name is None:
            return None
        key = (namespace, "Deployment", name)
        record = self._workloads.get(key)
        matches = record is not None and record.selector is not None and record.selector.matches(labels)
        return key if matches else None


def workload_by_name(owner: Owner | None, pod: str, labels: Labels) -> tuple[str, str]:
    """Name the workload of a pod, kind and name, where no workload was read: by its controller alone.

    A ReplicaSet whose name ends in the hash among the pod's labels was made by a Deployment. Of a Job it cannot be
    told whether a CronJob made it.
    """
    if owner is None or owner.group not in _GROUPS.get(owner.kind, ()):
        return ("Pod", pod)
    if owner.kind == "ReplicaSet" and (name := _deployment_name(owner.name, dict(labels))) is not None:
        return ("Deployment", name)
    return (owner.kind, owner.name)


def _deployment_name(replica_set: str, labels: Mapping[str, str]) -> str | None:
    template_hash = labels.get(_TEMPLATE_HASH)
    if not template_hash or not replica_set.endswith(f"-{template_hash}"):
        return None
    return replica_set.removesuffix(f"-{template_hash}")
