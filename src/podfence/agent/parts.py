"""Puts the watched cluster and the kernel behind the shapes of ``agent.interface``: the one place that knows both."""

from __future__ import annotations

from podfence.agent.interface import AgentOptions, Dataplane, Parts
from podfence.agent.kernel import Kernel, settings_of
from podfence.agent.watched import WatchedCluster
from podfence.dataplane.render import render as render_table
from podfence.dataplane.runner import nft_version, runner
from podfence.kube.config import Connection
from podfence.model.snapshot import Snapshot


def make_dataplane(options: AgentOptions) -> Dataplane:
    """Make the kernel's side alone, for who wants no cluster."""
    return Kernel(options, runner())


def make_parts(options: AgentOptions, connection: Connection) -> Parts:
    """Make the parts of a node's agent."""
    return Parts(WatchedCluster(connection, options.node), make_dataplane(options), nft_version())


def render(snapshot: Snapshot, options: AgentOptions) -> str:
    """Write what the agent of a node would load for a cluster. Raises ``PodfenceError``."""
    return render_table(snapshot, settings_of(options))
