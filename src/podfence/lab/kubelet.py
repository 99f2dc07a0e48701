"""Runs what the API server says: each pod that has a node gets a network and its containers, and its status is told.

One kubelet serves all nodes of a lab. It knows pods by their uid, so that a pod that was deleted and made anew under
its name is another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from podfence.lab.apiserver.status import StatusError
from podfence.lab.container_events import ContainerEvent, container_events, field_path
from podfence.lab.controllers.clock import Clock, timestamp
from podfence.lab.controllers.events import EventRecorder
from podfence.lab.controllers.pods import PODS, is_finished, is_terminating
from podfence.lab.interface import Object, ObjectStore, Seen
from podfence.lab.pod_waiting import waiting_status
from podfence.lab.runtime import Pods
from podfence.lab.volumes.keeper import VolumeError
from podfence.model.error import PodfenceError

_CONFLICT = 409
_TRIES = 5
_RETRY_S = 1.0
_log = logging.getLogger(__name__)

WaitEnforced = Callable[[Object], Awaitable[None]]
"""Waits until the nodes' agents have a pod, as it is stored, in the kernel; ``PodfenceError`` when they do not."""


class Kubelet:
    """Follows the pods of a store and has them run by a runtime; ``run`` is all that others call."""

    def __init__(self, store: ObjectStore, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._events = EventRecorder(store, "kubelet", clock)
        self._running: set[str] = set()
        self._ending: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, pods: Pods, wait_enforced: WaitEnforced) -> None:
        """Follow the pods until cancelled; a pod's containers start once ``wait_enforced`` is done with it."""
        try:
            async for seen in self._store.watch(PODS):
                self._take(seen, pods, wait_enforced)
        finally:
            for task in self._tasks:
                task.cancel()

    def status_changed(self, pod: Object, status: Object) -> None:
        """Tell the API server what became of a pod's containers; a callback of the runtime."""
        uid = pod["metadata"]["uid"]
        for _ in range(_TRIES):
            known = self._known(pod)
            if known is None or uid not in self._running:
                return
            try:
                self._store.update(PODS, known["metadata"]["namespace"], known | {"status": status}, "status")
            except StatusError as error:
                if error.code == _CONFLICT:
                    continue
                _log.warning("status of pod %s: %s", pod["metadata"]["name"], error)
            else:
                self._tell_of_containers(known, status)
            return

    def _tell_of_containers(self, known: Object, status: Object) -> None:
        for event in container_events(known, known.get("status") or {}, status):
            self.happened(known, event)

    def happened(self, pod: Object, event: ContainerEvent) -> None:
        """Tell of what happened to a container; a callback of the runtime."""
        tell = self._events.warning if event.is_warning else self._events.normal
        tell(pod, event.reason, event.message, field_path=field_path(pod, event.container))

    def _take(self, seen: Seen, pods: Pods, wait_enforced: WaitEnforced) -> None:
        pod = seen.object
        metadata = pod["metadata"]
        uid, is_placed = metadata["uid"], bool(pod["spec"].get("nodeName"))
        if seen.type == "DELETED":
            if uid in self._running and uid not in self._ending:
                self._begin(self._end(pod, pods, 0))
        elif is_terminating(pod):
            if uid not in self._ending:
                self._ending.add(uid)
                grace_s = metadata.get("deletionGracePeriodSeconds")
                self._begin(self._end(pod, pods, None if grace_s is None else float(grace_s)))
        elif is_placed and uid not in self._running and not is_finished(pod):
            self._running.add(uid)
            self._begin(self._start(pod, pods, wait_enforced))
        elif uid in self._running:
            pods.volumes.pod_changed(pod)
            pods.start_ephemeral(pod)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        # The loop holds its tasks weakly.
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a pod could not be served", exc_info=error)

    async def _start(self, pod: Object, pods: Pods, wait_enforced: WaitEnforced) -> None:
        if not await self._prepare_volumes(pod, pods):
            return
        while True:
            try:
                addresses = await pods.create_sandbox(pod)
            except (OSError, PodfenceError, LookupError) as error:
                self._events.warning(pod, "FailedCreatePodSandBox", f"Failed to create pod sandbox: {error}")
                await asyncio.sleep(_RETRY_S)
                if self._known(pod) is None:
                    return
            else:
                break
        self._tell_addresses(pod, addresses)
        await self._until_enforced(pod, wait_enforced)
        known = self._known(pod)
        if known is None or pod["metadata"]["uid"] in self._ending:
            return
        pods.start_containers(known)

    async def _prepare_volumes(self, pod: Object, pods: Pods) -> bool:
        """Have a pod's volumes made, however long it takes for what they show to be there; false when the pod ends."""
        with pods.volumes.awaited(pod) as changed:
            while (known := self._known(pod)) is not None and pod["metadata"]["uid"] not in self._ending:
                changed.clear()
                try:
                    for remark in await pods.prepare_volumes(pod):
                        self._events.normal(pod, "EmptyVolume", remark)
                except (VolumeError, OSError, LookupError) as error:
                    self._events.warning(pod, "FailedMount", str(error))
                    self.status_changed(pod, waiting_status(known, timestamp(self._clock())))
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(changed.wait(), None if isinstance(error, VolumeError) else _RETRY_S)
                else:
                    return True
        return False

    def _tell_addresses(self, pod: Object, addresses: tuple[str, ...]) -> None:
        """Tell the addresses before anything runs, so that agents know the pod when its first packet comes."""
        known = self._known(pod)
        if known is not None:
            status = dict(known.get("status") or {})
            status |= {"podIP": addresses[0], "podIPs": [{"ip": address} for address in addresses]}
            status.setdefault("startTime", timestamp(self._clock()))
            self.status_changed(pod, status)

    async def _until_enforced(self, pod: Object, wait_enforced: WaitEnforced) -> None:
        """Hold a pod back until agents know it: until then its packets are dropped, and short programs would fail.

        A pod whose agents do not answer starts all the same; what its packets may do is the kernel's to say.
        """
        known = self._known(pod)
        if known is None or pod["spec"].get("hostNetwork"):
            return
        try:
            await wait_enforced(known)
        except PodfenceError as error:
            _log.warning("pod %s starts before it is enforced: %s", pod["metadata"]["name"], error)

    async def _end(self, pod: Object, pods: Pods, grace_s: float | None) -> None:
        metadata = pod["metadata"]
        namespace, name, uid = metadata["namespace"], metadata["name"], metadata["uid"]
        if uid in self._running:
            for container in (*pod["spec"]["containers"], *(pod["spec"].get("ephemeralContainers") or ())):
                self._events.normal(pod, "Killing", f"Stopping container {container['name']}")
            await pods.stop(namespace, name, grace_s)
            await pods.volumes.remove(pod)
        with contextlib.suppress(StatusError):
            self._store.delete(PODS, namespace, name, grace_s=0, uid=uid)
        self._running.discard(uid)
        self._ending.discard(uid)

    def _known(self, pod: Object) -> Object | None:
        """Give the pod as it is stored now, ``None`` when it is gone or another one has its name."""
        metadata = pod["metadata"]
        known = self._store.get(PODS, metadata["namespace"], metadata["name"])
        return known if known is not None and known["metadata"]["uid"] == metadata["uid"] else None
