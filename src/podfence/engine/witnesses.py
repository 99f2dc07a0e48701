"""A few connections that show what a change means for pods that neither side holds.

Possible pods stand for many, so not all of their connections are told: for each changed rule that no connection of
the input shows, one for each peer that it means, with an end of the input at the other side where there is one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import chain

import msgspec

from podfence.engine import bitset
from podfence.engine.causes import Cause, Causes
from podfence.engine.difference import Difference, Link, Pair, Unseen
from podfence.engine.endpoints import Endpoint, outside_endpoints
from podfence.engine.namesakes import Namesakes
from podfence.engine.policy_changes import Identity

_MOST_JUDGED = 500
_MOST_OF_A_POLICY = 12
_MOST_OF_A_CAUSE = 8

Plain = Mapping[tuple[str, str], frozenset[Identity]]


class Witness(msgspec.Struct, frozen=True):
    """A connection that opened or closed, with a possible end, and the changed policies that caused it."""

    opened: bool
    link: Link
    causes: tuple[Cause, ...]


class _Candidate(msgspec.Struct, frozen=True):
    """A connection that may be a witness, with its possible ``ends`` and how it is ordered among others."""

    link: Link
    ends: tuple[Pair, ...]
    order: tuple[object, ...]


def witnesses(
    difference: Difference, causes: Causes, shown: Mapping[bool, Collection[tuple[Cause, ...]]]
) -> list[Witness]:
    """Choose witnesses for what opened and closed; ``shown`` are the causes that connections of the input have.

    Where something opened (or closed) for possible ends and nothing did in the input, there is always one.
    """
    if not difference.unseen:
        return []
    listing = _Listing(difference)
    found: list[Witness] = []
    for opened in (True, False):
        told = {cause for some in shown.get(opened, ()) for cause in some}
        groups: dict[tuple[Cause, ...], list[_Candidate]] = defaultdict(list)
        for candidate in _some(listing.candidates(opened=opened), difference.joint.possible.plain):
            why = causes.opened(candidate.link) if opened else causes.closed(candidate.link)
            if not (told.issuperset(why) if why else () in shown.get(opened, ())):
                groups[why].append(candidate)
        plain = difference.joint.possible.plain
        for why, candidates in groups.items():
            found += [Witness(opened, item.link, why) for item in _simplest(candidates, why, plain)]
    return found


def _some(candidates: Iterable[_Candidate], plain: Plain) -> Iterator[_Candidate]:
    """Leave as many as can be judged, the first of each policy that they are plain for."""
    judged: Counter[frozenset[Identity]] = Counter()
    for candidate in candidates:
        policies = frozenset(chain.from_iterable(plain.get(_name(end), ()) for end in candidate.ends))
        judged[policies] += 1
        if judged[policies] <= _MOST_OF_A_POLICY:
            yield candidate
        if judged.total() > _MOST_JUDGED:
            return


def _simplest(candidates: Iterable[_Candidate], why: tuple[Cause, ...], plain: Plain) -> Iterator[_Candidate]:
    """Give those of one cause that show it most simply: one for each peer that it means, else the first."""
    policies = {cause.ref.identity for cause in why}

    def rank(candidate: _Candidate) -> tuple[int, bool]:
        is_plain = all(plain.get(_name(end), frozenset()) & policies for end in candidate.ends)
        return len(candidate.ends), not is_plain

    ordered = sorted(candidates, key=rank)
    best = rank(ordered[0])
    seen: set[object] = set()
    for candidate in ordered[:1] if best[1] else [item for item in ordered if rank(item) == best][:_MOST_OF_A_CAUSE]:
        meant = frozenset((end.after.namespace, end.after.labels) for end in candidate.ends)
        shows = meant, candidate.link.source.after.is_outside
        if shows not in seen:
            seen.add(shows)
            yield candidate


def _name(end: Pair) -> tuple[str, str]:
    return end.after.namespace or "", end.after.name


class _Listing:
    """Lists connections of possible ends, each with one end for each kind that there is at the other side."""

    def __init__(self, difference: Difference) -> None:
        self._difference = difference
        self._plain = difference.joint.possible.plain
        self._possible: dict[int, list[Pair]] = defaultdict(list)
        for pair in sorted(difference.possible, key=self._order):
            self._possible[difference.number(pair)].append(pair)
        self._possible_classes = bitset.make(self._possible)
        self._namesakes = Namesakes(difference.joint.possible)
        self._first: dict[str, dict[int, dict[str | None, Pair]]] = {"pod": {}, "Node": {}, "Domain": {}}
        self._outside: list[tuple[int, int, Pair]] = []
        for pair in difference.pairs:
            if pair.after.kind == "External":
                size = sum(piece.last - piece.first + 1 for piece in pair.after.ranges)
                self._outside.append((size, bitset.make(pair.after.classes), pair))
            else:
                of_kind = self._first["pod" if pair.after.has_pods else pair.after.kind]
                of_kind.setdefault(difference.number(pair), {}).setdefault(self._contested(pair), pair)
        self._outside.sort(key=lambda item: (-item[0], item[2].after.id))
        self._classes = {kind: bitset.make(found) for kind, found in self._first.items()}
        self._partners: dict[tuple[int, bool, str | None], list[Pair]] = {}

    def candidates(self, *, opened: bool) -> list[_Candidate]:
        """List what may be a witness, the simplest first."""
        ports: dict[tuple[str, str], int] = defaultdict(int)
        ends: dict[tuple[str, str], tuple[Pair, Pair]] = {}
        for unseen in self._difference.unseen:
            if unseen.opened is opened:
                for source, destination in self._pairs_of(unseen):
                    key = source.after.id, destination.after.id
                    ends[key] = source, destination
                    ports[key] |= unseen.ports
        found = [self._candidate(Link(*pair, ports[key])) for key, pair in ends.items()]
        return sorted(found, key=lambda item: item.order)

    def _pairs_of(self, unseen: Unseen) -> Iterator[tuple[Pair, Pair]]:
        for number in bitset.members(unseen.destinations & self._possible_classes):
            for end in self._possible[number]:
                for partner in self._partners_in(unseen.sources, end):
                    yield partner, self._of_input(end, partner)
        for number in bitset.members(unseen.sources & self._possible_classes):
            for end in self._possible[number]:
                for partner in self._partners_in(unseen.destinations, end):
                    yield self._of_input(end, partner), partner

    def _of_input(self, end: Pair, partner: Pair) -> Pair:
        """Take a pod of the input for an end that is just like it, where the other end is possible."""
        alike = self._first["pod"].get(self._difference.number(end), {}) if partner.after.is_possible else {}
        return next((pair for pair in alike.values() if self._may_talk(pair, partner)), end)

    def _candidate(self, link: Link) -> _Candidate:
        ends = tuple(end for end in (link.source, link.destination) if end.after.is_possible)
        labels = sum(len(end.after.labels) for end in ends)
        simple = (len(ends), not all(self._is_plain(end) for end in ends), labels)
        return _Candidate(link, ends, (*simple, link.source.after.id, link.destination.after.id))

    def _partners_in(self, classes: int, end: Pair) -> list[Pair]:
        """Give an end of each kind among some classes; a possible one only where there is no other."""
        key = (classes, end.after.has_pods, self._contested(end))
        found = self._partners.get(key)
        if found is None:
            known = (pair for pair in self._known_partners(classes, end) if end.after.has_pods or pair.after.has_pods)
            found = self._partners[key] = list(known) or self._possible_partner(classes, end)
        return found

    def _possible_partner(self, classes: int, end: Pair) -> list[Pair]:
        listed = bitset.members(classes & self._possible_classes)
        possible = (pair for number in listed for pair in self._possible[number] if self._may_talk(pair, end))
        with_pods = (pair for pair in possible if end.after.has_pods or pair.after.has_pods)
        simplest = min(with_pods, key=self._order, default=None)
        return [] if simplest is None else [simplest]

    def _contested(self, pair: Pair) -> str | None:
        """Give the namespace of an end that cannot talk to everybody's."""
        return pair.after.namespace if self._namesakes.holds(pair.after.namespace) else None

    def _may_talk(self, one: Pair, other: Pair) -> bool:
        return not self._namesakes.excludes(one.after.namespace, other.after.namespace)

    def _known_partners(self, classes: int, end: Pair) -> Iterator[Pair]:
        listed = (self._first["pod"][number].values() for number in bitset.members(classes & self._classes["pod"]))
        pods = [pair for pairs in listed for pair in pairs if self._may_talk(pair, end)]
        outside = next((pair for _, held, pair in self._outside if not held & ~classes), None) or self._part(classes)
        if pods:
            yield min(pods, key=lambda pair: pair.after.id)
        if outside is not None:
            yield outside
        for kind in () if pods or outside is not None else ("Node", "Domain"):
            for number in bitset.members(classes & self._classes[kind])[:1]:
                yield from self._first[kind][number].values()

    def _part(self, classes: int) -> Pair | None:
        """Give the addresses of some classes where those that are told as one are not among them as a whole."""
        if not any(held & classes for _, held, _ in self._outside):
            return None
        held = [endpoint for endpoint in self._blocks if not bitset.make(endpoint.classes) & ~classes]
        if not held:
            return None
        largest = max(held, key=lambda endpoint: sum(piece.last - piece.first + 1 for piece in endpoint.ranges))
        endpoint = msgspec.structs.replace(largest, id=f"external/{','.join(map(str, largest.ranges))}")
        return Pair(endpoint, endpoint)

    @cached_property
    def _blocks(self) -> list[Endpoint]:
        joint = self._difference.joint
        listed = outside_endpoints(joint.frame.snapshot, joint.after.program)
        return [endpoint for endpoint in listed if endpoint.kind == "External"]

    def _order(self, pair: Pair) -> tuple[bool, int, str]:
        return (not self._is_plain(pair), len(pair.after.labels), pair.after.id)

    def _is_plain(self, pair: Pair) -> bool:
        return _name(pair) in self._plain
