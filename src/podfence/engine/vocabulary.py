"""Everything that the policies of a snapshot mention: selectors, blocks, ports, names.

What no policy mentions cannot make a difference, so this is also the list of what may tell two pods apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from podfence.engine.fail_closed import closed_rules, closed_subject
from podfence.model.labels import Selector
from podfence.model.net import AddressRange, Protocol
from podfence.model.policy import (
    AddressPeer,
    Direction,
    DomainPeer,
    NodePeer,
    PodPeer,
    Policy,
    PortName,
    PortRange,
    Rule,
    Tier,
)

Block = tuple[AddressRange, ...]


class ClosedPolicy(msgspec.Struct, frozen=True, gc=False):
    """A policy without unreadable parts (``fail_closed``)."""

    policy: Policy
    subject: PodPeer
    ingress: tuple[Rule, ...] | None
    egress: tuple[Rule, ...] | None

    def rules(self, direction: Direction) -> tuple[Rule, ...] | None:
        """Give the rules of one direction, ``None`` when the policy says nothing about it."""
        return self.ingress if direction is Direction.INGRESS else self.egress


class Vocabulary:
    """What a set of policies mentions, each once, in order of appearance."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        self.policies: list[ClosedPolicy] = [
            ClosedPolicy(
                policy,
                closed_subject(policy),
                closed_rules(policy, Direction.INGRESS),
                closed_rules(policy, Direction.EGRESS),
            )
            for policy in policies
        ]
        self._closed = {id(closed.policy): closed for closed in self.policies}
        self.pod_peers: dict[PodPeer, None] = {}
        self.pod_selectors: dict[Selector, None] = {}
        self.namespace_selectors: dict[Selector, None] = {}
        self.node_selectors: dict[Selector, None] = {}
        self.blocks: dict[Block, int] = {}
        self.ordered_blocks: set[Block] = set()
        self.port_ranges: dict[tuple[Protocol, int, int], None] = {}
        self.port_names: dict[str, None] = {}
        self.domains: dict[str, None] = {}
        for closed in self.policies:
            self._add_pods(closed.subject)
            for rule in _rules(closed):
                self._add_peers(rule, ordered=closed.policy.tier is not Tier.NETWORK_POLICY)
                self._add_ports(rule)

    def closed(self, policy: Policy) -> ClosedPolicy:
        """Find one of the policies that the vocabulary was made of, closed."""
        return self._closed[id(policy)]

    def _add_pods(self, peer: PodPeer) -> None:
        if peer in self.pod_peers:
            return
        self.pod_peers[peer] = None
        self.pod_selectors[peer.pod_selector] = None
        if peer.namespace_selector is not None:
            self.namespace_selectors[peer.namespace_selector] = None

    def _add_peers(self, rule: Rule, *, ordered: bool) -> None:
        for peer in rule.peers or ():
            match peer:
                case PodPeer():
                    self._add_pods(peer)
                case AddressPeer():
                    self.blocks.setdefault(peer.ranges, len(self.blocks))
                    if ordered:
                        self.ordered_blocks.add(peer.ranges)
                case NodePeer():
                    self.node_selectors[peer.selector] = None
                case DomainPeer():
                    self.domains.update(dict.fromkeys(peer.names))

    def _add_ports(self, rule: Rule) -> None:
        for port in rule.ports or ():
            match port:
                case PortRange():
                    self.port_ranges[port.protocol, port.first, port.last] = None
                case PortName():
                    self.port_names[port.name] = None


class Projection:
    """Reduces label sets to what selectors can see: two sets with one projection are alike to all of them."""

    def __init__(self, selectors: Iterable[Selector]) -> None:
        requirements = [requirement for selector in selectors for requirement in selector.requirements]
        self._facts = {(item.key, value) for item in requirements for value in item.values}
        self._presence = {item.key for item in requirements if not item.values}
        self._known: dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = {}

    def __call__(self, labels: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """Keep the facts that a selector names, and the keys whose presence one asks for.

        A value that no selector names becomes NUL, which no label can hold.
        """
        seen = self._known.get(labels)
        if seen is None:
            seen = self._known[labels] = tuple(self._visible(labels))
        return seen

    def _visible(self, labels: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
        for fact in labels:
            if fact in self._facts:
                yield fact
            elif fact[0] in self._presence:
                yield (fact[0], "\0")


def _rules(closed: ClosedPolicy) -> Iterator[Rule]:
    yield from closed.ingress or ()
    yield from closed.egress or ()
