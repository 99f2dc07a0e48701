"""Puts the watched cluster and the kernel behind the shapes of ``agent.interface``: the one place that knows both."""

from __future__ import annotations

from podfence.agent.interface import AgentOptions, Dataplane, Parts
from podfence.model.error import PodfenceError
from podfence.model.snapshot import Snapshot


def make_dataplane(options: AgentOptions) -> Dataplane:
    """Make the kernel's side alone, for who wants no cluster."""
    del options
    raise PodfenceError("this build has no dataplane yet")


def make_parts(options: AgentOptions) -> Parts:
    """Make the parts of a node's agent; raises ``PodfenceError`` without a cluster's address or credentials."""
    del options
    raise PodfenceError("this build watches no cluster yet")


def render(snapshot: Snapshot, options: AgentOptions) -> str:
    """Write what the agent of a node would load for a cluster. Raises ``PodfenceError``."""
    del snapshot, options
    raise PodfenceError("this build has no dataplane yet")
