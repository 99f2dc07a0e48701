"""Policies over classes: every rule as pieces that need no label, no address and no port name any more.

A piece says: connections on these port atoms, between these subjects and these peers. A rule with named ports
falls into several pieces, one for each number that a name stands for, each with only the destinations that
declare it so. Accepts of NetworkPolicies are merged, since their order does not matter; rules of the ordered
tiers stay in their order.

Where a block takes in an area of unknown addresses only in part, the piece does not name the ends there. Those
are found later, from what a row accepts over the address atoms (``reach``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from podfence.engine.accepts import Accepts
from podfence.engine.frame import Frame
from podfence.engine.vocabulary import ClosedPolicy
from podfence.model.policy import Action, AddressPeer, Direction, PodPeer, Policy, Rule, Tier


class OrderedPiece(msgspec.Struct, frozen=True, gc=False):
    """A piece of a rule of an ordered tier; ``peers`` is a bitset for each view."""

    action: Action
    ports: int
    subjects: int
    peers: tuple[int, ...]


class NamedBlock(msgspec.Struct, frozen=True, gc=False):
    """Address atoms that an egress rule accepts on a named port, for the destinations that declare it."""

    ports: int
    atoms: int
    destinations: int


class Program:
    """A set of policies written in a frame, ready to be read row by row (``reach``)."""

    def __init__(self, frame: Frame, policies: Iterable[Policy] | None = None) -> None:
        self.frame = frame
        self.classes = frame.classes
        self.views = frame.views
        self.ports = frame.ports
        self.isolated = dict.fromkeys(Direction, 0)
        self.ordered: dict[tuple[Tier, Direction], list[OrderedPiece]] = {
            (tier, direction): [] for tier in (Tier.ADMIN, Tier.BASELINE) for direction in Direction
        }
        self.ingress_from_pods: dict[int, Accepts] = defaultdict(lambda: defaultdict(int))
        self.ingress_from_block: dict[int, Accepts] = defaultdict(lambda: defaultdict(int))
        self.ingress_from_any: Accepts = defaultdict(int)
        self.egress_of: dict[int, list[Accepts]] = defaultdict(lambda: [defaultdict(int) for _ in self.views])
        self.named_blocks_of: dict[int, list[NamedBlock]] = defaultdict(list)
        chosen = frame.snapshot.policies if policies is None else policies
        for policy in sorted(chosen, key=lambda policy: policy.order):
            self._add(frame.vocabulary.closed(policy))

    def masks(self) -> Iterator[int]:
        """List the sets of port atoms of every piece."""
        yield from self.ingress_from_any
        for accepts in (*self.ingress_from_pods.values(), *self.ingress_from_block.values()):
            yield from accepts
        for by_view in self.egress_of.values():
            for accepts in by_view:
                yield from accepts
        for blocks in self.named_blocks_of.values():
            yield from (block.ports for block in blocks)
        for pieces in self.ordered.values():
            yield from (piece.ports for piece in pieces)

    def _add(self, closed: ClosedPolicy) -> None:
        number = self.classes.set_number[closed.subject]
        subjects = self.classes.sets[number]
        for direction in Direction:
            rules = closed.rules(direction)
            if rules is None:
                continue
            if closed.policy.tier is not Tier.NETWORK_POLICY:
                pieces = self.ordered[closed.policy.tier, direction]
                pieces.extend(piece for rule in rules for piece in self._ordered_pieces(rule, subjects, direction))
                continue
            self.isolated[direction] |= subjects
            for rule in rules:
                if direction is Direction.INGRESS:
                    self._add_ingress(rule, subjects)
                else:
                    self._add_egress(rule, number)

    def _add_ingress(self, rule: Rule, subjects: int) -> None:
        for ports, destinations in self.frame.port_pieces(rule):
            accepted = subjects & destinations
            if not accepted:
                continue
            if rule.peers is None:
                self.ingress_from_any[ports] |= accepted
            for peer in rule.peers or ():
                if isinstance(peer, PodPeer):
                    self.ingress_from_pods[self.classes.set_number[peer]][ports] |= accepted
                elif isinstance(peer, AddressPeer):
                    self.ingress_from_block[self.frame.vocabulary.blocks[peer.ranges]][ports] |= accepted

    def _add_egress(self, rule: Rule, number: int) -> None:
        by_view = self.egress_of[number]
        atoms = self.frame.atoms_of_peers(rule)
        peers_by_view = self.frame.peers_of(rule)
        for ports, destinations in self.frame.port_pieces(rule):
            for accepts, peers in zip(by_view, peers_by_view, strict=True):
                if peers & destinations:
                    accepts[ports] |= peers & destinations
            if destinations != self.classes.everything and atoms:
                self.named_blocks_of[number].append(NamedBlock(ports, atoms, destinations))

    def _ordered_pieces(self, rule: Rule, subjects: int, direction: Direction) -> Iterator[OrderedPiece]:
        sure = self.frame.peers_of(rule, unsure=rule.action is Action.DENY)
        yield from self._pieces(rule, rule.action, sure, subjects, direction)
        if rule.action is Action.PASS and (unsure := self.frame.peers_of(rule, unsure=True)) != sure:
            # Nobody can tell whether the next tier or the next rule is meant to decide (``decide``).
            yield from self._pieces(rule, Action.DENY, unsure, subjects, direction)

    def _pieces(
        self, rule: Rule, action: Action, peers: tuple[int, ...], subjects: int, direction: Direction
    ) -> Iterator[OrderedPiece]:
        for ports, destinations in self.frame.port_pieces(rule):
            if direction is Direction.INGRESS:
                yield OrderedPiece(action, ports, subjects & destinations, peers)
            else:
                reached = tuple(found & destinations for found in peers)
                yield OrderedPiece(action, ports, subjects, reached)
