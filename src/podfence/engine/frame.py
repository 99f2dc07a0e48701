"""The frame in which policies are written: classes of ends, atoms of ports and addresses, and what peers mean.

A frame is made for everything that a set of policies mentions. Programs of several policy sets can share one, so
that they can be held against each other class by class (``compare``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from podfence.engine import bitset
from podfence.engine.atoms import PortAtoms
from podfence.engine.budget import Room
from podfence.engine.classes import Areas, Classes
from podfence.engine.decide import name_covers
from podfence.engine.vocabulary import Vocabulary
from podfence.model.labels import Selector
from podfence.model.net import Protocol
from podfence.model.objects import Node
from podfence.model.policy import (
    AddressPeer,
    DomainPeer,
    NodePeer,
    Peer,
    PodPeer,
    Policy,
    PortMatch,
    PortName,
    PortRange,
    Rule,
)
from podfence.model.snapshot import Snapshot


class View(msgspec.Struct, frozen=True, gc=False):
    """One way to look at ends that can have several addresses: each by its ``index``-th area of a family."""

    ipv6: bool
    index: int


class Frame:
    """Classes, atoms and views for a snapshot and all the policies that will be written in it."""

    def __init__(self, snapshot: Snapshot, more: Iterable[Policy] = (), limit: int | None = None) -> None:
        """Make the frame; raises ``TooLargeError`` when it would take more than ``limit`` bytes."""
        self.snapshot = snapshot
        self.vocabulary = Vocabulary([*snapshot.policies, *more])
        self.classes = Classes(snapshot, self.vocabulary, Room(snapshot, self.vocabulary, limit))
        self.views = _views(self.classes)
        self.ports = PortAtoms([*self.vocabulary.port_ranges, *_declared(self.classes, self.vocabulary)])
        self._destinations = _destinations_by_port(self.classes, self.ports)
        self.area_of = [[_area(areas, view) for areas in self.classes.areas] for view in self.views]
        self.blocks_of_area = [self._blocks_around(area) for area in self.classes.addresses.areas]
        self._block_classes = [self._classes_in_blocks(view) for view in range(len(self.views))]
        self._all_traffic = [(self.ports.everything, self.classes.everything)]
        self._port_pieces: dict[tuple[PortMatch, ...], list[tuple[int, int]]] = {}
        self._peer_sets: dict[tuple[Peer, bool], tuple[int, ...]] = {}

    def port_pieces(self, rule: Rule) -> Sequence[tuple[int, int]]:
        """Cut a rule's ports into sets of atoms, each with the destinations for which it holds."""
        if rule.ports is None:
            return self._all_traffic
        known = self._port_pieces.get(rule.ports)
        if known is None:
            known = self._port_pieces[rule.ports] = list(self._cut_ports(rule.ports))
        return known

    def _cut_ports(self, ports: tuple[PortMatch, ...]) -> Iterator[tuple[int, int]]:
        numbers = 0
        named: dict[int, int] = defaultdict(int)
        for port in ports:
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

    def peers_of(self, rule: Rule, *, unsure: bool = False) -> tuple[int, ...]:
        """Give the classes that a rule's peers mean, for each view; ``unsure``: or may mean."""
        if rule.peers is None:
            return (self.classes.everything,) * len(self.views)
        found = [0] * len(self.views)
        for peer in rule.peers:
            for number, classes in enumerate(self._peer_set(peer, unsure=unsure)):
                found[number] |= classes
        return tuple(found)

    def _peer_set(self, peer: Peer, *, unsure: bool) -> tuple[int, ...]:
        key = (peer, unsure)
        found = self._peer_sets.get(key)
        if found is None:
            found = self._peer_sets[key] = self._find_peer(peer, unsure=unsure)
        return found

    def _find_peer(self, peer: Peer, *, unsure: bool) -> tuple[int, ...]:
        everywhere = len(self.views)
        match peer:
            case PodPeer():
                return (self.classes.select(peer),) * everywhere
            case AddressPeer():
                block = self.vocabulary.blocks[peer.ranges]
                return tuple(classes[block] for classes in self._block_classes)
            case NodePeer():
                return (self._hosts(peer.selector, unsure=unsure),) * everywhere
            case DomainPeer():
                named = [
                    number
                    for name, number in self.classes.domains.items()
                    if any(name_covers(pattern, name) for pattern in peer.names)
                ]
                return (bitset.make(named),) * everywhere
            case _:
                raise AssertionError("unreadable peers end in fail_closed")

    def _hosts(self, selector: Selector, *, unsure: bool) -> int:
        nodes = {node.name: node for node in self.snapshot.nodes}
        found = []
        for number, host in enumerate(self.classes.hosts, start=self.classes.pods):
            node = host if isinstance(host, Node) else nodes.get(host.node or "")
            if selector.matches(dict(node.labels)) if node is not None else unsure or selector == Selector():
                found.append(number)
        return bitset.make(found)

    def atoms_of_peers(self, rule: Rule) -> int:
        """Give the address atoms in a rule's blocks, as classes."""
        if rule.peers is None:
            return self.classes.everything >> self.classes.first_atom << self.classes.first_atom
        found = 0
        for peer in rule.peers:
            if isinstance(peer, AddressPeer):
                atoms = self.classes.addresses.atoms.within(peer.ranges)
                found |= bitset.make([self.classes.first_atom + atom for atom in atoms])
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
        return [bitset.make(found) for found in inside]


def _views(classes: Classes) -> list[View]:
    """List the views that are needed to see every address of every end."""
    most = max((len(areas) for pair in classes.areas for areas in pair), default=1)
    both = any(ipv4 and ipv6 for ipv4, ipv6 in classes.areas)
    return [View(ipv6, index) for ipv6 in ((False, True) if both else (False,)) for index in range(max(most, 1))]


def _area(areas: Areas, view: View) -> int | None:
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
    return {key: {atom: bitset.make(members) for atom, members in by_atom.items()} for key, by_atom in found.items()}
