"""Gives pods their nodes: where they may run, the node with the fewest pods, by name where equal.

Which nodes a pod may run on is decided in ``placement``, ``host_ports``, ``resources``, ``topology_spread`` and
``pod_affinity``. Nobody is driven away for a pod of higher priority.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from podfence.lab.controllers.clock import Clock, timestamp
from podfence.lab.controllers.conditions import is_same_status, with_condition
from podfence.lab.controllers.controller import Key, Keys, own_key
from podfence.lab.controllers.events import EventRecorder
from podfence.lab.controllers.host_ports import ports_are_free
from podfence.lab.controllers.occupancy import Occupancy
from podfence.lab.controllers.placement import NODES, fits_node, is_up, untolerated
from podfence.lab.controllers.pod_affinity import affinity_obstacle
from podfence.lab.controllers.pods import PODS, is_finished
from podfence.lab.controllers.resources import requests, shortages
from podfence.lab.controllers.topology_spread import NO_LABEL, spread_obstacle
from podfence.lab.interface import Object, ObjectStore, Resource

SCHEDULER_NAME: Final = "default-scheduler"

_NO_HELP: Final = "Preemption is not helpful for scheduling"
_NO_VICTIMS: Final = "No preemption victims found for incoming pod"

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
        occupancy = Occupancy(self._store.list(NODES), self._store.list(PODS))
        obstacles = {name: _obstacle(pod, node, occupancy) for name, node in occupancy.nodes.items()}
        free = [name for name, obstacle in obstacles.items() if obstacle is None]
        if not free:
            self._refused[key] = None
            self._refuse(pod, [obstacle for obstacle in obstacles.values() if obstacle is not None])
            return
        chosen = min(free, key=lambda name: (occupancy.count(name), name))
        self._bind(pod, chosen)
        metadata = pod["metadata"]
        message = f"Successfully assigned {metadata['namespace']}/{metadata['name']} to {chosen}"
        self._events.normal(pod, "Scheduled", message)

    def _waiting(self) -> Sequence[Key]:
        return tuple(self._refused)

    def _refuse(self, pod: Object, obstacles: Sequence[_Obstacle]) -> None:
        total = f"0/{len(obstacles)} nodes are available: "
        message = "no nodes available to schedule pods"
        if obstacles:
            message = total + _counted(reason for obstacle in obstacles for reason in obstacle.reasons)
            message += (
                " preemption: "
                + total
                + _counted(_NO_HELP if obstacle.is_final else _NO_VICTIMS for obstacle in obstacles)
            )
        status = dict(pod.get("status") or {})
        now = timestamp(self._clock())
        status["conditions"] = with_condition(
            status.get("conditions"), "PodScheduled", "Unschedulable", message, now, holds=False, lastProbeTime=None
        )
        if not is_same_status(status, pod.get("status") or {}):
            self._store.update(PODS, pod["metadata"]["namespace"], pod | {"status": status}, "status")
            self._events.warning(pod, "FailedScheduling", message)


class _Obstacle(msgspec.Struct, frozen=True):
    """Why a pod cannot run on a node, in the scheduler's words; ``is_final`` when no other pod's end would help."""

    reasons: tuple[str, ...]
    is_final: bool = False


def _obstacle(pod: Object, node: Object, occupancy: Occupancy) -> _Obstacle | None:
    final = _obstacle_of_node(pod, node)
    if final is not None:
        return _Obstacle((final,), is_final=True)
    others = occupancy.pods_on(node["metadata"]["name"])
    if not ports_are_free(pod, others):
        return _Obstacle(("node(s) didn't have free ports for the requested pod ports",))
    lacking, is_hopeless = shortages(requests(pod), node, others)
    if lacking:
        return _Obstacle(tuple(lacking), is_final=is_hopeless)
    if (spread := spread_obstacle(pod, node, occupancy)) is not None:
        return _Obstacle((spread,), is_final=spread == NO_LABEL)
    about_others = affinity_obstacle(pod, node, occupancy)
    return None if about_others is None else _Obstacle((about_others,))


def _obstacle_of_node(pod: Object, node: Object) -> str | None:
    """Say what of a node itself keeps a pod away, whatever runs there."""
    if not is_up(node):
        return "node(s) were not ready"
    taint = untolerated(pod, node)
    if taint is not None and taint["key"] == "node.kubernetes.io/unschedulable":
        return "node(s) were unschedulable"
    if taint is not None:
        return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value') or ''}}}"
    return None if fits_node(pod, node) else "node(s) didn't match Pod's node affinity/selector"


def _counted(reasons: Iterable[str]) -> str:
    return ", ".join(sorted(f"{count} {reason}" for reason, count in Counter(reasons).items())) + "."


def _unbound(pod: Object) -> Sequence[Key]:
    """Give the key of a pod that this scheduler must place."""
    spec = pod["spec"]
    if spec.get("nodeName") or pod["metadata"].get("deletionTimestamp") or spec.get("schedulingGates"):
        return ()
    return own_key(pod) if spec.get("schedulerName", SCHEDULER_NAME) == SCHEDULER_NAME and not is_finished(pod) else ()
