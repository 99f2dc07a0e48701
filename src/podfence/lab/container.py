"""One container of a pod: its runs one after the other, its state as the API shows it, its probes and its end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from podfence.lab.attachment import ContainerStreams
from podfence.lab.container_events import ContainerEvent
from podfence.lab.container_log import ContainerLog
from podfence.lab.container_probes import watch_probes
from podfence.lab.environment import MissingReferenceError
from podfence.lab.images import Invocation
from podfence.lab.interface import Object
from podfence.lab.orders import Mount
from podfence.lab.probes import ProbeTarget, read_all, run_probe
from podfence.lab.restart_wait import RestartWait
from podfence.lab.zygote_client import Program, Zygote

NOT_BEGUN: Final[Object] = {"waiting": {"reason": "PodInitializing"}}
"""The state of a container until something happens to it."""

_START_ERROR = 128
_BACK_OFF_S = (0.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
_BACK_OFF_RESET_S = 600.0
_DRAIN_S = 2.0
_ATTACHABLE_S = 5.0
_EPOCH = "1970-01-01T00:00:00Z"
_CREATE_FAILURE = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
    "unable to start container process: "
)


class PodContext(msgspec.Struct, frozen=True):
    """What the containers of a pod share: where they run, what they see, their pod's addresses."""

    zygote: Zygote
    place: str
    node_place: str
    hostname: str
    title: str
    files: dict[str, str]
    addresses: tuple[str, ...]
    host_addresses: tuple[str, ...]
    environment: Callable[[Object], dict[str, str]]
    invocation: Callable[[Object, dict[str, str]], Invocation]
    mounts: Callable[[Object, dict[str, str]], tuple[Mount, ...]]
    awaited_objects: Callable[[], AbstractContextManager[asyncio.Event]]
    """Gives an event that is set whenever an object changes that the pod refers to."""
    happened: Callable[[ContainerEvent], None]
    grace_s: float


class Container:
    """A container and all its runs. ``changed`` is called whenever ``status`` would say something new.

    With a ``target`` it sees the processes of that container, as one does who debugs it.
    """

    def __init__(
        self,
        spec: Object,
        context: PodContext,
        restart_policy: str,
        changed: Callable[[], None],
        target: Container | None = None,
    ) -> None:
        self.spec = spec
        self.name: str = spec["name"]
        self._context = context
        self._restart_policy = restart_policy
        self._changed = changed
        self._target_container = target
        self._state: Object = NOT_BEGUN
        self._last_state: Object = {}
        self._restarts = -1
        self._was_started = False
        self._id = ""
        self._kill_reason: str | None = None
        self.is_ready = False
        self.has_started = False
        self.started = asyncio.Event()
        self.log = ContainerLog()
        self.previous_log: ContainerLog | None = None
        self.streams: ContainerStreams | None = None
        self.program: Program | None = None
        self._ended_s = 0.0
        self._environment: dict[str, str] = {}
        self._stop_requested = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def exit_code(self) -> int | None:
        """The code with which it ended for good or for now, ``None`` while it runs or waits."""
        ended = self._state.get("terminated")
        return None if ended is None else int(ended["exitCode"])

    @property
    def is_attachable(self) -> bool:
        """Whether its streams can be joined: while it runs and, if it is interactive, for a moment afterwards.

        Who starts an interactive container attaches once it is told that it runs. A short program, which has no image
        to wait for here, would be over by then.
        """
        if self.program is not None and not self.program.has_ended:
            return self.streams is not None
        is_interactive = bool(self.spec.get("stdin")) and self.streams is not None
        return is_interactive and (self.program is not None or time.monotonic() - self._ended_s < _ATTACHABLE_S)

    @property
    def was_started(self) -> bool:
        """Whether it runs or has run."""
        return self._was_started

    @property
    def waiting_reason(self) -> str:
        """Why it waits, in one word of the API; empty when it does not."""
        reason = (self._state.get("waiting") or {}).get("reason", "")
        return "ContainerCreating" if reason == "PodInitializing" else str(reason)

    @property
    def will_restart(self) -> bool:
        """Whether another run follows the one that has ended."""
        code = self.exit_code
        return not self._stop_requested.is_set() and (code is None or self._restarts_after(code))

    def status(self) -> Object:
        """Give its ``ContainerStatus``."""
        image = self.spec.get("image", "")
        return {
            "name": self.name,
            "image": image,
            "imageID": f"lab://{image}" if self._id else "",
            "containerID": self._id,
            "ready": self.is_ready,
            "started": self.has_started,
            "restartCount": max(self._restarts, 0),
            "state": self._state,
            "lastState": self._last_state,
        }

    async def run(self) -> None:
        """Run it again and again as its restart policy says; returns when it has ended for good."""
        wait = RestartWait(_BACK_OFF_S, _BACK_OFF_RESET_S)
        while not self._stop_requested.is_set():
            began_s = time.monotonic()
            self._idle.clear()
            try:
                await self._run_once()
            finally:
                self._idle.set()
            if not self.will_restart or self._context.zygote.ended.done():
                return
            await self._back_off(wait.after(time.monotonic() - began_s))

    async def stop(self, grace_s: float) -> None:
        """End it: hook, SIGTERM to its first process, and after the grace period SIGKILL."""
        self._stop_requested.set()
        await self._end(grace_s)
        # One that was just about to start is killed as soon as it has.
        await self._idle.wait()

    async def exec(
        self, command: Sequence[str], *, stdin: bool, tty: bool, environment: dict[str, str] | None = None
    ) -> Program:
        """Start another program in it; raises ``LookupError`` when it does not run, ``OSError`` from the start."""
        if self.program is None:
            raise LookupError(f"container {self.name} is not running")
        return await self._context.zygote.run(
            self._context.place,
            command,
            self._environment | (environment or {}),
            stdin=stdin,
            tty=tty,
            folder=self.spec.get("workingDir") or "/",
            joins=self.program,
        )

    def _restarts_after(self, code: int) -> bool:
        return self._restart_policy == "Always" or (self._restart_policy == "OnFailure" and code != 0)

    async def _run_once(self) -> None:
        """Start it and wait for its end."""
        environment = await self._complete_environment()
        if environment is None:
            return
        self._restarts += 1
        if self._restarts:
            self.previous_log, self.log = self.log, ContainerLog()
        try:
            program = await self._start(environment)
        except (OSError, LookupError) as error:
            text = error.strerror if isinstance(error, OSError) else str(error)
            self._terminated(_START_ERROR, "StartError", _EPOCH, _CREATE_FAILURE + f"{text}: unknown")
        else:
            await self._attend(program)

    async def _complete_environment(self) -> dict[str, str] | None:
        """Give the variables once all that they come from is there; ``None`` when the container must stop before."""
        with self._context.awaited_objects() as changed:
            while not self._stop_requested.is_set():
                changed.clear()
                try:
                    return self._context.environment(self.spec)
                except MissingReferenceError as error:
                    self._set_state({"waiting": {"reason": "CreateContainerConfigError", "message": str(error)}})
                tasks = [asyncio.ensure_future(event.wait()) for event in (changed, self._stop_requested)]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
        return None

    async def _start(self, environment: dict[str, str]) -> Program:
        context = self._context
        self._environment = environment
        invocation = context.invocation(self.spec, self._environment)
        self._environment["PATH"] = invocation.path
        self._id = f"containerd://{uuid.uuid4().hex}{uuid.uuid4().hex}"
        program = await context.zygote.run(
            context.place,
            invocation.command,
            self._environment,
            stdin=bool(self.spec.get("stdin")),
            tty=bool(self.spec.get("tty")),
            folder=self.spec.get("workingDir") or "/",
            files=context.files,
            mounts=context.mounts(self.spec, self._environment),
            hostname=context.hostname,
            joins=self._joined(),
            stand_in=invocation.stand_in,
        )
        log = self.log
        self.streams = ContainerStreams(
            program,
            lambda data, stream: log.write(time.time(), data, stream),
            is_terminal=bool(self.spec.get("tty")),
            stdin_once=bool(self.spec.get("stdinOnce")),
        )
        self.program = program
        if self._stop_requested.is_set():
            program.signal_first(signal.SIGKILL)
        return program

    def _joined(self) -> Program | None:
        """Give the program whose processes this one is to see."""
        target = self._target_container
        if target is not None and target.program is None:
            raise LookupError(f"unable to find target container {target.name}")
        return target.program if target else None

    async def _attend(self, program: Program) -> None:
        """Be with a running program until its end: hook, probes, streams."""
        started_at = timestamp()
        self._kill_reason = None
        has_probe = {kind: bool(self.spec.get(kind)) for kind in ("startupProbe", "readinessProbe")}
        self.has_started = not has_probe["startupProbe"]
        self.is_ready = self.has_started and not has_probe["readinessProbe"]
        self._set_state({"running": {"startedAt": started_at}})
        if self.has_started:
            self.started.set()
        tasks = [asyncio.ensure_future(work) for work in self._side_work(program)]
        code = await program.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.streams is not None:
            await self.streams.drained(_DRAIN_S)
        self.log.close(time.time())
        self.program = None
        self._ended_s = time.monotonic()
        self._terminated(code, "Completed" if code == 0 else "Error", started_at, self._kill_reason)

    def _side_work(self, program: Program) -> list[Coroutine[Any, Any, None]]:
        work: list[Coroutine[Any, Any, None]] = [watch_probes(self.spec, self._target(program), self)]
        if hook := (self.spec.get("lifecycle") or {}).get("postStart"):
            work.append(self._post_start(hook, program))
        return work

    async def _post_start(self, hook: Object, program: Program) -> None:
        if await self._run_hook(hook, program, _BACK_OFF_RESET_S) is not None:
            self._tell("FailedPostStartHook", "PostStartHook failed", is_warning=True)
            self._tell("Killing", "FailedPostStartHook")
            self._kill_reason = "PostStartHookError"
            await self._end(self._context.grace_s)

    def has_come_up(self) -> None:
        """Hear that the startup probe has succeeded."""
        self.has_started = True
        self.started.set()
        self.is_ready = not self.spec.get("readinessProbe")
        self._changed()

    def set_ready(self, *, is_ready: bool) -> None:
        """Hear what the readiness probe says now."""
        if is_ready != self.is_ready:
            self.is_ready = is_ready
            self._changed()

    def probe_failed(self, kind: str, failure: str) -> None:
        """Tell of one failure of a probe."""
        self._tell("Unhealthy", f"{kind.title()} probe failed: {failure}", is_warning=True)

    async def kill(self, kind: str, probe: Object) -> None:
        """End, because a probe has failed for good."""
        self._kill_reason = f"Container {self.name} failed {kind} probe, will be restarted"
        self._tell("Killing", self._kill_reason)
        grace_s = probe.get("terminationGracePeriodSeconds")
        await self._end(self._context.grace_s if grace_s is None else grace_s)

    def _tell(self, reason: str, message: str, *, is_warning: bool = False) -> None:
        self._context.happened(ContainerEvent(self.name, reason, message, is_warning=is_warning))

    async def _end(self, grace_s: float) -> None:
        program = self.program
        if program is None:
            return
        ended = asyncio.ensure_future(program.wait())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(grace_s, 0)):
                if grace_s > 0:
                    hook = (self.spec.get("lifecycle") or {}).get("preStop")
                    if hook and await self._run_hook(hook, program, grace_s) is not None:
                        self._tell("FailedPreStopHook", "PreStopHook failed", is_warning=True)
                    program.signal_first(signal.SIGTERM)
                    await asyncio.shield(ended)
        if not ended.done():
            program.signal_first(signal.SIGKILL)
            await ended

    async def _run_hook(self, hook: Object, program: Program, timeout_s: float) -> str | None:
        if pause := hook.get("sleep"):
            await asyncio.sleep(pause.get("seconds") or 0)
            return None
        return await run_probe(hook, self._target(program), timeout_s)

    def _target(self, program: Program) -> ProbeTarget:
        ports = {port["name"]: port["containerPort"] for port in self.spec.get("ports") or [] if port.get("name")}
        return ProbeTarget(
            zygote=self._context.zygote,
            node_place=self._context.node_place,
            address=self._context.addresses[0],
            ports=ports,
            exec=self._exec_for_probe,
            is_stand_in=program.is_stand_in,
        )

    async def _exec_for_probe(self, command: Sequence[str], timeout_s: float) -> tuple[int, bytes]:
        program = await self.exec(command, stdin=False, tty=False)
        streams = [descriptor for descriptor in (program.stdout, program.stderr) if descriptor is not None]
        try:
            async with asyncio.timeout(timeout_s):
                outputs = await asyncio.gather(*(read_all(descriptor) for descriptor in streams))
                return await program.wait(), b"".join(outputs)
        finally:
            program.signal(signal.SIGKILL)
            program.close_streams()

    async def _back_off(self, wait_s: float) -> None:
        if not wait_s:
            return
        self._last_state = self._state
        message = f"back-off {_go_seconds(wait_s)} restarting failed container={self.name} pod={self._context.title}"
        self._set_state({"waiting": {"reason": "CrashLoopBackOff", "message": message}})
        await self._sleep(wait_s)

    async def _sleep(self, wait_s: float) -> None:
        """Sleep, but no longer than until somebody stops the container."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._stop_requested.wait()

    def _terminated(self, code: int, reason: str, started_at: str, message: str | None) -> None:
        self.is_ready = self.has_started = False
        ended: Object = {
            "exitCode": code,
            "reason": reason,
            "startedAt": started_at,
            "finishedAt": timestamp(),
            "containerID": self._id,
        }
        if message:
            ended["message"] = message
        elif self.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError" and code:
            ended["message"] = self.log.last_bytes(2048).decode(errors="replace")
        self._set_state({"terminated": ended})

    def _set_state(self, state: Object) -> None:
        self._was_started = self._was_started or "waiting" not in state
        if "running" in state and "terminated" in self._state:
            self._last_state = self._state
        self._state = state
        self._changed()


def timestamp() -> str:
    """Give the time as the API writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _go_seconds(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
