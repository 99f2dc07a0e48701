"""Whether the nodes of a cluster enforce NetworkPolicy: what a probe found out with real connections."""

from __future__ import annotations

import enum

import msgspec

from podfence.model.policy import Direction


class Enforcement(enum.StrEnum):
    """What is known of one direction on one node."""

    ENFORCED = "enforced"
    NOT_ENFORCED = "notEnforced"
    UNKNOWN = "unknown"


class NodeEnforcement(msgspec.Struct, frozen=True):
    """What was found on a node; ``reasons`` say in one line each why it is not simply enforced."""

    node: str
    ingress: Enforcement
    egress: Enforcement
    reasons: tuple[str, ...] = ()

    def of(self, direction: Direction) -> Enforcement:
        """Give what was found of one direction."""
        return self.ingress if direction is Direction.INGRESS else self.egress

    @property
    def worst(self) -> Enforcement:
        """Give the sum: not enforced before unknown before enforced."""
        both = {self.ingress, self.egress}
        order = (Enforcement.NOT_ENFORCED, Enforcement.UNKNOWN)
        return next((each for each in order if each in both), Enforcement.ENFORCED)


class ProbeResult(msgspec.Struct, frozen=True):
    """What a probe of a cluster found, by node in the order of their names; ``cluster`` names it for people."""

    cluster: str
    nodes: tuple[NodeEnforcement, ...]

    def with_worst(self, enforcement: Enforcement) -> tuple[NodeEnforcement, ...]:
        """List the nodes of which this is the sum."""
        return tuple(node for node in self.nodes if node.worst is enforcement)
