"""What the agent wants of its two neighbours: a cluster that is watched, and a kernel that is told.

Only these shapes cross over; ``agent.parts`` puts the real ones behind them, tests put fakes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from podfence.model.change import Change
from podfence.model.net import AddressRange
from podfence.model.reason import Reason
from podfence.model.snapshot import Snapshot

WATCHED = (
    ("", "namespaces"),
    ("", "nodes"),
    ("", "pods"),
    ("", "services"),
    ("discovery.k8s.io", "endpointslices"),
    ("networking.k8s.io", "networkpolicies"),
    ("policy.networking.k8s.io", "adminnetworkpolicies"),
    ("policy.networking.k8s.io", "baselineadminnetworkpolicies"),
    ("policy.networking.k8s.io", "clusternetworkpolicies"),
)
"""API group and plural of all that an agent may list and watch; its ClusterRole allows these and nothing else."""


class AgentOptions(msgspec.Struct, frozen=True):
    """What a person chose for the agent of one node.

    ``cuts_off`` re-judges connections when permissions shrink, ``drops_unready`` drops the traffic of local pods
    that are not programmed yet; ``audit`` logs and drops nothing. ``pod_ranges`` is where the node's pods live,
    empty when the Node object shall tell.
    """

    node: str
    audit: bool = False
    cuts_off: bool = True
    drops_unready: bool = True
    pod_ranges: tuple[AddressRange, ...] = ()
    kubeconfig: str | None = None
    context: str | None = None


class Cluster(Protocol):
    """A cluster that is watched: the store of ``podfence.kube``."""

    async def run(self) -> None:
        """Watch until cancelled, whatever happens to the server; raises ``PodfenceError`` when there is no point."""

    async def wait_until_synced(self) -> None:
        """Wait until every kind was listed once."""

    async def wait_for_changes(self) -> None:
        """Wait until ``take_changes`` has something to give."""

    def take_changes(self) -> Sequence[Change]:
        """Give what changed since the last call, oldest first, without waiting."""

    def snapshot(self) -> Snapshot:
        """Give the cluster as it is now, every change so far included."""


class Desired(Protocol):
    """What the kernel shall hold, and what each verdict id in it stands for."""

    @property
    def reasons(self) -> Mapping[str, Reason]:
        """Reasons by the id that the kernel logs as prefix."""


class Compiler(Protocol):
    """Makes the desired state of one node, and keeps it up to date by what changed."""

    def load(self, snapshot: Snapshot) -> None:
        """Begin anew from a whole cluster."""

    def change(self, changes: Sequence[Change]) -> None:
        """Follow changes of the cluster that was loaded."""

    def desired(self, *, log_allowed: bool) -> Desired:
        """Give the desired state; with ``log_allowed`` newly accepted connections are logged too."""


class Applied(msgspec.Struct, frozen=True):
    """A commit: ``full`` when all content was replaced; the counts are of what the kernel now holds."""

    generation: int
    full: bool
    classes: int = 0
    sets: int = 0
    elements: int = 0


class Enforcer(Protocol):
    """The kernel's side, and the only one that changes it. Every method may block and raise ``PodfenceError``."""

    def adopt(self) -> None:
        """Read what an earlier agent left, changing nothing."""

    def apply(self, desired: Desired) -> Applied:
        """Make the kernel hold the desired state in one transaction; on an error the last good state stays."""

    def check_drift(self) -> bool:
        """Compare the kernel with what was applied last and repair it; tells whether there was something to repair."""

    def uninstall(self) -> None:
        """Remove everything of ours; fine when there is nothing."""


class Parts(msgspec.Struct, frozen=True):
    """The neighbours of one agent; ``nft_version`` is what ``nft --version`` says, ``None`` without the program."""

    cluster: Cluster
    compiler: Compiler
    enforcer: Enforcer
    nft_version: str | None
