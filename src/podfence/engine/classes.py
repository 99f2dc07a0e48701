"""The ends of connections in classes: members of one class are alike to every policy.

Pods are projected to what policies can see, then merged when they are in exactly the same sets. Nodes,
hostNetwork pods, atoms of addresses and domain names are classes as well, so that one bitset can hold
whatever a rule speaks of. Numbers run: classes of pods first, then hosts, address atoms, domains.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from podfence.engine import bitset
from podfence.engine.atoms import AddressAtoms
from podfence.engine.budget import Room
from podfence.engine.index import LabelIndex
from podfence.engine.judge import Domain, global_addresses, possible_addresses
from podfence.engine.vocabulary import Projection, Vocabulary
from podfence.model.labels import Labels, Selector
from podfence.model.net import IPV6_ORIGIN, PRIVATE_IPV4, AddressRange
from podfence.model.objects import NamedPort, Node, Pod
from podfence.model.policy import PodPeer
from podfence.model.snapshot import Snapshot

Areas = tuple[tuple[int, ...], tuple[int, ...]]
"""The areas (numbers in ``Addresses.areas``) that an end's address can be in, IPv4 and IPv6 apart."""


class Profile(msgspec.Struct, frozen=True, gc=False):
    """What policies can see of a pod."""

    namespace: str
    labels: Labels
    named_ports: tuple[NamedPort, ...]
    areas: Areas


class Addresses:
    """Where the address of an end can be: areas, each a set of address atoms.

    An area of one atom is a known address. An area of many is an address that nobody has told; it is cut by the
    blocks of the ordered tiers only, since accepts of NetworkPolicies can be added up over an area.
    """

    def __init__(self, snapshot: Snapshot, vocabulary: Vocabulary) -> None:
        self._snapshot = snapshot
        unknown = [snapshot.pod_ranges, PRIVATE_IPV4]
        if vocabulary.domains:
            unknown.append(global_addresses(snapshot))
        self.atoms = AddressAtoms([*vocabulary.blocks, *unknown])
        self.areas: list[int] = []
        self._numbers: dict[int, int] = {}
        self._known: dict[tuple[AddressRange, ...], Areas] = {}
        self._of_atom: dict[int, Areas] = {}
        numbers = vocabulary.blocks
        self._ordered = sum(1 << numbers[block] for block in vocabulary.ordered_blocks)
        self.block_mask = bitset.span(0, len(numbers))
        self._areas_of_piece = [self.of_atom(atom) for atom in self.atoms.atom_of_piece]

    def of_pod(self, pod: Pod) -> Areas:
        """Give the areas of a pod that is not on the host network."""
        return self.of_ranges(possible_addresses(self._snapshot, pod))

    def of_address(self, address: int) -> Areas:
        """Give the areas of an end that has one known address."""
        return self._areas_of_piece[bisect_right(self.atoms.starts, address) - 1]

    def of_host(self, host: Pod | Node) -> Areas:
        """Give the areas of a node or a hostNetwork pod."""
        return self.of_ranges(possible_addresses(self._snapshot, host))

    def of_domain(self, name: str) -> Areas:
        """Give the areas of a host known by name."""
        return self.of_ranges(possible_addresses(self._snapshot, Domain(name)))

    def of_atom(self, atom: int) -> Areas:
        """Give the areas of an address atom: the atom itself."""
        areas = self._of_atom.get(atom)
        if areas is None:
            area = self._number(1 << atom)
            first = self.atoms.atoms[atom].ranges[0].first
            areas = self._of_atom[atom] = ((area,), ()) if first < IPV6_ORIGIN else ((), (area,))
        return areas

    def of_ranges(self, ranges: tuple[AddressRange, ...]) -> Areas:
        """Give the areas of addresses that can be anywhere in some ranges."""
        areas = self._known.get(ranges)
        if areas is None:
            areas = self._known[ranges] = self._areas(ranges)
        return areas

    def _areas(self, ranges: tuple[AddressRange, ...]) -> Areas:
        if all(piece.first == piece.last for piece in ranges):
            atoms = dict.fromkeys(self.atoms.find(piece.first) for piece in ranges)
            groups = [(self.atoms.atoms[atom].ranges[0].first, 1 << atom) for atom in sorted(atoms)]
        else:
            parts: dict[tuple[bool, int], list[int]] = defaultdict(list)
            for number in self.atoms.within(ranges):
                atom = self.atoms.atoms[number]
                parts[atom.ranges[0].first >= IPV6_ORIGIN, atom.blocks & self._ordered].append(number)
            groups = [(self.atoms.atoms[part[0]].ranges[0].first, bitset.make(part)) for part in parts.values()]
        ipv4 = tuple(self._number(area) for first, area in groups if first < IPV6_ORIGIN)
        ipv6 = tuple(self._number(area) for first, area in groups if first >= IPV6_ORIGIN)
        return ipv4, ipv6

    def _number(self, area: int) -> int:
        number = self._numbers.setdefault(area, len(self._numbers))
        if number == len(self.areas):
            self.areas.append(area)
        return number


class PodSets:
    """The pods that subjects and peers select, as bitsets over profiles; each distinct one evaluated once."""

    def __init__(self, snapshot: Snapshot, profiles: Sequence[Profile]) -> None:
        self._pods = LabelIndex([profile.labels for profile in profiles])
        self._namespaces = [namespace.name for namespace in snapshot.namespaces]
        self._namespace_index = LabelIndex([namespace.labels for namespace in snapshot.namespaces])
        by_namespace: dict[str, list[int]] = defaultdict(list)
        for number, profile in enumerate(profiles):
            by_namespace[profile.namespace].append(number)
        self._in_namespace = {name: bitset.make(found) for name, found in by_namespace.items()}
        self._in_selected: dict[Selector, int] = {}
        self._known: dict[PodPeer, int] = {}

    def select(self, peer: PodPeer) -> int:
        """Give the profiles that a subject or peer selects."""
        found = self._known.get(peer)
        if found is None:
            found = self._known[peer] = self._scope(peer) & self._pods.select(peer.pod_selector)
        return found

    def _scope(self, peer: PodPeer) -> int:
        if peer.namespace is not None:
            return self._in_namespace.get(peer.namespace, 0)
        selector = peer.namespace_selector or Selector()
        found = self._in_selected.get(selector)
        if found is None:
            found = 0
            for number in bitset.members(self._namespace_index.select(selector)):
                found |= self._in_namespace.get(self._namespaces[number], 0)
            self._in_selected[selector] = found
        return found


class Classes:
    """Every end of the snapshot in its class.

    ``of_pod[i]`` and ``of_node[i]`` are the classes of the snapshot's pods and nodes, by position. ``pods`` is
    the number of classes of governed pods, ``total`` of all classes. ``profiles`` and ``sizes`` (pods that a
    class stands for) are for classes of governed pods; the classes of one namespace are neighbours. ``sets`` are
    the distinct sets of pods that subjects and peers select, ``set_number`` tells which one a peer selects.
    """

    def __init__(self, snapshot: Snapshot, vocabulary: Vocabulary, room: Room) -> None:
        self.addresses = Addresses(snapshot, vocabulary)
        self.areas: list[Areas] = []
        profile_of_pod, profiles, sizes = _profiles(snapshot, vocabulary, self.addresses)
        ends = len(profiles) + len(self.addresses.atoms.atoms) + len(snapshot.nodes)
        room.require(ends)
        self.selections = PodSets(snapshot, profiles)
        numbers_of: dict[int, int] = {}
        self.set_number = {
            peer: numbers_of.setdefault(self.selections.select(peer), len(numbers_of)) for peer in vocabulary.pod_peers
        }
        room.require(ends, members=sum(found.bit_count() for found in numbers_of))
        self._merge([bitset.members(found) for found in numbers_of], profile_of_pod, profiles, sizes)
        self.hosts: list[Pod | Node] = []
        self._add_hosts(snapshot, vocabulary)
        self.first_atom = len(self.areas)
        self.areas.extend(self.addresses.of_atom(atom) for atom in range(len(self.addresses.atoms.atoms)))
        self.domains = {name: len(self.areas) + number for number, name in enumerate(sorted(vocabulary.domains))}
        self.areas.extend(self.addresses.of_domain(name) for name in self.domains)
        self.total = len(self.areas)
        self.everything = bitset.span(0, self.total)

    def select(self, peer: PodPeer) -> int:
        """Give the classes that a subject or peer selects."""
        return self.sets[self.set_number[peer]]

    def _merge(
        self, member_lists: list[list[int]], profile_of_pod: list[int], profiles: list[Profile], sizes: list[int]
    ) -> None:
        """Merge profiles of one namespace that are in the same sets, with the same named ports and addresses."""
        containing: list[list[int]] = [[] for _ in profiles]
        for set_number, listed in enumerate(member_lists):
            for member in listed:
                containing[member].append(set_number)
        numbers: dict[tuple[object, ...], int] = {}
        class_of_profile: list[int] = []
        self.profiles: list[Profile] = []
        self.sizes: list[int] = []
        for number, profile in enumerate(profiles):
            key = (profile.namespace, tuple(containing[number]), profile.named_ports, profile.areas)
            found = numbers.setdefault(key, len(numbers))
            if found == len(self.profiles):
                self.profiles.append(profile)
                self.sizes.append(0)
                self.areas.append(profile.areas)
            class_of_profile.append(found)
            self.sizes[found] += sizes[number]
        self.pods = len(self.profiles)
        self.sets = [bitset.make({class_of_profile[member] for member in listed}) for listed in member_lists]
        self.of_pod = [class_of_profile[number] if number >= 0 else -1 for number in profile_of_pod]

    def _add_hosts(self, snapshot: Snapshot, vocabulary: Vocabulary) -> None:
        """Class nodes and hostNetwork pods by their addresses and by the node selectors that find them."""
        nodes = {node.name: node for node in snapshot.nodes}
        numbers: dict[tuple[object, ...], int] = {}

        def class_of(host: Pod | Node) -> int:
            node = nodes.get(host.node or "") if isinstance(host, Pod) else host
            labels = dict(node.labels) if node is not None else {}
            found = tuple(selector.matches(labels) for selector in vocabulary.node_selectors)
            areas = self.addresses.of_host(host)
            number = numbers.setdefault((areas, node is None, found), self.pods + len(numbers))
            if number == len(self.areas):
                self.areas.append(areas)
                self.hosts.append(host)
            return number

        self.of_node = [class_of(node) for node in snapshot.nodes]
        for position, pod in enumerate(snapshot.pods):
            if pod.host_network:
                self.of_pod[position] = class_of(pod)


def _profiles(
    snapshot: Snapshot, vocabulary: Vocabulary, addresses: Addresses
) -> tuple[list[int], list[Profile], list[int]]:
    """Project every governed pod: the profile of each pod (-1 for host network), the profiles, their sizes."""
    project = Projection(vocabulary.pod_selectors)
    names = vocabulary.port_names
    numbers: dict[tuple[object, ...], int] = {}
    # Replicas share their label set and ports: recognising them by identity spares hashing both for each pod.
    replicas: dict[tuple[str, int, int, int], int] = {}
    profile_of_pod: list[int] = []
    profiles: list[Profile] = []
    sizes: list[int] = []
    of_address, of_pod = addresses.of_address, addresses.of_pod
    for pod in snapshot.pods:
        if pod.host_network:
            profile_of_pod.append(-1)
            continue
        known = pod.addresses
        areas = of_address(known[0]) if len(known) == 1 else of_pod(pod)
        seen = (pod.namespace, id(pod.labels), id(pod.named_ports), id(areas))
        number = replicas.get(seen, -1)
        if number < 0:
            named = tuple(port for port in pod.named_ports if port.name in names)
            key = (pod.namespace, project(pod.labels), named, areas)
            number = replicas[seen] = numbers.setdefault(key, len(numbers))
            if number == len(profiles):
                profiles.append(Profile(*key))
                sizes.append(0)
        profile_of_pod.append(number)
        sizes[number] += pod.count
    return profile_of_pod, profiles, sizes
