"""Every policy API reduced to one form: tiers of ordered rules.

NetworkPolicy is the middle tier: its rules only accept, and selecting a pod isolates it. AdminNetworkPolicy and
the Admin tier of ClusterNetworkPolicy come before it, BaselineAdminNetworkPolicy and the Baseline tier after it
(facts: semantics 3.3). Whatever could not be read stands here as ``Unreadable``, so that the engine can fail
closed: an accept matches nothing, a deny everything.
"""

from __future__ import annotations

import enum

import msgspec

from podfence.model.labels import Selector
from podfence.model.net import AddressRange, Protocol
from podfence.model.objects import ObjectRef


class Tier(enum.StrEnum):
    """Where in the order of evaluation a policy stands."""

    ADMIN = "Admin"
    NETWORK_POLICY = "NetworkPolicy"
    BASELINE = "Baseline"


class Action(enum.StrEnum):
    """What a rule does with the connections it matches."""

    ACCEPT = "Accept"
    DENY = "Deny"
    PASS = "Pass"


class Direction(enum.StrEnum):
    """The side of a connection that a rule speaks of; ingress enters the subject, egress leaves it."""

    INGRESS = "ingress"
    EGRESS = "egress"


class Unreadable(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Stands for a part of a policy that the API server would refuse; ``reason`` is for people."""

    reason: str


class PodPeer(msgspec.Struct, frozen=True, gc=False, tag=True, cache_hash=True):
    """Pods by label, within one namespace or within the namespaces that a selector matches.

    Exactly one of ``namespace`` (a name) and ``namespace_selector`` is set.
    """

    namespace: str | None
    namespace_selector: Selector | None
    pod_selector: Selector


class AddressPeer(msgspec.Struct, frozen=True, gc=False, tag=True, cache_hash=True):
    """Addresses: an ``ipBlock`` without its excepts, or all blocks of a ``networks`` peer, as disjoint ranges."""

    ranges: tuple[AddressRange, ...]
    text: str


class NodePeer(msgspec.Struct, frozen=True, gc=False, tag=True, cache_hash=True):
    """Nodes by label, meaning every address of their status."""

    selector: Selector


class DomainPeer(msgspec.Struct, frozen=True, gc=False, tag=True, cache_hash=True):
    """Hosts outside the cluster by name: lower case, no final dot, ``*.`` for one or more labels."""

    names: tuple[str, ...]


Peer = PodPeer | AddressPeer | NodePeer | DomainPeer | Unreadable


class PortRange(msgspec.Struct, frozen=True, gc=False, tag=True, cache_hash=True):
    """Ports ``first`` to ``last`` of one protocol, both included."""

    protocol: Protocol
    first: int
    last: int


class PortName(msgspec.Struct, frozen=True, gc=False, tag=True, cache_hash=True):
    """A container port of the destination pod by its name; ``protocol`` ``None`` matches whatever it declares."""

    name: str
    protocol: Protocol | None


PortMatch = PortRange | PortName | Unreadable


class Rule(msgspec.Struct, frozen=True, gc=False):
    """One rule: ``peers`` ``None`` is anybody at all, ``ports`` ``None`` any traffic of any protocol.

    ``path`` is the rule's field (``spec.ingress[0]``), ``peers_field`` and ``ports_field`` the names of the
    lists in it, so that peer ``i`` stands at ``path.peers_field[i]``.
    """

    action: Action
    peers: tuple[Peer, ...] | None
    ports: tuple[PortMatch, ...] | None
    path: str
    peers_field: str
    ports_field: str
    name: str = ""


class Policy(msgspec.Struct, frozen=True, gc=False):
    """A policy of any API: whom it is about, and its rules for each direction.

    ``ingress`` or ``egress`` is ``None`` when the policy says nothing about that direction; an empty tuple is a
    direction without rules, which isolates in the NetworkPolicy tier and has no effect in the others. Lower
    ``priority`` comes first within a tier; NetworkPolicies all have 0.
    """

    ref: ObjectRef
    tier: Tier
    priority: int
    subject: PodPeer | Unreadable
    ingress: tuple[Rule, ...] | None
    egress: tuple[Rule, ...] | None

    def rules(self, direction: Direction) -> tuple[Rule, ...] | None:
        """Give the rules of one direction, ``None`` when the policy says nothing about it."""
        return self.ingress if direction is Direction.INGRESS else self.egress

    @property
    def order(self) -> tuple[int, str, str]:
        """Sort key within a tier: priority, then name (design: same priority goes by name)."""
        return (self.priority, self.ref.name, self.ref.kind)
