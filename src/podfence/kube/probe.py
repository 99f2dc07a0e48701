"""Is policy enforced on every node, now? Found out with real connections: open, stopped by a deny, opened again.

Works in a namespace of its own, which goes whatever happens. Enforcement comes a while after a policy, so each
expectation is tried again until it holds or its time is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from podfence.kube import probe_plan
from podfence.kube.client import Client, ClusterError
from podfence.kube.exec import Ended, run_in_pod
from podfence.kube.patience import Time
from podfence.kube.probe_plan import Attempt
from podfence.kube.probe_stage import BETWEEN_S, Settings, Stage
from podfence.model.enforcement import Enforcement, NodeEnforcement, ProbeResult
from podfence.model.policy import Direction

AT_ONCE = 16

_ANSWERED = ("TIMEOUT", "REFUSED", "OTHER")

Connect = Callable[[str, Attempt], Awaitable[str | None]]
"""Tries a connection in a namespace: ``None`` when it stands, else why not. Raises ``ClusterError`` if it cannot."""


class Probe:
    """One probe of a cluster; ``tell`` hears what is being done."""

    def __init__(
        self,
        client: Client,
        settings: Settings,
        *,
        time: Time | None = None,
        connect: Connect | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._settings = settings
        self._time = time or Time()
        self._connect = connect or self._exec
        self._tell = tell
        self._stage = Stage(client, settings, self._time)
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._found: dict[tuple[str, Direction], Enforcement] = {}
        self._reasons: dict[str, list[str]] = {}

    async def run(self) -> ProbeResult:
        """Probe, and clean up whatever happens. Raises ``PodfenceError`` when nothing at all can be told."""
        nodes = await self._stage.nodes()
        try:
            self._tell("creating a namespace")
            await self._stage.open()
            await self._try(nodes)
        finally:
            self._tell("cleaning up")
            await self._stage.close()
        return ProbeResult(self._client.connection.name, tuple(self._sum(node) for node in nodes))

    async def _try(self, nodes: Mapping[str, str]) -> None:
        usable_nodes = [node for node, trouble in nodes.items() if not trouble]
        self._tell(f"starting pods on {len(usable_nodes)} node{'' if len(usable_nodes) == 1 else 's'}")
        places, troubles = await self._stage.start(usable_nodes)
        for node, trouble in {**nodes, **troubles}.items():
            if trouble:
                self._doubt(node, trouble)
        attempts = probe_plan.attempts(places)
        if not attempts:
            return
        self._tell("connecting without any policy")
        closed = await self._settle(attempts, is_open=True)
        for attempt, reason in closed.items():
            for direction in Direction:
                self._doubt(
                    attempt.judged(direction), f"{attempt}: nothing connects even without a policy: {reason}", direction
                )
        usable = [attempt for attempt in attempts if attempt not in closed]
        for direction in Direction:
            usable = await self._try_direction(direction, usable) if usable else []

    async def _try_direction(self, direction: Direction, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Stop connections and open them again; gives those that are open in the end.

        The policies stay: taking them away takes effect at some moment, too, and would be mistaken for what is tried
        next.
        """
        deny, allow = probe_plan.deny(direction), probe_plan.allow(direction)
        self._tell(f"denying all {direction.value}")
        await self._stage.apply(deny)
        still_open = await self._settle(attempts, is_open=False)
        for attempt, reason in still_open.items():
            said = reason or f"still connects {self._settings.settle_s:g} s after a deny of all {direction.value}"
            self._blame(attempt, direction, said, certain=not reason)
        stopped = [attempt for attempt in attempts if attempt not in still_open]
        self._tell(f"allowing {direction.value} again")
        await self._stage.apply(allow)
        still_closed = await self._settle(stopped, is_open=True)
        for attempt, reason in still_closed.items():
            said = f"does not connect {self._settings.settle_s:g} s after {direction.value} was allowed: {reason}"
            self._blame(attempt, direction, said, certain=(reason or "").startswith(_ANSWERED))
        opened = [attempt for attempt in stopped if attempt not in still_closed]
        for attempt in opened:
            self._found.setdefault((attempt.judged(direction), direction), Enforcement.ENFORCED)
        return [*opened, *(attempt for attempt, reason in still_open.items() if reason is None)]

    async def _settle(self, attempts: Iterable[Attempt], *, is_open: bool) -> dict[Attempt, str | None]:
        """Try until each connection is as expected; gives those that are not when time is over, and why.

        ``None`` stands for one that is open and should not be.
        """
        deadline = self._time.clock() + self._settings.settle_s
        left: dict[Attempt, str | None] = dict.fromkeys(attempts, "")
        while left:
            answers = await asyncio.gather(*(self._attempt(attempt) for attempt in left))
            left = {
                attempt: reason
                for attempt, (reason, told) in zip(list(left), answers, strict=True)
                if not told or (reason is None) is not is_open
            }
            if not left or self._time.clock() >= deadline:
                break
            await self._time.sleep(BETWEEN_S)
        return left

    async def _attempt(self, attempt: Attempt) -> tuple[str | None, bool]:
        """Try one connection; gives why it is not open, and whether that was an answer at all."""
        async with self._turn:
            try:
                reason = await self._connect(self._stage.namespace, attempt)
            except ClusterError as error:
                return str(error), False
        return reason, reason is None or reason.startswith(_ANSWERED)

    async def _exec(self, namespace: str, attempt: Attempt) -> str | None:
        ended: Ended = await run_in_pod(self._client, namespace, attempt.source.client, attempt.command)
        if ended.code == 0:
            return None
        words = ended.errors.strip() or ended.output.strip()
        return words if words.startswith(_ANSWERED) else f"the command ended with code {ended.code}: {words}"

    def _blame(self, attempt: Attempt, direction: Direction, reason: str, *, certain: bool) -> None:
        node = attempt.judged(direction)
        if not certain:
            self._doubt(node, f"{attempt}: {reason}", direction)
            return
        self._found[node, direction] = Enforcement.NOT_ENFORCED
        self._note(node, f"{attempt}: {reason}")

    def _doubt(self, node: str, reason: str, direction: Direction | None = None) -> None:
        for each in Direction if direction is None else (direction,):
            if self._found.get((node, each)) is not Enforcement.NOT_ENFORCED:
                self._found[node, each] = Enforcement.UNKNOWN
        self._note(node, reason)

    def _note(self, node: str, reason: str) -> None:
        known = self._reasons.setdefault(node, [])
        if reason not in known:
            known.append(reason)

    def _sum(self, node: str) -> NodeEnforcement:
        ingress, egress = (
            self._found.get((node, direction), Enforcement.UNKNOWN)
            for direction in (Direction.INGRESS, Direction.EGRESS)
        )
        if Enforcement.UNKNOWN in {ingress, egress} and node not in self._reasons:
            self._note(node, "no connection was left that could tell")
        return NodeEnforcement(node, ingress, egress, tuple(self._reasons[node]) if node in self._reasons else ())
