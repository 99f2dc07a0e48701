"""DaemonSet → a pod on each node that it fits (``pkg/controller/daemon``); the scheduler only confirms the place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from podfence.lab.controllers.clock import Clock
from podfence.lab.controllers.controller import Key, Keys, own_key
from podfence.lab.controllers.events import EventRecorder
from podfence.lab.controllers.ownership import owned, owner_keys
from podfence.lab.controllers.placement import NODES, fits_node, tolerates_node
from podfence.lab.controllers.pods import (
    PODS,
    from_template,
    is_finished,
    is_ready,
    is_terminating,
    unavailable_for_s,
)
from podfence.lab.controllers.revisions import HASH_LABEL, present_revision
from podfence.lab.controllers.status import write_status
from podfence.lab.interface import Object, ObjectStore, Resource

DAEMONSETS: Final = Resource("apps", "daemonsets")

_TOLERATED = ("not-ready", "unreachable", "disk-pressure", "memory-pressure", "pid-pressure", "unschedulable")
"""Taints below ``node.kubernetes.io/`` that never keep a daemon away."""


class DaemonSetController:
    """Keeps a pod of each DaemonSet on each node that fits."""

    def __init__(self, store: ObjectStore, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._events = EventRecorder(store, "daemonset-controller", clock)

    @property
    def watched(self) -> Mapping[Resource, Keys]:
        """Give what matters: DaemonSets, pods of theirs, and every node for all of them."""
        return {DAEMONSETS: own_key, PODS: owner_keys("DaemonSet"), NODES: self._all}

    def reconcile(self, key: Key) -> float | None:
        """Bring the pods of one DaemonSet to its nodes."""
        daemon_set = self._store.get(DAEMONSETS, key.namespace, key.name)
        if daemon_set is None or daemon_set["metadata"].get("deletionTimestamp"):
            return None
        suffix = present_revision(self._store, daemon_set)["metadata"]["labels"][HASH_LABEL]
        model = self._pod(daemon_set, suffix)
        nodes = self._store.list(NODES)
        wanted = {node["metadata"]["name"] for node in nodes if fits_node(model, node) and tolerates_node(model, node)}
        self._place(daemon_set, wanted, suffix)
        self._update(daemon_set, wanted, suffix)
        return self._report(daemon_set, wanted, suffix)

    def _all(self, _: Object) -> Sequence[Key]:
        return [own_key(one)[0] for one in self._store.list(DAEMONSETS)]

    def _place(self, daemon_set: Object, wanted: set[str], suffix: str) -> None:
        """Create what is missing; delete what ended, is superfluous, or stands where it should not."""
        placed: set[str] = set()
        for pod in owned(self._store, PODS, daemon_set):
            node = _node(pod)
            if node not in wanted or node in placed or is_finished(pod):
                self._delete(daemon_set, pod)
            if not is_finished(pod) or is_terminating(pod):  # a pod that is going keeps its place until it has gone
                placed.add(node)
        for node in sorted(wanted - placed):
            pod = self._pod(daemon_set, suffix)
            _pin(pod, node)
            created = self._store.create(PODS, daemon_set["metadata"]["namespace"], pod)
            self._events.normal(daemon_set, "SuccessfulCreate", f"Created pod: {created['metadata']['name']}")

    def _update(self, daemon_set: Object, wanted: set[str], suffix: str) -> None:
        """Replace pods of an older template, as many at once as may be unavailable."""
        strategy = daemon_set["spec"].get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete":
            return
        pods = [pod for pod in owned(self._store, PODS, daemon_set) if _node(pod) in wanted]
        unavailable = [pod for pod in pods if not is_ready(pod) or is_terminating(pod)]
        old = [pod for pod in pods if _suffix(pod) != suffix and not is_terminating(pod)]
        broken = [pod for pod in old if not is_ready(pod)]
        room = _limit(strategy, len(wanted)) - len(unavailable)
        for pod in broken + [pod for pod in old if is_ready(pod)][: max(0, room)]:
            self._delete(daemon_set, pod)

    def _pod(self, daemon_set: Object, suffix: str) -> Object:
        labels = {HASH_LABEL: suffix, "pod-template-generation": str(daemon_set["metadata"].get("generation", 1))}
        pod = from_template(daemon_set["spec"]["template"], daemon_set, labels=labels)
        pod["metadata"]["generateName"] = f"{daemon_set['metadata']['name']}-"
        pod["spec"]["tolerations"] = [*(pod["spec"].get("tolerations") or ()), *_tolerations(pod["spec"])]
        return pod

    def _delete(self, daemon_set: Object, pod: Object) -> None:
        if not is_terminating(pod):
            metadata = pod["metadata"]
            self._store.delete(PODS, metadata["namespace"], metadata["name"], uid=metadata["uid"])
            self._events.normal(daemon_set, "SuccessfulDelete", f"Deleted pod: {metadata['name']}")

    def _report(self, daemon_set: Object, wanted: set[str], suffix: str) -> float | None:
        pods = [pod for pod in owned(self._store, PODS, daemon_set) if not is_finished(pod)]
        right = [pod for pod in pods if _node(pod) in wanted]
        waits = [unavailable_for_s(pod, daemon_set["spec"].get("minReadySeconds", 0), self._clock()) for pod in right]
        available = sum(wait == 0 for wait in waits)
        status: Object = {
            "currentNumberScheduled": len({_node(pod) for pod in right}),
            "numberMisscheduled": len(pods) - len(right),
            "desiredNumberScheduled": len(wanted),
            "numberReady": sum(map(is_ready, right)),
            "numberAvailable": available,
            "numberUnavailable": len(wanted) - available,
            "updatedNumberScheduled": sum(_suffix(pod) == suffix for pod in right),
            "observedGeneration": daemon_set["metadata"].get("generation", 0),
        }
        always = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
        write_status(self._store, DAEMONSETS, daemon_set, status, always)
        return min((wait for wait in waits if wait), default=None)


def _pin(pod: Object, node: str) -> None:
    """Bind a pod to a node by affinity, so that the scheduler puts it there and nowhere else."""
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    affinity = dict(pod["spec"].get("affinity") or {})
    node_affinity = dict(affinity.get("nodeAffinity") or {})
    node_affinity["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": [term]}
    pod["spec"]["affinity"] = affinity | {"nodeAffinity": node_affinity}


def _node(pod: Object) -> str:
    """Give the node of a pod, or the one that it is meant for."""
    if pod["spec"].get("nodeName"):
        return str(pod["spec"]["nodeName"])
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    for term in (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            return str(field["values"][0])
    return ""


def _suffix(pod: Object) -> str:
    return str((pod["metadata"].get("labels") or {}).get(HASH_LABEL, ""))


def _tolerations(spec: Object) -> list[Object]:
    names = _TOLERATED + (("network-unavailable",) if spec.get("hostNetwork") else ())
    effects = {"not-ready": "NoExecute", "unreachable": "NoExecute"}
    return [
        {"key": f"node.kubernetes.io/{name}", "operator": "Exists", "effect": effects.get(name, "NoSchedule")}
        for name in names
    ]


def _limit(strategy: Object, of: int) -> int:
    value = (strategy.get("rollingUpdate") or {}).get("maxUnavailable", 1)
    if isinstance(value, str):
        value = -(-int(value.rstrip("%")) * of // 100)
    return max(1, int(value))
