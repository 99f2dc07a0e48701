"""Keeps the kernel equal to the cluster: what changed is compiled and committed, until it is in.

Starts by adopting what an earlier agent left, and changes nothing before the cluster is known completely; then one
commit replaces all. Nothing here ever removes rules: when the server is away, when a commit fails, and when the
agent ends, what is enforced stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import structlog

from podfence.agent.health import Health
from podfence.agent.interface import Applied, Parts
from podfence.agent.metrics import Metrics
from podfence.agent.pacing import DRIFT_CHECK_S, retry_s, settle_s
from podfence.dataplane.lookups import Answer, Need
from podfence.flows.owners import Owners
from podfence.model.change import Change
from podfence.model.error import PodfenceError
from podfence.model.objects import Pod
from podfence.model.reason import Reason
from podfence.model.snapshot import Snapshot


class Reconciler:
    """The loop of one node.

    ``owners`` follows the cluster. ``on_commit`` hears the reasons of what is enforced now, ``on_release`` the
    addresses that pods of this node gave back, once nothing in the kernel speaks of them. ``run_blocking`` runs a
    function that may block.
    """

    def __init__(
        self,
        node: str,
        parts: Parts,
        owners: Owners,
        health: Health,
        metrics: Metrics,
        *,
        on_commit: Callable[[Mapping[str, Reason]], None],
        on_release: Callable[[Collection[int]], None],
        run_blocking: Callable[..., Any] = asyncio.to_thread,
    ) -> None:
        self._node = node
        self._parts = parts
        self._owners = owners
        self._health = health
        self._metrics = metrics
        self._on_commit = on_commit
        self._on_release = on_release
        self._run_blocking = run_blocking
        self._log = structlog.get_logger().bind(node=node)
        self._log_allowed = False
        self._asked = asyncio.Event()
        self._answered = asyncio.Event()
        self._answers: list[tuple[Answer, Callable[[], None]]] = []
        self._released: list[Callable[[], None]] = []
        self._evicted = 0
        self._batch = _Batch()
        self._must_reload = True
        self._failures = 0
        self._last_commit_s: float | None = None
        self._next_drift_check_s = 0.0
        self._is_committing = False
        self._enforced: Mapping[str, str] = {}

    def log_allowed(self, wanted: bool) -> None:  # noqa: FBT001 (a callback hears one thing)
        """Have newly accepted connections logged too, or no longer."""
        if wanted != self._log_allowed:
            self._log_allowed = wanted
            self._asked.set()

    def may_need(self, asker: int, name: str) -> bool:
        """Tell whether an answer about a name may be anything to the pod at an address."""
        if self._is_committing or self._last_commit_s is None:
            return True
        return self._parts.dataplane.need(Answer(asker, name, (), 0)) is not Need.NONE

    def need(self, answer: Answer) -> Need:
        """Tell what an answer is to the pod that asked; while that changes, it is to be learnt."""
        if self._is_committing or self._last_commit_s is None:
            return Need.NEW
        return self._parts.dataplane.need(answer)

    def learn(self, answer: Answer, release: Callable[[], None]) -> None:
        """Have what a resolver told a pod enforced, and call ``release`` when it is."""
        self._answers.append((answer, release))
        self._answered.set()

    async def run(self) -> None:
        """Reconcile until cancelled. Raises nothing that a later attempt could mend."""
        await self._adopt()
        await self._parts.cluster.wait_until_synced()
        self._health.synced()
        self._log.info("the cluster is known")
        await self._commit()
        while True:
            if await self._work_comes():
                if not self._answered.is_set():  # a program waits for what its resolver answered
                    await asyncio.sleep(settle_s(_now_s(), self._last_commit_s))
                await self._commit()
            if _now_s() >= self._next_drift_check_s:
                await self._check_drift()

    async def _adopt(self) -> None:
        while True:
            try:
                await self._run_blocking(self._parts.dataplane.adopt)
            except PodfenceError as error:
                await self._failed(error)
            else:
                self._failures = 0
                return

    async def _work_comes(self) -> bool:
        """Wait for changes, a wish, or what the dataplane must do now; false when the drift check comes first."""
        waits = [
            asyncio.ensure_future(self._parts.cluster.wait_for_changes()),
            asyncio.ensure_future(self._asked.wait()),
            asyncio.ensure_future(self._answered.wait()),
        ]
        try:
            wait_s = self._parts.dataplane.wait_s()
            drift_s = max(0.0, self._next_drift_check_s - _now_s())
            left_s = min(wait_s, drift_s)
            done, _ = await asyncio.wait(waits, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            for wait in done:
                wait.result()
        finally:
            for wait in waits:
                wait.cancel()
        if done:
            self._batch.begin(_now_s())
        return bool(done) or wait_s < drift_s

    async def _commit(self) -> None:
        """Commit the cluster as it is now; tries until it is in, each time with what is newest."""
        self._is_committing = True
        while True:
            if self._asked.is_set():
                self._asked.clear()
                self._must_reload = True
            if self._must_reload:
                await self._parts.cluster.wait_until_synced()
            snapshot, changes = self._take()
            self._answered.clear()
            answers, began_s = [answer for answer, _ in self._answers], _now_s()
            self._released += [release for _, release in self._answers]
            self._answers.clear()
            try:
                applied = await self._run_blocking(self._apply, snapshot, changes, answers, self._log_allowed)
            except Exception as error:  # noqa: BLE001 (whatever failed, what is enforced stays and is tried again)
                self._must_reload = True
                await self._failed(error)
                continue
            if applied is not None:
                self._committed(applied, began_s)
                self._is_committing = False
                return
            self._must_reload = True

    def _take(self) -> tuple[Snapshot | None, Sequence[Change]]:
        """Take what changed: as a whole cluster at the start, after a failure and for a wish, else as changes."""
        changes = self._parts.cluster.take_changes()
        snapshot = self._parts.cluster.snapshot() if self._must_reload else None
        if self._last_commit_s is None and snapshot is not None:
            self._owners.load(snapshot)
        else:
            lost = self._owners.apply(changes)
            self._batch.released.update(address for address, pod in lost.items() if pod.node == self._node)
        self._batch.count(changes, self._node)
        return snapshot, changes

    def _apply(
        self,
        snapshot: Snapshot | None,
        changes: Sequence[Change],
        answers: Sequence[Answer],
        log_allowed: bool,  # noqa: FBT001 (run_blocking knows positions only)
    ) -> Applied | None:
        self._parts.dataplane.learn(answers)
        if snapshot is not None:
            return self._parts.dataplane.load(snapshot, log_allowed=log_allowed)
        return self._parts.dataplane.change(changes)

    def _committed(self, applied: Applied, began_s: float) -> None:
        now_s = _now_s()
        first = self._last_commit_s is None
        batch, self._batch = self._batch, _Batch()
        self._must_reload, self._failures, self._last_commit_s = False, 0, now_s
        if first:
            self._next_drift_check_s = now_s + DRIFT_CHECK_S
        if applied.hosts_evicted > 2 * self._evicted:
            self._evicted = applied.hosts_evicted
            self._log.warning("pods were told more addresses of names than can be kept", forgotten=self._evicted)
        for release in self._released:
            release()
        self._released.clear()
        self._health.committed()
        self._metrics.committed(applied, now_s - began_s)
        if batch.began_s is not None and batch.changes:
            self._metrics.policy_apply_seconds.observe(now_s - batch.began_s)
            for _ in range(batch.pods):
                self._metrics.pod_program_seconds.observe(now_s - batch.began_s)
        self._on_commit(applied.reasons)
        self._on_release(frozenset(batch.released))
        say = self._log.info if first else self._log.debug
        say("committed", generation=applied.generation, kind=applied.kind, changes=batch.changes)

    async def enforced(self) -> Mapping[str, str]:
        """Give the ``resourceVersion`` of each resource up to which everything is in the kernel."""
        versions = None if self._is_committing else self._parts.cluster.versions()
        if versions is not None and self._last_commit_s is not None and not self._failures:
            self._enforced = versions
        return self._enforced

    async def _failed(self, error: Exception) -> None:
        """Note a failure and wait before the next attempt."""
        self._failures += 1
        self._metrics.nft_errors.inc()
        self._health.failed(str(error))
        wait_s = retry_s(self._failures)
        is_bug = not isinstance(error, (PodfenceError, OSError))
        self._log.error(
            "not committed; what was enforced before stays",
            error=str(error),
            retry_s=wait_s,
            exc_info=error if is_bug else None,
        )
        await asyncio.sleep(wait_s)

    async def _check_drift(self) -> None:
        self._next_drift_check_s = _now_s() + DRIFT_CHECK_S
        try:
            repaired = await self._run_blocking(self._parts.dataplane.check_drift)
        except Exception as error:  # noqa: BLE001 (the next commit replaces everything)
            self._must_reload = True
            await self._failed(error)
            await self._commit()
            return
        if repaired:
            self._metrics.drift_repairs.inc()
            self._log.warning("somebody changed our rules in the kernel; they are as they should be again")


class _Batch:
    """What has come since the last commit."""

    def __init__(self) -> None:
        self.began_s: float | None = None
        self.changes = 0
        self.pods = 0
        self.released: set[int] = set()

    def begin(self, now_s: float) -> None:
        if self.began_s is None:
            self.began_s = now_s

    def count(self, changes: Sequence[Change], node: str) -> None:
        self.changes += len(changes)
        self.pods += sum(_gives_address(change, node) for change in changes)


def _gives_address(change: Change, node: str) -> bool:
    """Tell whether a pod of the node got its address with this change."""
    before, after = change.before, change.after
    if not isinstance(after, Pod) or after.node != node or not after.addresses:
        return False
    return not isinstance(before, Pod) or not before.addresses


def _now_s() -> float:
    return asyncio.get_running_loop().time()
