"""One running pod: init containers in order, then its containers, and the status that results. asyncio, no threads.

Ephemeral containers (those of ``kubectl debug``) come at any time and change nothing of the pod's course.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from podfence.lab.container import NOT_BEGUN, Container, PodContext, timestamp
from podfence.lab.interface import Object

_CONDITIONS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")


class Pod:
    """Runs the containers of a pod; ``changed`` gets the pod's whole status whenever it is another one.

    Must be stopped with ``stop``. ``object`` is the pod as it was when it was started: changes of a running pod's
    spec that the API allows (images) are not followed.
    """

    def __init__(self, pod: Object, context: PodContext, changed: Callable[[Object], None]) -> None:
        self.object = pod
        self._context = context
        self._tell = changed
        self._started_at = timestamp()
        self._conditions: dict[str, Object] = {}
        self._is_initialized = False
        self._has_failed_init = False
        self._deadline_exceeded = False
        self._told: Object = {}
        self._tasks: list[asyncio.Task[None]] = []
        spec = pod["spec"]
        self._restart_policy = spec.get("restartPolicy") or "Always"
        self.init_containers = [
            Container(one, context, "Always" if _is_sidecar(one) else _init_policy(self._restart_policy), self._changed)
            for one in spec.get("initContainers") or []
        ]
        self.containers = [
            Container(one, context, self._restart_policy, self._changed) for one in spec.get("containers") or []
        ]
        self.ephemeral_containers: list[Container] = []

    def start(self) -> None:
        """Begin; everything else happens in tasks."""
        self.start_ephemeral(self.object["spec"].get("ephemeralContainers") or [])
        self._tasks.append(asyncio.ensure_future(self._run()))
        if deadline_s := self.object["spec"].get("activeDeadlineSeconds"):
            self._tasks.append(asyncio.ensure_future(self._limit(deadline_s)))
        self._changed()

    def start_ephemeral(self, specs: Sequence[Object]) -> None:
        """Start those of the pod's ephemeral containers that are new; one that has ended never runs again."""
        known = {one.name for one in self.ephemeral_containers}
        if self._phase() in {"Succeeded", "Failed"}:
            return
        for spec in specs:
            if spec["name"] not in known:
                target = spec.get("targetContainerName")
                target_container = self.container(target) if target else None
                container = Container(spec, self._context, "Never", self._changed, target_container)
                self.ephemeral_containers.append(container)
                self._tasks.append(asyncio.ensure_future(container.run()))

    async def stop(self, grace_s: float) -> None:
        """End all containers within a grace period; sidecars end after the others, as in Kubernetes."""
        await self._stop_containers(grace_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def container(self, name: str) -> Container:
        """Find a container of any kind; the first one for an empty name. Raises ``LookupError``."""
        for container in (*self.containers, *self.init_containers, *self.ephemeral_containers):
            if name in {"", container.name}:
                return container
        raise LookupError(f"container {name} is not valid for pod {self.object['metadata']['name']}")

    def status(self) -> Object:
        """Give the pod's ``status``."""
        phase = self._phase()
        addresses = self._context.addresses
        status: Object = {
            "phase": phase,
            "conditions": self._condition_list(phase),
            "hostIP": self._context.host_addresses[0],
            "hostIPs": [{"ip": address} for address in self._context.host_addresses],
            "podIP": addresses[0],
            "podIPs": [{"ip": address} for address in addresses],
            "startTime": self._started_at,
            "qosClass": _quality_of_service(self.object["spec"]),
            "containerStatuses": [self._container_status(one, "ContainerCreating") for one in self.containers],
        }
        if self.init_containers:
            status["initContainerStatuses"] = [self._init_status(one) for one in self.init_containers]
        if self.ephemeral_containers:
            status["ephemeralContainerStatuses"] = [_ephemeral_status(one) for one in self.ephemeral_containers]
        if self._deadline_exceeded:
            status["reason"] = "DeadlineExceeded"
            status["message"] = "Pod was active on the node longer than the specified deadline"
        return status

    def _container_status(self, container: Container, reason: str) -> Object:
        status = container.status()
        if status["state"] == NOT_BEGUN and not self.init_containers:
            status["state"] = {"waiting": {"reason": reason}}
        return status

    @staticmethod
    def _init_status(container: Container) -> Object:
        status = container.status()
        if not _is_sidecar(container.spec):
            # An init container is ready when it has done its work.
            status["ready"] = container.exit_code == 0
        return status

    async def _run(self) -> None:
        for container in self.init_containers:
            if not await self._initialize(container):
                self._has_failed_init = True
                self._changed()
                return
        self._is_initialized = True
        self._changed()
        await asyncio.gather(*(container.run() for container in self.containers))
        # Sidecars and whoever debugs live as long as the others do.
        accompanying = (*self.init_containers, *self.ephemeral_containers)
        await asyncio.gather(*(one.stop(self._context.grace_s) for one in accompanying))
        self._changed()

    async def _initialize(self, container: Container) -> bool:
        """Run an init container to its good end, or a sidecar until it has started."""
        if not _is_sidecar(container.spec):
            await container.run()
            return container.exit_code == 0
        self._tasks.append(asyncio.ensure_future(container.run()))
        await container.started.wait()
        return True

    async def _limit(self, deadline_s: float) -> None:
        await asyncio.sleep(deadline_s)
        self._deadline_exceeded = True
        await self._stop_containers(self._context.grace_s)
        self._changed()

    async def _stop_containers(self, grace_s: float) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + grace_s
        await asyncio.gather(*(one.stop(grace_s) for one in (*self.containers, *self.ephemeral_containers)))
        left_s = max(end - loop.time(), 0)
        await asyncio.gather(*(container.stop(left_s) for container in self.init_containers))

    def _phase(self) -> str:
        if self._deadline_exceeded or self._has_failed_init:
            return "Failed"
        if not self._is_initialized or not all(container.was_started for container in self.containers):
            return "Pending"
        codes = [container.exit_code for container in self.containers if not container.will_restart]
        is_accompanied = any(container.program is not None for container in self.init_containers)
        if len(codes) < len(self.containers) or None in codes or is_accompanied:
            return "Running"
        return "Failed" if any(codes) else "Succeeded"

    def _condition_list(self, phase: str) -> list[Object]:
        unready = [container.name for container in self.containers if not container.is_ready]
        waiting = [one.name for one in self.init_containers if not _is_sidecar(one.spec) and one.exit_code != 0]
        reasons = {
            "Initialized": ("ContainersNotInitialized", f"containers with incomplete status: [{' '.join(waiting)}]"),
            "Ready": ("ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"),
        }
        if phase in {"Succeeded", "Failed"}:
            reasons["Ready"] = ("PodCompleted" if phase == "Succeeded" else "PodFailed", "")
        reasons["ContainersReady"] = reasons["Ready"]
        holds = {
            "Initialized": self._is_initialized,
            "Ready": not unready and self._is_initialized and phase == "Running",
        }
        holds["ContainersReady"] = holds["Ready"]
        for kind in _CONDITIONS:
            self._set_condition(kind, reasons.get(kind, ("", "")), holds=holds.get(kind, True))
        return [self._conditions[kind] for kind in _CONDITIONS]

    def _set_condition(self, kind: str, reason: tuple[str, str], *, holds: bool) -> None:
        condition: Object = {"type": kind, "status": "True" if holds else "False"}
        if not holds:
            condition |= {name: text for name, text in zip(("reason", "message"), reason, strict=True) if text}
        old = self._conditions.get(kind, {})
        same = old.get("status") == condition["status"]
        self._conditions[kind] = {
            **condition,
            "lastProbeTime": None,
            "lastTransitionTime": old["lastTransitionTime"] if same else timestamp(),
        }

    def _changed(self) -> None:
        status = self.status()
        if status != self._told:
            self._told = status
            self._tell(status)


def _ephemeral_status(container: Container) -> Object:
    """Give the status of an ephemeral container, which nobody probes: it is never ready."""
    status = container.status()
    del status["started"]
    if not container.was_started:
        status["state"] = {"waiting": {"reason": "ContainerCreating"}}
    return status | {"ready": False}


def _is_sidecar(spec: Object) -> bool:
    return spec.get("restartPolicy") == "Always"


def _init_policy(restart_policy: str) -> str:
    """Say how an init container restarts: until it succeeds, unless the pod never restarts anything."""
    return "Never" if restart_policy == "Never" else "OnFailure"


def _quality_of_service(spec: Object) -> str:
    containers = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    resources = [container.get("resources") or {} for container in containers]
    if not any(one.get("requests") or one.get("limits") for one in resources):
        return "BestEffort"
    kinds = ("cpu", "memory")
    for one in resources:
        limits = one.get("limits") or {}
        requests = {**limits, **(one.get("requests") or {})}
        if any(kind not in limits or requests.get(kind) != limits[kind] for kind in kinds):
            return "Burstable"
    return "Guaranteed"
