"""A cluster and a kernel that tests script: what the agent sees of its neighbours, and nothing behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from podfence.agent.interface import Applied, Parts
from podfence.dataplane.lookups import Answer, Need
from podfence.model.change import Change, Changing
from podfence.model.error import PodfenceError
from podfence.model.labels import Selector
from podfence.model.objects import ObjectRef, Pod
from podfence.model.policy import Direction, PodPeer, Policy, Tier
from podfence.model.reason import Reason
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import DecidedIn


def pod(name: str, *addresses: int, node: str = "n1") -> Pod:
    return Pod("default", name, addresses=addresses, node=node, workload=("Pod", name))


def policy(name: str) -> Policy:
    subject = PodPeer("default", None, Selector())
    return Policy(ObjectRef("NetworkPolicy", "default", name), Tier.NETWORK_POLICY, 0, subject, (), None)


class FakeCluster:
    """Pods and policies by name; ``put`` and ``drop`` are what the server would tell."""

    def __init__(self, *objects: Pod | Policy) -> None:
        self.synced = asyncio.Event()
        self._objects: dict[str, Pod | Policy] = {_name(item): item for item in objects}
        self._changes: list[Change] = []
        self._changed = asyncio.Event()

    def put(self, item: Pod | Policy) -> None:
        before = self._objects.get(_name(item))
        self._objects[_name(item)] = item
        self._tell(before, item)

    def drop(self, name: str) -> None:
        self._tell(self._objects.pop(name), None)

    def _tell(self, before: Changing | None, after: Changing | None) -> None:
        self._changes.append(Change(before, after))
        self._changed.set()

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def wait_until_synced(self) -> None:
        await self.synced.wait()

    async def wait_for_changes(self) -> None:
        await self._changed.wait()

    def take_changes(self) -> Sequence[Change]:
        changes, self._changes = self._changes, []
        self._changed.clear()
        return changes

    def versions(self) -> Mapping[str, str] | None:
        return None if self._changes else {"pods": str(len(self._objects))}

    def snapshot(self) -> Snapshot:
        items = self._objects.values()
        return Snapshot(
            pods=tuple(item for item in items if isinstance(item, Pod)),
            policies=tuple(item for item in items if isinstance(item, Policy)),
        )


def _name(item: Pod | Policy) -> str:
    return item.name if isinstance(item, Pod) else item.ref.name


class Names(msgspec.Struct, frozen=True):
    """What a kernel enforces, as the names of everything that it speaks of."""

    names: frozenset[str]
    log_allowed: bool

    @property
    def reasons(self) -> Mapping[str, Reason]:
        return {
            name: Reason(
                allowed=False,
                direction=Direction.INGRESS,
                tier=DecidedIn.NETWORK_POLICY,
                isolated_by=(ObjectRef("NetworkPolicy", "default", name),),
            )
            for name in self.names
        }


class FakeKernel:
    """Outlives agents: what is enforced, and every state that ever was, with its time."""

    def __init__(self) -> None:
        self.enforced: Names | None = None
        self.history: list[tuple[float, Names | None]] = []
        self.clock: Callable[[], float] = time.monotonic

    def commit(self, state: Names | None) -> None:
        self.enforced = state
        self.history.append((self.clock(), state))


class FakeDataplane:
    """Keeps names up to date and commits them to a fake kernel.

    ``failures`` commits fail first, ``before_commit`` is called within each; ``stumbles`` makes the next change fail
    as a bug would.
    """

    def __init__(self, kernel: FakeKernel, failures: int = 0) -> None:
        self.kernel = kernel
        self.failures = failures
        self.before_commit: Callable[[], None] = lambda: None
        self.stumbles = False
        self.adopted = self.loads = self.drift_checks = 0
        self.drifted = False
        self.learnt: list[Answer] = []
        self.due_in_s = float("inf")
        self.needs = Need.NONE
        self._names: set[str] = set()
        self._log_allowed = False

    def adopt(self) -> None:
        self.adopted += 1

    def load(self, snapshot: Snapshot, *, log_allowed: bool) -> Applied:
        self.loads += 1
        self._names = {item.name for item in snapshot.pods} | {item.ref.name for item in snapshot.policies}
        self._log_allowed = log_allowed
        return self._commit("full")

    def change(self, changes: Sequence[Change]) -> Applied:
        if self.stumbles:
            self.stumbles = False
            raise KeyError("a bug")
        for item in changes:
            if isinstance(item.before, Pod | Policy):
                self._names.discard(_name(item.before))
            if isinstance(item.after, Pod | Policy):
                self._names.add(_name(item.after))
        return self._commit("delta")

    def _commit(self, kind: Literal["full", "delta"]) -> Applied:
        self.before_commit()
        if self.failures:
            self.failures -= 1
            raise PodfenceError("nft: no")
        state = Names(frozenset(self._names), self._log_allowed)
        self.kernel.commit(state)
        return Applied(kind, len(self.kernel.history), state.reasons, len(self._names))

    def need(self, answer: Answer) -> Need:
        return self.needs

    def learn(self, answers: Sequence[Answer]) -> None:
        self.learnt += answers

    def wait_s(self) -> float:
        return self.due_in_s

    def check_drift(self) -> bool:
        self.drift_checks += 1
        drifted, self.drifted = self.drifted, False
        return drifted

    def uninstall(self) -> None:
        self.kernel.commit(None)


def parts(cluster: FakeCluster, dataplane: FakeDataplane) -> Parts:
    return Parts(cluster, dataplane, "nftables v1.0.6")
