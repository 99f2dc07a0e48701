"""The status of a pod that has a node and waits for its volumes: ``ContainerCreating``. Pure."""

from __future__ import annotations

from podfence.lab.controllers.conditions import with_condition
from podfence.lab.interface import Object


def waiting_status(pod: Object, now: str) -> Object:
    """Give the status of a pod none of whose containers can be created yet."""
    spec, status = pod["spec"], dict(pod.get("status") or {})
    inits = [one["name"] for one in spec.get("initContainers") or ()]
    names = " ".join(one["name"] for one in spec["containers"])
    conditions = status.get("conditions") or []
    if inits:
        message = f"containers with incomplete status: [{' '.join(inits)}]"
        conditions = with_condition(conditions, "Initialized", "ContainersNotInitialized", message, now, holds=False)
    for kind in ("Ready", "ContainersReady"):
        message = f"containers with unready status: [{names}]"
        conditions = with_condition(conditions, kind, "ContainersNotReady", message, now, holds=False)
    status |= {"phase": "Pending", "conditions": conditions}
    status.setdefault("startTime", now)
    reason = "PodInitializing" if inits else "ContainerCreating"
    status["containerStatuses"] = [_waiting(one, reason) for one in spec["containers"]]
    if inits:
        status["initContainerStatuses"] = [_waiting(one, "PodInitializing") for one in spec["initContainers"]]
    return status


def _waiting(container: Object, reason: str) -> Object:
    state = {"waiting": {"reason": reason}}
    status = {"name": container["name"], "image": container.get("image", ""), "imageID": "", "ready": False}
    return status | {"started": False, "restartCount": 0, "state": state, "lastState": {}}
