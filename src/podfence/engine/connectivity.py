"""Who reaches whom, between the endpoints that people know.

Endpoints of one class share what they reach, so that is found once for all of them. Here the two rules are added
that classes cannot know: a pod is always reached from its own node, and talking to oneself is no connection
between two ends.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

import msgspec

from podfence.engine import bitset
from podfence.engine.compile import Program
from podfence.engine.endpoints import Endpoint, Grouping, endpoints
from podfence.engine.frame import Frame
from podfence.engine.reach import Reach
from podfence.model.policy import PortRange
from podfence.model.snapshot import Snapshot

_KEPT_TARGETS = 400_000
"""Targets of classes that are remembered, some 25 MB of them: most endpoints of a class are near each other."""

_MOST_PARTS = 64
"""Parts into which a row is cut at most; beyond that, cutting costs more than it saves."""

Targets = list[tuple[int, int]]
"""Destinations of one source: the number of the endpoint and the port atoms, in order of endpoints."""


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """What one source reaches: all of ``targets`` but the one at position ``left_out``, which is the source itself.

    The list is shared with other sources of the class: read it, never change it.
    """

    targets: Targets
    left_out: int | None = None

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for position, target in enumerate(self.targets):
            if position != self.left_out:
                yield target


class Connectivity:
    """All endpoints of a snapshot, sorted by id, and what each reaches.

    Connections between two ends of which neither is a pod are no business of any policy and are left out.
    """

    def __init__(self, snapshot: Snapshot, grouping: Grouping, program: Program | None = None) -> None:
        self.snapshot = snapshot
        self.grouping = grouping
        self.program = program or Program(Frame(snapshot))
        self._reach = Reach(self.program)
        self.endpoints: tuple[Endpoint, ...] = endpoints(snapshot, grouping, self.program)
        self._endpoints_of: list[list[int]] = [[] for _ in range(self.program.classes.total)]
        self._running_on: dict[str, list[int]] = defaultdict(list)
        for number, endpoint in enumerate(self.endpoints):
            for found in endpoint.classes:
                self._endpoints_of[found].append(number)
            for node in endpoint.runs_on:
                self._running_on[node].append(number)
        with_pods = {found for endpoint in self.endpoints if endpoint.has_pods for found in endpoint.classes}
        self._classes_of_pods = bitset.make(with_pods)
        self._kept: dict[tuple[tuple[int, ...], bool], Targets] = {}
        self._room = _KEPT_TARGETS
        self._governed = bitset.span(0, self.program.classes.pods)
        self._namespace_ends = self._last_classes()

    def ports(self, mask: int) -> tuple[PortRange, ...] | None:
        """Write port atoms as ranges; ``None`` is all traffic of every protocol."""
        return None if mask == self.program.ports.everything else self.program.ports.ranges(mask)

    def connections(self) -> Iterator[tuple[int, Outgoing]]:
        """Give, for each endpoint in order, what it reaches."""
        for number in range(len(self.endpoints)):
            yield number, self.outgoing(number)

    def outgoing(self, source: int) -> Outgoing:
        """Give what one endpoint reaches, itself included when it stands for more than one pod."""
        endpoint = self.endpoints[source]
        if endpoint.kind == "Namespace":
            return Outgoing(self._with_own_node(endpoint, self._union(source)))
        shared = self._shared_targets(endpoint)
        if endpoint.host_nodes:
            shared = self._with_own_node(endpoint, shared)
        return Outgoing(shared, None if endpoint.repeated else _position(shared, source))

    def reached(self, source: int) -> dict[int, int]:
        """Give what one class reaches: port atoms to classes. Rules that classes cannot know are not in it."""
        return self._reach.row(source).reached

    def _shared_targets(self, endpoint: Endpoint) -> Targets:
        """Give what the class of an endpoint reaches, remembered for the next endpoint of the same class."""
        # Nodes may share a class with hostNetwork pods, which unlike nodes connect with what is not a pod.
        key = (endpoint.classes, endpoint.has_pods)
        known = self._kept.get(key)
        if known is None:
            reached = self._reach.row(endpoint.classes[0]).reached
            if not endpoint.has_pods:
                reached = {mask: classes & self._classes_of_pods for mask, classes in reached.items()}
            found = self._found(reached)
            if not endpoint.has_pods:
                found = {number: mask for number, mask in found.items() if self.endpoints[number].has_pods}
            known = _in_order(found)
            self._keep(key, known)
        return known

    def _keep(self, key: tuple[tuple[int, ...], bool], targets: Targets) -> None:
        self._room -= len(targets)
        while self._room < 0 and self._kept:
            self._room += len(self._kept.pop(next(iter(self._kept))))
        self._kept[key] = targets

    def _with_own_node(self, endpoint: Endpoint, targets: Targets) -> Targets:
        """Add that whatever runs on the node that a source is gets all of its traffic."""
        own = [number for node in endpoint.host_nodes for number in self._running_on.get(node, ())]
        if not own:
            return targets
        return _in_order({**dict(targets), **dict.fromkeys(own, self.program.ports.everything)})

    def _union(self, source: int) -> Targets:
        """Give what any pod of a namespace reaches, other pods of the namespace among it."""
        endpoint = self.endpoints[source]
        own = bitset.make(endpoint.classes)
        reached: dict[int, int] = {}
        inside = 0
        for number in endpoint.classes:
            others = own if number in endpoint.repeated else own & ~(1 << number)
            for mask, classes in self._reach.row(number).reached.items():
                reached[mask] = reached.get(mask, 0) | classes
                if classes & others:
                    inside |= mask
        found = self._found(reached)
        # Nobody is a connection of his own; and classes of hostNetwork pods may be at home in several namespaces.
        found.pop(source, None)
        if inside:
            found[source] = inside
        return _in_order(found)

    def _found(self, reached: dict[int, int]) -> dict[int, int]:
        """Give the endpoints behind a row, each with its port atoms."""
        found: dict[int, int] = {}
        for mask, classes in disjoint(reached):
            numbers = self._numbers_in(classes)
            if not found:
                found = dict.fromkeys(numbers, mask)
                continue
            for number in numbers:
                found[number] = found.get(number, 0) | mask
        return found

    def _numbers_in(self, classes: int) -> list[int]:
        """List the endpoints that have one of the classes, some of them more than once."""
        endpoints_of = self._endpoints_of
        if self.grouping is not Grouping.NAMESPACE:
            return [number for found in bitset.members(classes) for number in endpoints_of[found]]
        pods = self.program.classes.pods
        numbers = [number for found in bitset.members(classes >> pods) for number in endpoints_of[found + pods]]
        governed = classes & self._governed
        if governed:
            low = (governed & -governed).bit_length() - 1
            text = bin(governed >> low)[:1:-1]
            found = 0
            while found >= 0:
                numbers.append(endpoints_of[low + found][0])
                found = text.find("1", self._namespace_ends[low + found] - low)
        return numbers

    def _last_classes(self) -> list[int]:
        """Give, for each class of governed pods, the first class of the next namespace."""
        profiles = self.program.classes.profiles
        ends = [len(profiles)] * len(profiles)
        for number in range(len(profiles) - 2, -1, -1):
            same = profiles[number].namespace == profiles[number + 1].namespace
            ends[number] = ends[number + 1] if same else number + 1
        return ends


def disjoint(reached: dict[int, int]) -> list[tuple[int, int]]:
    """Cut a row so that no class is in two parts, as long as that makes few parts: each with all its port atoms."""
    parts: list[tuple[int, int]] = []
    for mask, classes in reached.items():
        rest = classes
        cut: list[tuple[int, int]] = []
        for ports, known in parts:
            both = known & rest
            if both:
                cut.append((ports | mask, both))
                rest &= ~both
            if known != both:
                cut.append((ports, known & ~both))
        if rest:
            cut.append((mask, rest))
        if len(cut) > _MOST_PARTS:
            return list(reached.items())
        parts = cut
    return parts


def _in_order(found: dict[int, int]) -> Targets:
    return [(number, found[number]) for number in sorted(found)]


def _position(targets: Targets, source: int) -> int | None:
    """Find a source among its own targets, by bisection."""
    position = bisect_left(targets, (source, 0))
    return position if position < len(targets) and targets[position][0] == source else None
