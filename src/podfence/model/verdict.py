"""One connection to judge, and the judgement with the trace that justifies it."""

from __future__ import annotations

import enum

import msgspec

from podfence.model.net import Protocol
from podfence.model.objects import Node, Pod
from podfence.model.policy import Direction, Policy, Rule


class End(msgspec.Struct, frozen=True, gc=False):
    """One end of a connection: a pod, a node, a host known by name, or an address that nobody owns.

    At most one of ``pod``, ``node`` and ``domain`` is set. ``address`` is on the address line (``model.net``),
    ``None`` when nothing may be said about it; then no block matches.
    """

    pod: Pod | None = None
    node: Node | None = None
    domain: str | None = None
    address: int | None = None


class Flow(msgspec.Struct, frozen=True, gc=False):
    """A connection as policies see it: after service translation, by its destination port.

    ``port`` is 0 for ``Protocol.OTHER``. ``to_itself`` marks a pod that talks to its own address; two pods that
    one workload stands for are not the same pod.
    """

    source: End
    destination: End
    protocol: Protocol
    port: int
    to_itself: bool = False


class DecidedIn(enum.StrEnum):
    """What decided one side of a connection."""

    ADMIN = "Admin"
    NETWORK_POLICY = "NetworkPolicy"
    BASELINE = "Baseline"
    DEFAULT = "Default"
    NOT_APPLICABLE = "NotApplicable"


class SideVerdict(msgspec.Struct, frozen=True, gc=False):
    """What the policies of one end say: ``rule`` is ``None`` when isolation or a default decided.

    ``isolated_by`` lists every NetworkPolicy that isolates the end in this direction, whichever tier decided.
    """

    direction: Direction
    allowed: bool
    tier: DecidedIn
    isolated_by: tuple[Policy, ...] = ()
    policy: Policy | None = None
    rule: Rule | None = None
    reason: str = ""


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """Allowed only if both sides allow; ``depends`` tells what unknown address the answer hangs on."""

    flow: Flow
    egress: SideVerdict
    ingress: SideVerdict
    depends: str = ""

    @property
    def allowed(self) -> bool:
        """Tell whether the connection is allowed."""
        return self.egress.allowed and self.ingress.allowed
