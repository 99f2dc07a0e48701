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

from podfence.engine import bitset
from podfence.engine.atoms import PortAtoms
from podfence.engine.classes import Classes
from podfence.engine.decide import name_covers
from podfence.engine.vocabulary import ClosedPolicy, Vocabulary
from podfence.model.labels import Selector
from podfence.model.net import Protocol
from podfence.model.objects import Node
from podfence.model.policy import (
    Action,
    AddressPeer,
    Direction,
    DomainPeer,
    NodePeer,
    Peer,
    PodPeer,
    PortName,
    PortRange,
    Rule,
    Tier,
)
from podfence.model.snapshot import Snapshot

Accepts = dict[int, int]
"""What is accepted: from a set of port atoms to the classes at the other end."""


class View(msgspec.Struct, frozen=True, gc=False):
    """One way to look at ends that can have several addresses: each by its ``index``-th area of a family."""

    ipv6: bool
    index: int


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
    """The policies of a snapshot, ready to be read row by row (``reach``)."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.vocabulary = Vocabulary(snapshot.policies)
        self.classes = Classes(snapshot, self.vocabulary)
        self.views = _views(self.classes)
        self.ports = PortAtoms([*self.vocabulary.port_ranges, *_declared(self.classes, self.vocabulary)])
        self._destinations = _destinations_by_port(self.classes, self.ports)
        self.area_of = [[_area(areas, view) for areas in self.classes.areas] for view in self.views]
        self.blocks_of_area = [self._blocks_around(area) for area in self.classes.addresses.areas]
        self._block_classes = [self._classes_in_blocks(view) for view in range(len(self.views))]
        self._peer_sets: dict[tuple[Peer, bool], tuple[int, ...]] = {}

        self.isolated = {direction: 0 for direction in Direction}
        self.ordered: dict[tuple[Tier, Direction], list[OrderedPiece]] = {
            (tier, direction): [] for tier in (Tier.ADMIN, Tier.BASELINE) for direction in Direction
        }
        self.ingress_from_pods: dict[int, Accepts] = defaultdict(lambda: defaultdict(int))
        self.ingress_from_block: dict[int, Accepts] = defaultdict(lambda: defaultdict(int))
        self.ingress_from_any: Accepts = defaultdict(int)
        self.egress_of: dict[int, list[Accepts]] = defaultdict(lambda: [defaultdict(int) for _ in self.views])
        self.named_blocks_of: dict[int, list[NamedBlock]] = defaultdict(list)
        for closed in sorted(self.vocabulary.policies, key=lambda closed: closed.policy.order):
            self._add(closed)

    def _add(self, closed: ClosedPolicy) -> None:
        subjects = self.classes.select(closed.subject)
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
                    self._add_egress(rule, subjects)

    def _add_ingress(self, rule: Rule, subjects: int) -> None:
        for ports, destinations in self.port_pieces(rule):
            accepted = subjects & destinations
            if not accepted:
                continue
            if rule.peers is None:
                self.ingress_from_any[ports] |= accepted
            for peer in rule.peers or ():
                if isinstance(peer, PodPeer):
                    self.ingress_from_pods[self.classes.select(peer)][ports] |= accepted
                elif isinstance(peer, AddressPeer):
                    self.ingress_from_block[self.vocabulary.blocks[peer.ranges]][ports] |= accepted

    def _add_egress(self, rule: Rule, subjects: int) -> None:
        by_view = self.egress_of[subjects]
        atoms = self._atoms_of_peers(rule)
        for ports, destinations in self.port_pieces(rule):
            for accepts, peers in zip(by_view, self._peers_of(rule), strict=True):
                if peers & destinations:
                    accepts[ports] |= peers & destinations
            if destinations != self.classes.everything and atoms:
                self.named_blocks_of[subjects].append(NamedBlock(ports, atoms, destinations))

    def _ordered_pieces(self, rule: Rule, subjects: int, direction: Direction) -> Iterator[OrderedPiece]:
        peers = self._peers_of(rule)
        for ports, destinations in self.port_pieces(rule):
            if direction is Direction.INGRESS:
                yield OrderedPiece(rule.action, ports, subjects & destinations, peers)
            else:
                reached = tuple(found & destinations for found in peers)
                yield OrderedPiece(rule.action, ports, subjects, reached)

    def port_pieces(self, rule: Rule) -> Iterator[tuple[int, int]]:
        """Cut a rule's ports into sets of atoms, each with the destinations for which it holds."""
        if rule.ports is None:
            yield self.ports.everything, self.classes.everything
            return
        numbers = 0
        named: dict[int, int] = defaultdict(int)
        for port in rule.ports:
            match port:
                case PortRange():
                    numbers |= self.ports.mask(port.protocol, port.first, port.last)
                case PortName():
                    for protocol in [port.protocol] if port.protocol is not None else list(Protocol):
                        for atom, destinations in self._destinations.get((port.name, protocol), {}).items():
                            named[atom] |= destinations
        if numbers:
            yield numbers, self.classes.everything
        yield from named.items()

    def _peers_of(self, rule: Rule) -> tuple[int, ...]:
        """Give the classes that a rule's peers mean, for each view."""
        if rule.peers is None:
            return (self.classes.everything,) * len(self.views)
        deny = rule.action is Action.DENY
        found = [0] * len(self.views)
        for peer in rule.peers:
            for number, classes in enumerate(self._peer_set(peer, deny=deny)):
                found[number] |= classes
        return tuple(found)

    def _peer_set(self, peer: Peer, *, deny: bool) -> tuple[int, ...]:
        key = (peer, deny)
        found = self._peer_sets.get(key)
        if found is None:
            found = self._peer_sets[key] = self._find_peer(peer, deny=deny)
        return found

    def _find_peer(self, peer: Peer, *, deny: bool) -> tuple[int, ...]:
        everywhere = len(self.views)
        match peer:
            case PodPeer():
                return (self.classes.select(peer),) * everywhere
            case AddressPeer():
                block = self.vocabulary.blocks[peer.ranges]
                return tuple(classes[block] for classes in self._block_classes)
            case NodePeer():
                return (self._hosts(peer.selector, deny=deny),) * everywhere
            case DomainPeer():
                named = [
                    number
                    for name, number in self.classes.domains.items()
                    if any(name_covers(pattern, name) for pattern in peer.names)
                ]
                return (bitset.make(named, self.classes.total),) * everywhere
            case _:
                raise AssertionError("unreadable peers end in fail_closed")

    def _hosts(self, selector: Selector, *, deny: bool) -> int:
        nodes = {node.name: node for node in self.snapshot.nodes}
        found = []
        for number, host in enumerate(self.classes.hosts, start=self.classes.pods):
            node = host if isinstance(host, Node) else nodes.get(host.node or "")
            if selector.matches(dict(node.labels)) if node is not None else deny or selector == Selector():
                found.append(number)
        return bitset.make(found, self.classes.total)

    def _atoms_of_peers(self, rule: Rule) -> int:
        """Give the address atoms in a rule's blocks, as classes."""
        if rule.peers is None:
            return self.classes.everything >> self.classes.first_atom << self.classes.first_atom
        found = 0
        for peer in rule.peers:
            if isinstance(peer, AddressPeer):
                atoms = self.classes.addresses.atoms.within(peer.ranges)
                found |= bitset.make((self.classes.first_atom + atom for atom in atoms), self.classes.total)
        return found

    def _blocks_around(self, area: int) -> int:
        """Give the blocks that hold all of an area."""
        found = self.classes.addresses.block_mask
        atoms = self.classes.addresses.atoms.atoms
        for atom in bitset.members(area):
            found &= atoms[atom].blocks
            if not found:
                break
        return found

    def _classes_in_blocks(self, view: int) -> list[int]:
        """Give the classes that each block holds, whatever address of their area they have."""
        inside: list[list[int]] = [[] for _ in self.vocabulary.blocks]
        listed: dict[int, list[int]] = {}
        for number, area in enumerate(self.area_of[view]):
            if area is None:
                continue
            blocks = listed.get(area)
            if blocks is None:
                blocks = listed[area] = bitset.members(self.blocks_of_area[area])
            for block in blocks:
                inside[block].append(number)
        return [bitset.make(found, self.classes.total) for found in inside]


def _views(classes: Classes) -> list[View]:
    """List the views that are needed to see every address of every end."""
    most = max((len(areas) for pair in classes.areas for areas in pair), default=1)
    both = any(ipv4 and ipv6 for ipv4, ipv6 in classes.areas)
    return [View(ipv6, index) for ipv6 in ((False, True) if both else (False,)) for index in range(max(most, 1))]


def _area(areas: tuple[tuple[int, ...], tuple[int, ...]], view: View) -> int | None:
    """Give the area by which an end is seen: of the other family where it has none, the last where it has few."""
    ipv4, ipv6 = areas
    seen = (ipv6 or ipv4) if view.ipv6 else (ipv4 or ipv6)
    return seen[min(view.index, len(seen) - 1)] if seen else None


def _declared(classes: Classes, vocabulary: Vocabulary) -> Iterable[tuple[Protocol, int, int]]:
    """List the numbers that named ports stand for."""
    names = vocabulary.port_names
    return {
        (port.protocol, port.number, port.number)
        for profile in classes.profiles
        for port in profile.named_ports
        if port.name in names
    }


def _destinations_by_port(classes: Classes, ports: PortAtoms) -> dict[tuple[str, Protocol], dict[int, int]]:
    """Give, for each port name and protocol, the port atoms it stands for and the classes that say so."""
    found: dict[tuple[str, Protocol], dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number, profile in enumerate(classes.profiles):
        for port in profile.named_ports:
            atom = ports.mask(port.protocol, port.number, port.number)
            if atom:
                found[port.name, port.protocol][atom].append(number)
    return {
        key: {atom: bitset.make(members, classes.total) for atom, members in by_atom.items()}
        for key, by_atom in found.items()
    }
