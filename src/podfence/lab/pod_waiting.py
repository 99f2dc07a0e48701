"""The status of a pod that has a node and waits for its volumes: ``ContainerCreating``. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from podfence.lab.controllers.conditions import with_condition
from podfence.lab.interface import Object


def waiting_status(pod: Object, now: str) -> Object:
    """Give the status of a pod none of whose containers can be created yet."""
    spec, status = pod["spec"], dict(pod.get("status") or {})
    inits = [one["name"] for one in spec.get("initContainers") or ()]
    unready = ("ContainersNotReady", _message("unready", [one["name"] for one in spec["containers"]]))
    conditions = status.get("conditions") or []
    for kind, (reason, message) in {
        "PodReadyToStartContainers": ("", ""),
        "Initialized": ("ContainersNotInitialized", _message("incomplete", inits)),
        "Ready": unready,
        "ContainersReady": unready,
    }.items():
        holds = kind == "Initialized" and not inits
        conditions = with_condition(conditions, kind, *(("", "") if holds else (reason, message)), now, holds=holds)
    status |= {"phase": "Pending", "conditions": conditions}
    status.setdefault("startTime", now)
    reason = "PodInitializing" if inits else "ContainerCreating"
    status["containerStatuses"] = [_waiting(one, reason) for one in spec["containers"]]
    if inits:
        status["initContainerStatuses"] = [_waiting(one, "PodInitializing") for one in spec["initContainers"]]
    return status


def _message(what: str, names: Sequence[str]) -> str:
    return f"containers with {what} status: [{' '.join(names)}]"


def _waiting(container: Object, reason: str) -> Object:
    state = {"waiting": {"reason": reason}}
    status = {"name": container["name"], "image": container.get("image", ""), "imageID": "", "ready": False}
    return status | {"started": False, "restartCount": 0, "state": state, "lastState": {}}
