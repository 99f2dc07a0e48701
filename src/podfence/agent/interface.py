"""What the agent wants of its two neighbours: a cluster that is watched, and a kernel that is told.

Only these shapes cross over; ``agent.parts`` puts the real ones behind them, tests put fakes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from podfence.dataplane.lookups import Answer, Need
from podfence.model.change import Change
from podfence.model.net import AddressRange
from podfence.model.reason import Reason
from podfence.model.snapshot import Snapshot


class AgentOptions(msgspec.Struct, frozen=True):
    """What a person chose for the agent of one node.

    ``cuts_off`` re-judges connections when permissions shrink, ``drops_unready`` drops the traffic of local pods
    that are not programmed yet, as far as ``pod_ranges`` tells where those live; ``audit`` logs and drops nothing.
    ``resolvers`` are addresses whose answers tell the addresses of names, beside those of cluster DNS.
    """

    node: str
    audit: bool = False
    cuts_off: bool = True
    drops_unready: bool = True
    pod_ranges: tuple[AddressRange, ...] = ()
    resolvers: tuple[int, ...] = ()


class Cluster(Protocol):
    """A cluster that is watched: the store of ``podfence.kube``."""

    async def run(self) -> None:
        """Watch until cancelled, whatever happens to the server; raises ``PodfenceError`` when there is no point."""

    async def wait_until_synced(self) -> None:
        """Wait until the snapshot is whole: all that decides was listed, and nothing was found missing since."""

    async def wait_for_changes(self) -> None:
        """Wait until ``take_changes`` has something to give."""

    def take_changes(self) -> Sequence[Change]:
        """Give what changed since the last call, oldest first, without waiting."""

    def versions(self) -> Mapping[str, str] | None:
        """Give the ``resourceVersion`` of each resource up to which everything was taken, ``None`` for not now."""

    def snapshot(self) -> Snapshot:
        """Give the cluster as it is now; changes that it holds already may still be told, and do no harm."""


class Applied(msgspec.Struct, frozen=True):
    """A commit: what it was, and what the kernel holds since.

    ``kind`` is full when all content was replaced, nothing when what changed matters to no rule of this node.
    ``reasons`` tells what each verdict id stands for that the kernel may now log as a prefix; nobody changes it
    afterwards. ``hosts`` is how many addresses of names pods were told and may reach, ``hosts_evicted`` how many had
    to go early for want of room.
    """

    kind: Literal["full", "delta", "nothing"]
    generation: int
    reasons: Mapping[str, Reason]
    classes: int = 0
    sets: int = 0
    elements: int = 0
    hosts: int = 0
    hosts_evicted: int = 0


class Dataplane(Protocol):
    """The compiler and the kernel of one node. Every method may block, and is called by one thread at a time.

    When ``load`` or ``change`` raises, the kernel holds its last good state, and ``load`` is called next.
    """

    def adopt(self) -> None:
        """Read what an earlier agent left, changing nothing. Raises ``PodfenceError``."""

    def load(self, snapshot: Snapshot, *, log_allowed: bool) -> Applied:
        """Make the kernel enforce a whole cluster in one transaction; ``log_allowed`` logs accepted connections."""

    def change(self, changes: Sequence[Change]) -> Applied | None:
        """Make the kernel follow what changed since, in one transaction; ``None`` when that takes a ``load``."""

    def need(self, answer: Answer) -> Need:
        """Tell what an answer is to the pod that asked; unlike the others it does not block."""

    def learn(self, answers: Sequence[Answer]) -> None:
        """Take in what resolvers told pods; the next ``load`` or ``change`` has it enforced."""

    def wait_s(self) -> float:
        """Tell after how many seconds ``change`` must be called, if it is not before; infinity for never."""

    def check_drift(self) -> bool:
        """Compare the kernel with what was committed last and repair it; tells whether there was anything to repair."""

    def uninstall(self) -> None:
        """Remove everything of ours; fine when there is nothing. Raises ``PodfenceError``."""


class Parts(msgspec.Struct, frozen=True):
    """The neighbours of one agent; ``nft_version`` is what ``nft --version`` says, ``None`` without the program."""

    cluster: Cluster
    dataplane: Dataplane
    nft_version: str | None
