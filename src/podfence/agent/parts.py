"""Puts the watched cluster and the kernel behind the shapes of ``agent.interface``: the one place that knows both."""

from __future__ import annotations

from podfence.agent.interface import AgentOptions, Dataplane, Parts
from podfence.agent.kernel import Kernel
from podfence.agent.watched import WatchedCluster
from podfence.dataplane.runner import nft_version, runner


def make_dataplane(options: AgentOptions) -> Dataplane:
    """Make the kernel's side alone, for who wants no cluster."""
    return Kernel(options, runner())


def make_parts(options: AgentOptions) -> Parts:
    """Make the parts of a node's agent; raises ``PodfenceError`` without a cluster's address or credentials."""
    return Parts(cluster=WatchedCluster(options), dataplane=make_dataplane(options), nft_version=nft_version())
