"""Gives pods their nodes: where they may run, the node with the fewest pods, by name where equal.

Which nodes a pod may run on is decided in ``placement`` and ``host_ports``. Resources are not counted: a lab's pods are
small.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from podfence.lab.controllers.clock import Clock, timestamp
from podfence.lab.controllers.conditions import is_same_status, with_condition
from podfence.lab.controllers.controller import Key, Keys, own_key
from podfence.lab.controllers.events import EventRecorder
from podfence.lab.controllers.host_ports import ports_are_free
from podfence.lab.controllers.placement import NODES, fits_node, is_up, untolerated
from podfence.lab.controllers.pods import PODS, is_finished, selects
from podfence.lab.interface import Object, ObjectStore, Resource

SCHEDULER_NAME: Final = "default-scheduler"

Bind = Callable[[Object, str], None]
"""Binds a pod to a node, as a POST of a Binding does: spec.nodeName, and the condition PodScheduled."""


class Scheduler:
    """Binds pods to nodes."""

    def __init__(self, store: ObjectStore, clock: Clock, bind: Bind) -> None:
        self._store, self._clock, self._bind = store, clock, bind
        self._events = EventRecorder(store, SCHEDULER_NAME, clock)
        self._refused: dict[Key, None] = {}

    @property
    def watched(self) -> Mapping[Resource, Keys]:
        """Give what matters: pods, and for those that still wait any change of a node or of a pod that has one."""
        return {PODS: lambda pod: _unbound(pod) or self._waiting(), NODES: lambda _: self._waiting()}

    def reconcile(self, key: Key) -> None:
        """Bind one pod, or say why it cannot be."""
        self._refused.pop(key, None)
        pod = self._store.get(PODS, key.namespace, key.name)
        if pod is None or not _unbound(pod):
            return
        nodes = self._store.list(NODES)
        reasons = {node["metadata"]["name"]: self._obstacle(pod, node) for node in nodes}
        free = [name for name, reason in reasons.items() if reason is None]
        if not free:
            self._refused[key] = None
            self._refuse(pod, reasons)
            return
        counts = Counter(one["spec"].get("nodeName") for one in self._store.list(PODS) if not is_finished(one))
        chosen = min(free, key=lambda name: (counts[name], name))
        self._bind(pod, chosen)
        metadata = pod["metadata"]
        message = f"Successfully assigned {metadata['namespace']}/{metadata['name']} to {chosen}"
        self._events.normal(pod, "Scheduled", message)

    def _waiting(self) -> Sequence[Key]:
        return tuple(self._refused)

    def _obstacle(self, pod: Object, node: Object) -> str | None:
        """Say why a pod cannot run on a node, in the scheduler's words."""
        if not is_up(node):
            return "node(s) were not ready"
        taint = untolerated(pod, node)
        if taint is not None and taint["key"] == "node.kubernetes.io/unschedulable":
            return "node(s) were unschedulable"
        if taint is not None:
            return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value') or ''}}}"
        if not fits_node(pod, node):
            return "node(s) didn't match Pod's node affinity/selector"
        if not ports_are_free(pod, self._pods_on(node)):
            return "node(s) didn't have free ports for the requested pod ports"
        return "node(s) didn't match pod anti-affinity rules" if self._repels(pod, node) else None

    def _pods_on(self, node: Object) -> Iterator[Object]:
        name = node["metadata"]["name"]
        return (one for one in self._store.list(PODS) if one["spec"].get("nodeName") == name and not is_finished(one))

    def _repels(self, pod: Object, node: Object) -> bool:
        """Tell whether required anti-affinity keeps a pod away from pods that are there."""
        rules = ((pod["spec"].get("affinity") or {}).get("podAntiAffinity") or {}).get(
            "requiredDuringSchedulingIgnoredDuringExecution"
        )
        for rule in rules or ():
            place = (node["metadata"].get("labels") or {}).get(rule["topologyKey"])
            matches, namespaces = selects(rule.get("labelSelector")), rule.get("namespaces")
            for other in self._store.list(PODS):
                if other["metadata"]["namespace"] not in (namespaces or [pod["metadata"]["namespace"]]):
                    continue
                if place is not None and matches(other) and self._place(other, rule["topologyKey"]) == place:
                    return True
        return False

    def _place(self, pod: Object, topology_key: str) -> str | None:
        name = pod["spec"].get("nodeName")
        node = self._store.get(NODES, None, name) if name and not is_finished(pod) else None
        return (node["metadata"].get("labels") or {}).get(topology_key) if node is not None else None

    def _refuse(self, pod: Object, reasons: Mapping[str, str | None]) -> None:
        counts = Counter(reason for reason in reasons.values() if reason is not None)
        listed = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
        total = len(reasons)
        message = f"0/{total} nodes are available: {listed}." if total else "no nodes available to schedule pods"
        if total:
            message += f" preemption: 0/{total} nodes are available: {total} Preemption is not helpful for scheduling."
        status = dict(pod.get("status") or {})
        now = timestamp(self._clock())
        status["conditions"] = with_condition(
            status.get("conditions"), "PodScheduled", "Unschedulable", message, now, holds=False, lastProbeTime=None
        )
        if not is_same_status(status, pod.get("status") or {}):
            self._store.update(PODS, pod["metadata"]["namespace"], pod | {"status": status}, "status")
            self._events.warning(pod, "FailedScheduling", message)


def _unbound(pod: Object) -> Sequence[Key]:
    """Give the key of a pod that this scheduler must place."""
    spec = pod["spec"]
    if spec.get("nodeName") or pod["metadata"].get("deletionTimestamp") or spec.get("schedulingGates"):
        return ()
    return own_key(pod) if spec.get("schedulerName", SCHEDULER_NAME) == SCHEDULER_NAME and not is_finished(pod) else ()
