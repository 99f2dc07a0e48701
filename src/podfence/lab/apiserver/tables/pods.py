"""How a pod is doing, in the words of ``kubectl get pods``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from podfence.lab.apiserver.tables.table import Column, TableColumns
from podfence.lab.apiserver.tables.words import NONE, age_of, at, duration, name_of

Object = dict[str, Any]


class _Progress:
    """Counts what the statuses of the containers say."""

    def __init__(self, pod: Object) -> None:
        self._pod = pod
        self._status: Object = pod.get("status") or {}
        spec = pod.get("spec") or {}
        self._inits: Sequence[Object] = spec.get("initContainers") or ()
        self._sidecars = {each.get("name") for each in self._inits if each.get("restartPolicy") == "Always"}
        self.total = len(spec.get("containers") or ()) + len(self._sidecars)
        self.ready = 0
        self.restarts = 0
        self.last_restart = ""
        self.reason = self._status.get("reason") or self._status.get("phase") or ""
        self._read()

    def _read(self) -> None:
        if any(each.get("reason") == "SchedulingGated" for each in self._conditions("PodScheduled")):
            self.reason = "SchedulingGated"
        initializing = self._read_inits()
        if not initializing or self._is_true("Initialized"):
            self._read_containers()
        if not self._pod["metadata"].get("deletionTimestamp"):
            return
        if self._status.get("reason") == "NodeLost":
            self.reason = "Unknown"
        elif self._status.get("phase") not in {"Failed", "Succeeded"}:
            self.reason = "Terminating"

    def _conditions(self, kind: str) -> list[Object]:
        return [each for each in self._status.get("conditions") or () if each.get("type") == kind]

    def _is_true(self, kind: str) -> bool:
        return any(each.get("status") == "True" for each in self._conditions(kind))

    def _count_restarts(self, container: Object) -> int:
        finished = at(container, "lastState", "terminated", "finishedAt") or ""
        self.last_restart = max(self.last_restart, finished)
        return int(container.get("restartCount") or 0)

    def _read_inits(self) -> bool:
        of_sidecars = 0
        for index, container in enumerate(self._status.get("initContainerStatuses") or ()):
            is_sidecar = container.get("name") in self._sidecars
            restarts = self._count_restarts(container)
            self.restarts += restarts
            of_sidecars += restarts if is_sidecar else 0
            if at(container, "state", "terminated", "exitCode") == 0:
                continue
            if is_sidecar and container.get("started"):
                self.ready += bool(container.get("ready"))
                continue
            self.reason = self._init_reason(container, index)
            return True
        self.restarts = of_sidecars
        return False

    def _init_reason(self, container: Object, index: int) -> str:
        terminated = at(container, "state", "terminated")
        if terminated is not None:
            return f"Init:{_end(terminated)}"
        waiting = at(container, "state", "waiting", "reason")
        if waiting and waiting != "PodInitializing":
            return f"Init:{waiting}"
        return f"Init:{index}/{len(self._inits)}"

    def _read_containers(self) -> None:
        has_running = False
        for container in reversed(self._status.get("containerStatuses") or ()):
            self.restarts += self._count_restarts(container)
            state = container.get("state") or {}
            if at(state, "waiting", "reason"):
                self.reason = state["waiting"]["reason"]
            elif state.get("terminated") is not None:
                self.reason = _end(state["terminated"])
            elif container.get("ready") and state.get("running") is not None:
                has_running = True
                self.ready += 1
        if self.reason == "Completed" and has_running:
            self.reason = "Running" if self._is_true("Ready") else "NotReady"


def _end(terminated: Object) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _restarts(progress: _Progress, now: float) -> str:
    if progress.restarts and progress.last_restart:
        seconds = now - datetime.fromisoformat(progress.last_restart).timestamp()
        return f"{progress.restarts} ({duration(seconds)} ago)"
    return str(progress.restarts)


def _cells(pod: Object, now: float) -> list[Any]:
    progress = _Progress(pod)
    status, spec = pod.get("status") or {}, pod.get("spec") or {}
    addresses = status.get("podIPs") or ()
    return [
        name_of(pod),
        f"{progress.ready}/{progress.total}",
        progress.reason,
        _restarts(progress, now),
        age_of(pod, now),
        (addresses[0].get("ip") if addresses else status.get("podIP")) or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        _gates(spec, status),
    ]


def _gates(spec: Object, status: Object) -> str:
    gates = spec.get("readinessGates") or ()
    if not gates:
        return NONE
    conditions = {each.get("type"): each.get("status") for each in status.get("conditions") or ()}
    return f"{sum(conditions.get(gate.get('conditionType')) == 'True' for gate in gates)}/{len(gates)}"


_ENDS: Final = {
    "Succeeded": ("Succeeded", "The pod has completed successfully."),
    "Failed": ("Failed", "The pod failed."),
}


def _conditions(pod: Object) -> list[Object]:
    end = _ENDS.get((pod.get("status") or {}).get("phase", ""))
    return [{"type": "Completed", "status": "True", "reason": end[0], "message": end[1]}] if end else []


PODS: Final = TableColumns(
    (
        Column("Name", format="name"),
        Column("Ready"),
        Column("Status"),
        Column("Restarts"),
        Column("Age"),
        Column("IP", priority=1),
        Column("Node", priority=1),
        Column("Nominated Node", priority=1),
        Column("Readiness Gates", priority=1),
    ),
    _cells,
    _conditions,
)
