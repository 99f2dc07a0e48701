"""What a change opens and closes: the connections of endpoints that are there before and after.

Rows of both programs are compared bit by bit, so that what did not change costs one comparison for each class. An
endpoint whose class changed (its labels, its ports) is looked up by the class that it had and the one that it has.
What changes for possible pods and nodes is kept class by class: they stand for many (``witnesses``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

import msgspec

from podfence.engine import bitset
from podfence.engine.endpoints import (
    Endpoint,
    Grouping,
    node_endpoints,
    outside_endpoints,
    pod_endpoints,
    possible_endpoints,
    workload_endpoints,
)
from podfence.engine.joint import Joint, Side
from podfence.engine.namesakes import Member, Namesakes
from podfence.engine.possible import POSSIBLE_POD
from podfence.engine.reach import Reach, Row
from podfence.model.net import union
from podfence.model.objects import Node
from podfence.model.policy import PortRange


class Pair(msgspec.Struct, frozen=True, gc=False):
    """One endpoint as it was and as it is; outside endpoints are the same on both sides."""

    before: Endpoint
    after: Endpoint

    @property
    def classes(self) -> tuple[int, int]:
        """The class that it had and the one that it has."""
        return self.before.classes[0], self.after.classes[0]


class Link(msgspec.Struct, frozen=True, gc=False):
    """Connections between two endpoints on some ports, which are a set of port atoms of the joint frame."""

    source: Pair
    destination: Pair
    ports: int


class Unseen(msgspec.Struct, frozen=True, gc=False):
    """Connections that opened or closed and of which one end at least is possible: class by class, on some ports.

    Each of ``sources`` with each of ``destinations`` (bitsets of ``Difference.number``) is such a connection, but for
    those of which both ends are of the input.
    """

    opened: bool
    ports: int
    sources: int
    destinations: int


class Difference(msgspec.Struct, frozen=True):
    """What opened and closed between ``pairs``, and the endpoints that came and went.

    ``possible`` are pairs that are not in the input, ``unseen`` what opened and closed for them. ``moved`` numbers the
    classes that pairs had and have where these differ.
    """

    joint: Joint
    pairs: tuple[Pair, ...]
    opened: tuple[Link, ...]
    closed: tuple[Link, ...]
    added: tuple[Endpoint, ...]
    removed: tuple[Endpoint, ...]
    possible: tuple[Pair, ...] = ()
    unseen: tuple[Unseen, ...] = ()
    moved: Mapping[tuple[int, int], int] = MappingProxyType({})

    def number(self, pair: Pair) -> int:
        """Give the number of a pair in ``unseen``: its class, or one behind all classes where that changed."""
        return self.moved.get(pair.classes, pair.classes[0])

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing opened, closed, came or went."""
        return not (self.opened or self.closed or self.added or self.removed or self.unseen)

    def ports(self, link: Link) -> tuple[PortRange, ...] | None:
        """Write the ports of a link as ranges; ``None`` is all traffic of every protocol."""
        atoms = self.joint.frame.ports
        return None if link.ports == atoms.everything else atoms.ranges(link.ports)


def difference(joint: Joint, grouping: Grouping = Grouping.WORKLOAD) -> Difference:
    """Compare two sides; ``grouping`` is by pod or by workload."""
    old, new = (_inside(side, grouping, joint.possible.nodes) for side in (joint.before, joint.after))
    pairs, added, removed = _match(old, new)
    outside = [Pair(endpoint, endpoint) for endpoint in outside_endpoints(joint.frame.snapshot, joint.after.program)]
    everyone = sorted((*pairs, *outside), key=lambda pair: pair.after.id)
    possible = _possible(joint)
    moved = _numbered((*pairs, *possible), joint.frame.classes.total)
    comparison = _Comparison(joint, everyone, possible, moved)
    opened, closed = comparison.run()
    together = _Together(opened, closed)
    return Difference(
        joint=joint,
        pairs=tuple(together.pairs(everyone)),
        opened=tuple(together.links(opened)),
        closed=tuple(together.links(closed)),
        added=tuple(sorted(added, key=lambda endpoint: endpoint.id)),
        removed=tuple(sorted(removed, key=lambda endpoint: endpoint.id)),
        possible=tuple(possible),
        unseen=tuple(comparison.unseen()),
        moved=moved,
    )


def _possible(joint: Joint) -> list[Pair]:
    """Pair what is possible with itself: it is on both sides, alike but for the labels of its namespace."""
    old, new = (
        possible_endpoints(
            ((pod, number) for pod, number in side.pods if pod.workload[0] == POSSIBLE_POD),
            ((node, number) for node, number in side.nodes if node in joint.possible.nodes),
            side.program,
        )
        for side in (joint.before, joint.after)
    )
    before = {endpoint.id: endpoint for endpoint in old}
    return [Pair(before[endpoint.id], endpoint) for endpoint in new]


def _numbered(pairs: Iterable[Pair], first: int) -> Mapping[tuple[int, int], int]:
    """Give numbers to the classes that pairs had and have where these differ."""
    moved = sorted({pair.classes for pair in pairs if pair.before.classes != pair.after.classes})
    return {classes: first + number for number, classes in enumerate(moved)}


def _inside(side: Side, grouping: Grouping, possible: Collection[Node]) -> list[Endpoint]:
    if grouping is Grouping.NAMESPACE:
        raise ValueError("a difference is between pods or workloads")
    make = pod_endpoints if grouping is Grouping.POD else workload_endpoints
    pods = [item for item in side.pods if item[0].workload[0] != POSSIBLE_POD]
    nodes = [item for item in side.nodes if item[0] not in possible]
    return [*make(pods, side.program), *node_endpoints(nodes)]


def _match(old: Iterable[Endpoint], new: Iterable[Endpoint]) -> tuple[list[Pair], list[Endpoint], list[Endpoint]]:
    """Find each endpoint on the other side; what is found on one side only came or went.

    The parts of a workload that policies tell apart are matched by their class, the rest of them in order.
    """
    before, after = _by_name(old), _by_name(new)
    pairs: list[Pair] = []
    added: list[Endpoint] = []
    removed: list[Endpoint] = []
    for name in dict.fromkeys((*before, *after)):
        left, came = list(before.get(name, ())), []
        for endpoint in after.get(name, ()):
            same = next((item for item in left if item.classes == endpoint.classes), None)
            if same is None:
                came.append(endpoint)
            else:
                left.remove(same)
                pairs.append(Pair(same, endpoint))
        pairs.extend(Pair(was, now) for was, now in zip(left, came, strict=False))
        removed.extend(left[len(came) :])
        added.extend(came[len(left) :])
    return pairs, added, removed


def _by_name(endpoints: Iterable[Endpoint]) -> dict[tuple[str, str | None, str], list[Endpoint]]:
    found: dict[tuple[str, str | None, str], list[Endpoint]] = defaultdict(list)
    for endpoint in endpoints:
        found[endpoint.kind, endpoint.namespace, endpoint.name.partition("#")[0]].append(endpoint)
    return found


def _excluded(joint: Joint, pairs: Iterable[Pair], moved: Mapping[tuple[int, int], int]) -> Mapping[int, int]:
    """Give the numbers of pairs with those that no connection leads to."""
    namesakes = Namesakes(joint.possible)
    members: dict[int, set[Member]] = defaultdict(set)
    for pair in pairs if namesakes else ():
        members[moved.get(pair.classes, pair.classes[0])].add((pair.after.namespace, pair.after.is_possible))
    return namesakes.excluded(members)


class _Comparison:
    """Compares the rows of every source."""

    def __init__(
        self, joint: Joint, pairs: Sequence[Pair], possible: Sequence[Pair], moved: Mapping[tuple[int, int], int]
    ) -> None:
        self._pairs = pairs
        self._possible = bitset.make({pair.classes[0] for pair in possible if pair.classes not in moved})
        self._relabelled = {
            pair.classes: moved[pair.classes]
            for pair in (*possible, *pairs)
            if pair.classes in moved and pair.after.namespace in joint.relabelled
        }
        self._relabelled_possible = bitset.make({moved[pair.classes] for pair in possible if pair.classes in moved})
        with_pods = (pair for pair in (*pairs, *possible) if pair.after.has_pods)
        self._with_pods = bitset.make(
            {found for pair in with_pods for found in (*pair.classes, moved.get(pair.classes, pair.classes[0]))}
        )
        # A row is read for the first class of an endpoint outside; its others are alike.
        self._alike = {pair.classes[0]: bitset.make(pair.after.classes) for pair in pairs if pair.after.is_outside}
        self._excluded = _excluded(joint, (*pairs, *possible), moved)
        self._unseen: dict[tuple[bool, int, int], int] = defaultdict(int)
        self._reach = Reach(joint.before.program), Reach(joint.after.program)
        self._rows: tuple[dict[int, Row], dict[int, Row]] = ({}, {})
        self._all_ports = joint.frame.ports.everything
        self._same_at: list[list[int]] = [[] for _ in range(joint.frame.classes.total)]
        self._moved: list[int] = []
        same: list[int] = []
        for number, pair in enumerate(pairs):
            if pair.before.classes == pair.after.classes:
                for found in pair.after.classes:
                    self._same_at[found].append(number)
                    same.append(found)
            else:
                self._moved.append(number)
        self._same = bitset.make(same)
        self._running_on = tuple(_running_on(pairs, later=later) for later in (False, True))

    def run(self) -> tuple[list[Link], list[Link]]:
        """List what opened and what closed, by source and destination."""
        opened: list[Link] = []
        closed: list[Link] = []
        groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        for number, pair in enumerate(self._pairs):
            groups[pair.classes].append(number)
        for classes, sources in groups.items():
            changes = self._changes(*classes)
            for source in sources:
                for number, (more, less) in self._of_source(source, changes).items():
                    if more:
                        opened.append(Link(self._pairs[source], self._pairs[number], more))
                    if less:
                        closed.append(Link(self._pairs[source], self._pairs[number], less))
        for source in bitset.members(self._possible):
            self._note_row(source)
        if self._relabelled:
            self._note_relabelled()
        for links in (opened, closed):
            links.sort(key=lambda link: (link.source.after.id, link.destination.after.id))
        return opened, closed

    def unseen(self) -> Iterator[Unseen]:
        """Give what opened and closed for possible ends, once everything has been compared."""
        for (is_open, ports, destinations), sources in self._unseen.items():
            yield Unseen(is_open, ports, sources, destinations)

    def _note_row(self, source: int) -> None:
        """Note what changed from a possible class to all others."""
        old, new = self._row(0, source).reached, self._row(1, source).reached
        if old != new:
            for is_open, one, other in ((True, old, new), (False, new, old)):
                for ports, destinations in _beyond(one, other, self._same | self._possible):
                    self._note(source, ports, destinations, opened=is_open)

    def _note_relabelled(self) -> None:
        """Note what changed between possible ends and those of namespaces whose labels changed, possible or not."""
        for number in bitset.members(self._same | self._possible):
            self._note_towards_relabelled(number, (number, number))
        for classes, number in self._relabelled.items():
            old, new = self._row(0, classes[0]).reached, self._row(1, classes[1]).reached
            within = self._possible | (self._same if self._is_possible(number) else 0)
            for is_open, one, other in ((True, old, new), (False, new, old)):
                for ports, destinations in _beyond(one, other, within):
                    self._note(number, ports, destinations, opened=is_open)
            self._note_towards_relabelled(number, classes)

    def _note_towards_relabelled(self, source: int, classes: tuple[int, int]) -> None:
        for other, number in self._relabelled.items():
            if self._is_possible(source) or self._is_possible(number):
                was, now = (self._ports(later, classes[later], other[later]) for later in (0, 1))
                for is_open, ports in ((True, now & ~was), (False, was & ~now)):
                    if ports:
                        self._note(source, ports, 1 << number, opened=is_open)

    def _is_possible(self, number: int) -> bool:
        return bool((self._possible | self._relabelled_possible) >> number & 1)

    def _note(self, source: int, ports: int, destinations: int, *, opened: bool) -> None:
        """Note a change that possible ends take part in: one of the two ends at least has pods."""
        destinations &= ~self._excluded.get(source, 0)
        if not self._with_pods >> source & 1:
            destinations &= self._with_pods
        if destinations:
            self._unseen[opened, ports, destinations] |= self._alike.get(source, 1 << source)

    def _of_source(self, source: int, changes: Mapping[int, tuple[int, int]]) -> dict[int, tuple[int, int]]:
        """Give the changes of one source, out of those of its classes."""
        pair = self._pairs[source]
        found = {number: change for number, change in changes.items() if self._counts(source, number)}
        for number in self._near(pair):
            if self._counts(source, number):
                found[number] = self._looked_up(pair, self._pairs[number])
        return found

    def _counts(self, source: int, number: int) -> bool:
        """Tell whether a connection is one: between two ends, at least one of them a pod."""
        a, b = self._pairs[source], self._pairs[number]
        if source == number:
            return bool(a.before.repeated) and bool(a.after.repeated)
        return a.after.has_pods or b.after.has_pods

    def _near(self, pair: Pair) -> set[int]:
        """List the endpoints on the node that a source is: all of its traffic always enters them."""
        return {
            number
            for endpoint, running in zip((pair.before, pair.after), self._running_on, strict=True)
            for node in endpoint.host_nodes
            for number in running.get(node, ())
        }

    def _looked_up(self, source: Pair, destination: Pair) -> tuple[int, int]:
        ports = []
        for later, (a, b) in enumerate(((source.before, destination.before), (source.after, destination.after))):
            near = set(a.host_nodes) & set(b.runs_on)
            ports.append(self._all_ports if near else self._ports(later, a.classes[0], b.classes[0]))
        before, after = ports
        return after & ~before, before & ~after

    def _changes(self, before: int, after: int) -> dict[int, tuple[int, int]]:
        """Give, for each endpoint, the ports on which a source opens and closes towards it."""
        old, new = self._row(0, before), self._row(1, after)
        opened: dict[int, int] = defaultdict(int)
        closed: dict[int, int] = defaultdict(int)
        if old.reached != new.reached:
            for is_open, found, one, other in ((True, opened, old, new), (False, closed, new, old)):
                for ports, classes in _beyond(one.reached, other.reached, self._same | self._possible):
                    if before == after:
                        self._note(before, ports, classes & self._possible, opened=is_open)
                    listed = bitset.members(classes & self._same)
                    for number in dict.fromkeys(n for c in listed for n in self._same_at[c]):
                        found[number] |= ports
        for number in self._moved:
            c, d = self._pairs[number].classes
            was, now = self._ports(0, before, c), self._ports(1, after, d)
            if now & ~was:
                opened[number] = now & ~was
            if was & ~now:
                closed[number] = was & ~now
        return {number: (opened.get(number, 0), closed.get(number, 0)) for number in {**opened, **closed}}

    def _row(self, later: int, source: int) -> Row:
        known = self._rows[later].get(source)
        if known is None:
            self._rows[later].clear()
            known = self._rows[later][source] = self._reach[later].row(source)
        return known

    def _ports(self, later: int, source: int, destination: int) -> int:
        found = 0
        for ports, classes in self._row(later, source).reached.items():
            if classes >> destination & 1:
                found |= ports
        return found


def _running_on(pairs: Sequence[Pair], *, later: bool) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for number, pair in enumerate(pairs):
        for node in (pair.after if later else pair.before).runs_on:
            found[node].append(number)
    return found


def _beyond(before: Mapping[int, int], after: Mapping[int, int], within: int) -> Iterator[tuple[int, int]]:
    """List what one row reaches and another does not: port atoms with destination classes."""
    for ports, destinations in after.items():
        rest = ports
        for old_ports, old_destinations in before.items():
            shared = ports & old_ports
            if shared:
                rest &= ~old_ports
                if more := destinations & ~old_destinations & within:
                    yield shared, more
        if rest and destinations & within:
            yield rest, destinations & within


class _Together:
    """Joins outside endpoints that changed in the same way, so that a block cut in halves is told as one."""

    def __init__(self, *changes: Sequence[Link]) -> None:
        signs: dict[str, list[tuple[int, str, str, int]]] = defaultdict(list)
        outside: dict[str, Pair] = {}
        for number, links in enumerate(changes):
            for link in links:
                for role, pair, other in (
                    ("to", link.destination, link.source),
                    ("from", link.source, link.destination),
                ):
                    if pair.after.kind == "External":
                        outside[pair.after.id] = pair
                        signs[pair.after.id].append((number, role, other.after.id, link.ports))
        groups: dict[tuple[tuple[int, str, str, int], ...], list[Pair]] = defaultdict(list)
        for name, pair in outside.items():
            groups[tuple(sorted(signs[name]))].append(pair)
        self._joined = {pair.after.id: joined for found in groups.values() for pair, joined in _joined(found)}

    def pairs(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """Give each pair once, joined where it was."""
        found = {pair.after.id: pair for pair in (self._joined.get(pair.after.id, pair) for pair in pairs)}
        yield from (found[name] for name in sorted(found))

    def links(self, links: Iterable[Link]) -> Iterator[Link]:
        """Give each link once."""
        seen = set()
        for link in links:
            source, destination = (self._joined.get(pair.after.id, pair) for pair in (link.source, link.destination))
            key = (source.after.id, destination.after.id, link.ports)
            if key not in seen:
                seen.add(key)
                yield Link(source, destination, link.ports)


def _joined(pairs: Sequence[Pair]) -> Iterator[tuple[Pair, Pair]]:
    if len(pairs) < 2:
        return
    ranges = union(piece for pair in pairs for piece in pair.after.ranges)
    classes = tuple(sorted(found for pair in pairs for found in pair.after.classes))
    name = str(ranges[0])
    endpoint = msgspec.structs.replace(pairs[0].after, id=f"external/{name}", name=name, classes=classes, ranges=ranges)
    joined = Pair(endpoint, endpoint)
    yield from ((pair, joined) for pair in pairs)
