"""What a draft changes in the whole cluster, found by the engine: all that opens, and that nothing closes.

All drafts of a question are proved in one frame, so that every one is held against the cluster as it is, class
by class.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from podfence.engine import bitset
from podfence.engine.compare import Change, opened
from podfence.engine.compile import Program
from podfence.engine.frame import Frame
from podfence.engine.judge import Domain, Outside, Party
from podfence.engine.question import Pair
from podfence.engine.reach import Reach
from podfence.model.net import AddressRange, format_address, intersect, union
from podfence.model.objects import Node, Pod
from podfence.model.policy import PortRange
from podfence.model.snapshot import Snapshot
from podfence.synthesis.affected import Affected
from podfence.synthesis.edit import Draft

_NAMED = 12
"""How many of the connections that open besides are named; the rest is counted."""


class Opened(msgspec.Struct, frozen=True, gc=False):
    """Connections that open besides what was asked, between two ends that people know; ``None`` is all traffic."""

    source: str
    destination: str
    ports: tuple[PortRange, ...] | None


class Proved(msgspec.Struct, frozen=True):
    """What a draft opens besides what was asked: in pairs of ends and in ports, and some of it by name."""

    draft: Draft
    pairs: int
    ports: int
    besides: tuple[Opened, ...]

    @property
    def cost(self) -> tuple[int, int, int]:
        """Order drafts: what else opens, and then how much there is to write."""
        return (self.pairs, self.ports, self.draft.lines)


class Proof:
    """Holds drafts against the cluster as it is.

    Raises ``TooLargeError`` when that would take more than ``limit`` bytes.
    """

    def __init__(
        self, snapshot: Snapshot, pairs: Sequence[Pair], drafts: Iterable[Draft], limit: int | None = None
    ) -> None:
        self._snapshot = snapshot
        more = [policy for draft in drafts for policy in draft.policies.values()]
        self._frame = Frame(snapshot, more=more, limit=limit)
        self._before = Reach(Program(self._frame))
        self._asked = _Asked(self._frame, snapshot, pairs)
        self._affected = Affected(self._frame, snapshot)
        self._owned = owned_atoms(self._frame, snapshot)

    @property
    def size(self) -> int:
        """How many classes of ends there are, which is what a proof costs."""
        return self._frame.classes.total

    def breadth(self, draft: Draft) -> int:
        """Say roughly how much a draft may open, without proving anything."""
        return self._affected.breadth(draft)

    def prove(self, draft: Draft) -> Proved | None:
        """Find out what opens besides what was asked; ``None`` when anything closes."""
        program = Program(self._frame, draft.on(self._snapshot).policies)
        if program.isolated != self._before.program.isolated:
            # Pods that are isolated now and were not before have lost what nobody thought to list.
            return None
        after = Reach(program)
        sources = bitset.members(self._affected.sources(draft))
        if any(self._real(change) for change in opened(after, self._before, sources)):
            return None
        pairs = ports = 0
        besides: dict[tuple[int, int], int] = defaultdict(int)
        for change in opened(self._before, after, sources):
            for destination in bitset.members(self._real(change)):
                others, more = self._asked.besides(change.source, destination, change.ports)
                pairs += others
                if others or more:
                    ports |= more if not others else change.ports
                    if len(besides) < _NAMED or (change.source, destination) in besides:
                        besides[change.source, destination] |= more if not others else change.ports
        extra = sum(piece.last - piece.first + 1 for piece in self._frame.ports.ranges(ports))
        return Proved(draft, pairs, extra, tuple(self._named(besides)))

    def _real(self, change: Change) -> int:
        """Give the destinations of a change without what is no connection.

        That is the one pod of a class that would talk to itself, and addresses that all have an owner: these
        are the owner's connections.
        """
        classes = self._frame.classes
        if self._owned >> change.source & 1:
            return 0
        destinations = change.destinations & ~self._owned
        if change.source < classes.pods and classes.sizes[change.source] > 1:
            return destinations
        return destinations & ~(1 << change.source)

    def _named(self, besides: dict[tuple[int, int], int]) -> Iterator[Opened]:
        names = _Names(self._frame, self._snapshot, {number for pair in besides for number in pair})
        merged: dict[tuple[str, str], int] = defaultdict(int)
        for (source, destination), ports in besides.items():
            merged[names.of(source), names.of(destination)] |= ports
        for (start, end), ports in sorted(merged.items()):
            whole = ports == self._frame.ports.everything
            yield Opened(start, end, None if whole else self._frame.ports.ranges(ports))


def owned_atoms(frame: Frame, snapshot: Snapshot) -> int:
    """Give the classes of address atoms in which every address is that of a pod or node."""
    classes = frame.classes
    addresses = {a for owners in (snapshot.pods, snapshot.nodes) for owner in owners for a in owner.addresses}
    owned = Counter(classes.addresses.atoms.find(address) for address in addresses)
    atoms = classes.addresses.atoms.atoms
    return bitset.make(
        [
            classes.first_atom + number
            for number, count in owned.items()
            if count == sum(piece.last - piece.first + 1 for piece in atoms[number].ranges)
        ]
    )


class _Asked:
    """The connections that were asked for, in classes and port atoms."""

    def __init__(self, frame: Frame, snapshot: Snapshot, pairs: Sequence[Pair]) -> None:
        self._frame = frame
        self._classes_of = _ClassesOf(frame, snapshot)
        self._pairs: dict[tuple[int, int], tuple[int, int]] = {}
        for pair in pairs:
            atoms = 1 << frame.ports.find(pair.protocol, pair.port)
            sources, destinations = self._weigh(pair.sources), self._weigh(pair.destinations)
            for source, several in sources.items():
                for destination, many in destinations.items():
                    ports, count = self._pairs.get((source, destination), (0, 0))
                    number = several * many if not ports & ~atoms else 0
                    self._pairs[source, destination] = (ports | atoms, max(count, number))

    def _weigh(self, parties: Iterable[Party]) -> Counter[int]:
        found: Counter[int] = Counter()
        hosts_in: set[tuple[int, str]] = set()
        for party in parties:
            for number in self._classes_of.find(party):
                if not isinstance(party, Pod | Node) or _host(party) is None:
                    found[number] += max(party.count, 1) if isinstance(party, Pod) else 1
                elif (number, _host(party)) not in hosts_in:
                    hosts_in.add((number, _host(party) or ""))
                    found[number] += 1
        return found

    def besides(self, source: int, destination: int, ports: int) -> tuple[int, int]:
        """Count the pairs of two classes that were not asked for, and give the ports that were not."""
        wanted, asked = self._pairs.get((source, destination), (0, 0))
        size = self._classes_of.size(source)
        total = size * (self._classes_of.size(destination) - (source == destination))
        return max(total - asked, 0) if wanted else total, ports & ~wanted


class _ClassesOf:
    """Finds the classes of ends, and how many ends a class has."""

    def __init__(self, frame: Frame, snapshot: Snapshot) -> None:
        self._frame = frame
        self._snapshot = snapshot
        self._by_workload: dict[tuple[str, tuple[str, str]], list[tuple[Pod, int]]] = {}
        hosts_in: dict[int, set[str]] = defaultdict(set)
        hosts: list[tuple[Pod | Node, int]] = [
            *zip(snapshot.pods, frame.classes.of_pod, strict=True),
            *zip(snapshot.nodes, frame.classes.of_node, strict=True),
        ]
        for host, number in hosts:
            name = _host(host)
            if name is not None:
                hosts_in[number].add(name)
        self._hosts = {number: len(found) for number, found in hosts_in.items()}

    def size(self, number: int) -> int:
        """Count the ends of a class: pods, or nodes and the pods on their networks, each for itself."""
        classes = self._frame.classes
        return max(classes.sizes[number], 1) if number < classes.pods else self._hosts.get(number, 1)

    def find(self, party: Party) -> list[int]:
        classes = self._frame.classes
        match party:
            case Pod():
                return [number for pod, number in self._members(party) if _stands_for(pod, party)][:1]
            case Node():
                pairs = zip(self._snapshot.nodes, classes.of_node, strict=True)
                return [number for node, number in pairs if node.name == party.name]
            case Domain():
                return [classes.domains[party.name]] if party.name in classes.domains else []
            case Outside():
                atoms = classes.addresses.atoms.atoms
                return [classes.first_atom + number for number, atom in enumerate(atoms) if _within(party, atom.ranges)]

    def _members(self, pod: Pod) -> list[tuple[Pod, int]]:
        key = (pod.namespace, pod.workload)
        if key not in self._by_workload:
            pairs = zip(self._snapshot.pods, self._frame.classes.of_pod, strict=True)
            self._by_workload[key] = [(p, n) for p, n in pairs if p.workload == key[1] and p.namespace == key[0]]
        return self._by_workload[key]


def _host(host: Pod | Node) -> str | None:
    """Name an end that is on the network of a node; ``None`` for a pod that has a network of its own."""
    if isinstance(host, Node):
        return f"node {host.name}"
    return f"pod {host.namespace}/{host.name}" if host.host_network else None


def _stands_for(pod: Pod, asked: Pod) -> bool:
    """Tell whether a pod of a workload is the one asked about, or the template that it comes from."""
    # A workload has one template, a DaemonSet one for each node.
    return pod.node == asked.node if pod.from_template else pod.name == asked.name


def _within(party: Outside, ranges: tuple[AddressRange, ...]) -> bool:
    """Tell whether all addresses of an atom were asked about."""
    return intersect(party.ranges, ranges) == union(ranges)


class _Names:
    """Names classes as people know their members."""

    def __init__(self, frame: Frame, snapshot: Snapshot, wanted: set[int]) -> None:
        classes = frame.classes
        found: dict[int, dict[str, None]] = defaultdict(dict)
        for pod, number in zip(snapshot.pods, classes.of_pod, strict=True):
            if number in wanted:
                found[number][f"{pod.namespace}/{pod.workload[1] or pod.name}"] = None
        for node, number in zip(snapshot.nodes, classes.of_node, strict=True):
            if number in wanted:
                found[number][f"node/{node.name}"] = None
        for name, number in classes.domains.items():
            found[number][f"domain/{name}"] = None
        for number in wanted:
            if number >= classes.first_atom and number not in found:
                ranges = classes.addresses.atoms.atoms[number - classes.first_atom].ranges
                first = ranges[0]
                written = format_address(first.first) if first.first == first.last else str(first)
                found[number][f"outside {written}{' and more' if len(ranges) > 1 else ''}"] = None
        self._found = found

    def of(self, number: int) -> str:
        """Name one class; one of many members by the first few."""
        names = list(self._found[number])
        return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
