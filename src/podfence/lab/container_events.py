"""What happened to a pod's containers between two of its statuses, in the words of a kubelet's events. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from podfence.lab.interface import Object

_FIELDS: Final = {
    "initContainerStatuses": "initContainers",
    "containerStatuses": "containers",
    "ephemeralContainerStatuses": "ephemeralContainers",
}
_NOT_STARTED: Final = "StartError"
_NOT_CREATED: Final = "CreateContainerConfigError"


class ContainerEvent(msgspec.Struct, frozen=True):
    """One event of a container."""

    container: str
    reason: str
    message: str
    is_warning: bool = False


def field_path(pod: Object, container: str) -> str:
    """Give the field of a pod that an event of its container is about: ``spec.containers{web}``."""
    named = ((field, one["name"]) for field in _FIELDS.values() for one in pod["spec"].get(field) or ())
    field = next((field for field, name in named if name == container), "containers")
    return f"spec.{field}{{{container}}}"


def pod_title(pod: Object) -> str:
    """Name a pod as a kubelet does in its messages: ``web_shop(UID)``."""
    metadata = pod["metadata"]
    return f"{metadata['name']}_{metadata['namespace']}({metadata.get('uid', '')})"


def container_events(pod: Object, before: Object, after: Object) -> Iterator[ContainerEvent]:
    """Tell which containers started, could not start or wait to be started again, in the order of the pod's fields.

    ``before`` and ``after`` are statuses of the pod; a start shows by the container's id, which is new each time.
    """
    for statuses in _FIELDS:
        known = {one["name"]: one for one in before.get(statuses) or ()}
        for status in after.get(statuses) or ():
            old = known.get(status["name"], {})
            if status.get("containerID") and status["containerID"] != old.get("containerID"):
                yield from _start(status)
            if _waits(status, "CrashLoopBackOff") and not _waits(old, "CrashLoopBackOff"):
                message = f"Back-off restarting failed container {status['name']} in pod {pod_title(pod)}"
                yield ContainerEvent(status["name"], "BackOff", message, is_warning=True)
            if _waits(status, _NOT_CREATED) and status["state"] != old.get("state"):
                message = f"Error: {status['state']['waiting'].get('message', '')}"
                yield ContainerEvent(status["name"], "Failed", message, is_warning=True)


def _start(status: Object) -> Iterator[ContainerEvent]:
    name = status["name"]
    yield ContainerEvent(name, "Pulled", f'Container image "{status["image"]}" already present on machine')
    yield ContainerEvent(name, "Created", f"Created container: {name}")
    ended = _ended(status)
    if ended.get("reason") == _NOT_STARTED:
        yield ContainerEvent(name, "Failed", f"Error: {ended.get('message', '')}", is_warning=True)
    else:
        yield ContainerEvent(name, "Started", f"Started container {name}")


def _ended(status: Object) -> Object:
    """Give the end of the run that the container's id names, empty while it runs."""
    for state in (status.get("state") or {}, status.get("lastState") or {}):
        ended: Object = state.get("terminated") or {}
        if ended.get("containerID") == status["containerID"]:
            return ended
    return {}


def _waits(status: Object, reason: str) -> bool:
    waiting = (status.get("state") or {}).get("waiting") or {}
    return bool(waiting.get("reason") == reason)
