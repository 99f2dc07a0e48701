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


class ContainerEvent(msgspec.Struct, frozen=True):
    """One event, and the field of the pod that it is about."""

    reason: str
    message: str
    field_path: str
    is_warning: bool = False


def container_events(pod: Object, before: Object, after: Object) -> Iterator[ContainerEvent]:
    """Tell which containers started, could not start or wait to be started again, in the order of the pod's fields.

    ``before`` and ``after`` are statuses of the pod; a start shows by the container's id, which is new each time.
    """
    for statuses, field in _FIELDS.items():
        known = {one["name"]: one for one in before.get(statuses) or ()}
        for status in after.get(statuses) or ():
            old = known.get(status["name"], {})
            path = f"spec.{field}{{{status['name']}}}"
            if status.get("containerID") and status["containerID"] != old.get("containerID"):
                yield from _start(status, path)
            if _backs_off(status) and not _backs_off(old):
                yield ContainerEvent("BackOff", _back_off(pod, status["name"]), path, is_warning=True)


def _start(status: Object, path: str) -> Iterator[ContainerEvent]:
    yield ContainerEvent("Pulled", f'Container image "{status["image"]}" already present on machine', path)
    yield ContainerEvent("Created", f"Created container: {status['name']}", path)
    ended = _ended(status)
    if ended.get("reason") == _NOT_STARTED:
        yield ContainerEvent("Failed", f"Error: {ended.get('message', '')}", path, is_warning=True)
    else:
        yield ContainerEvent("Started", f"Started container {status['name']}", path)


def _ended(status: Object) -> Object:
    """Give the end of the run that the container's id names, empty while it runs."""
    for state in (status.get("state") or {}, status.get("lastState") or {}):
        ended: Object = state.get("terminated") or {}
        if ended.get("containerID") == status["containerID"]:
            return ended
    return {}


def _backs_off(status: Object) -> bool:
    waiting = (status.get("state") or {}).get("waiting") or {}
    return bool(waiting.get("reason") == "CrashLoopBackOff")


def _back_off(pod: Object, container: str) -> str:
    metadata = pod["metadata"]
    name = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
    return f"Back-off restarting failed container {container} in pod {name}"
