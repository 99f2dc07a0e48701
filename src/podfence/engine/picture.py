"""A map by groups of endpoints that reach and are reached alike, so that it grows with what differs, not with pairs.

Two rules stand outside the rows, as they do in ``connectivity``: whatever runs on a node is always reached from it
(``near``), and talking to oneself is no connection unless an endpoint stands for several pods (``repeated``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from podfence.engine import bitset
from podfence.engine.compile import Program
from podfence.engine.connectivity import Connectivity, disjoint
from podfence.engine.difference import Difference
from podfence.engine.endpoints import Endpoint, Grouping
from podfence.engine.excerpt import Excerpt
from podfence.engine.frame import Frame


class Variant(msgspec.Struct, frozen=True):
    """What else than its class tells an endpoint's connections: has it pods, and how each scope looks at it.

    ``roles`` are, for each scope of the excerpt, whether it is among the sources and among the destinations.
    """

    has_pods: bool
    roles: tuple[tuple[bool, bool], ...]

    def may_reach(self, other: Variant) -> bool:
        """Tell whether connections to another variant are any: one end has pods, and every scope shows it."""
        if not (self.has_pods or other.has_pods):
            return False
        return all(source or destination for (source, _), (_, destination) in zip(self.roles, other.roles, strict=True))


class Part(msgspec.Struct, frozen=True, gc=False):
    """Some of what a group reaches: ``groups`` on all of ``ports`` (atoms) and on no others."""

    ports: int
    groups: int


class Picture:
    """The groups of an excerpt. A group is a number below ``size``; ``members`` lists the endpoints of each.

    Numbers run by variant, then by class; those without an endpoint are in no row. Endpoints must be pods or
    workloads, for a namespace is many classes at once.
    """

    def __init__(self, excerpt: Excerpt) -> None:
        if excerpt.connectivity.grouping is Grouping.NAMESPACE:
            raise ValueError("a picture is of pods or workloads")
        self.connectivity = excerpt.connectivity
        self.excerpt = excerpt
        self.numbers = excerpt.numbers()
        self.positions = {number: position for position, number in enumerate(self.numbers)}
        self._total = self.connectivity.program.classes.total
        self._variants: dict[Variant, int] = {}
        self.members: dict[int, list[int]] = defaultdict(list)
        for number in self.numbers:
            variant = self._variants.setdefault(self._variant_of(number), len(self._variants))
            endpoint = self.connectivity.endpoints[number]
            self.members[variant * self._total + endpoint.classes[0]].append(number)
        self._present = [self._classes_of(variant) for variant in self._variants.values()]

    def spread(self, classes: int) -> int:
        """Give the groups of some classes."""
        found = 0
        for variant, present in enumerate(self._present):
            found |= (classes & present) << (variant * self._total)
        return found

    def rows(self) -> Iterator[tuple[int, tuple[Part, ...]]]:
        """Give, for each group in order, what it reaches; no group is in two parts of a row."""
        variants = list(self._variants)
        for group in sorted(self.members):
            variant, found = divmod(group, self._total)
            reached = _exactly(self.connectivity.reached(found))
            yield group, tuple(self._parts(variants[variant], reached))

    def near(self) -> Iterator[tuple[int, list[int]]]:
        """Give, for each endpoint on a node's own network, the endpoints shown that run there: all ports reach them."""
        running: dict[str, list[int]] = defaultdict(list)
        for number in self.numbers:
            for node in self.connectivity.endpoints[number].runs_on:
                running[node].append(number)
        for source in self.numbers:
            hosts = self.connectivity.endpoints[source].host_nodes
            found = [number for node in hosts for number in running.get(node, ()) if self._shows(source, number)]
            if found:
                yield source, found

    def pairs(self) -> int:
        """Count the connections between two different endpoints that have pods."""
        endpoints = self.connectivity.endpoints
        with_pods = {
            group: number
            for group, members in self.members.items()
            if (number := sum(endpoints[member].has_pods for member in members))
        }
        weights = bitset.Weights(_weights(with_pods))
        total = 0
        known: dict[int, int] = {}
        for group, parts in self.rows():
            if group in with_pods:
                known[group] = sum(part.groups for part in parts)
                total += with_pods[group] * weights.total(known[group]) - with_pods[group] * (known[group] >> group & 1)
        return total + self._more_of_near(known)

    def _more_of_near(self, reached: dict[int, int]) -> int:
        """Count the connections to what runs on a pod's node that no row has."""
        group_of = {number: group for group, members in self.members.items() for number in members}
        return sum(
            number != source
            and self.connectivity.endpoints[number].has_pods
            and not reached[group_of[source]] >> group_of[number] & 1
            for source, found in self.near()
            if group_of[source] in reached
            for number in found
        )

    def _parts(self, variant: Variant, reached: list[tuple[int, int]]) -> Iterator[Part]:
        shown = [
            present if variant.may_reach(other) else 0
            for other, present in zip(self._variants, self._present, strict=True)
        ]
        for ports, classes in reached:
            groups = 0
            for number, present in enumerate(shown):
                groups |= (classes & present) << (number * self._total)
            if groups:
                yield Part(ports, groups)

    def _variant_of(self, number: int) -> Variant:
        roles = tuple((number in scope.sources, number in scope.destinations) for scope in self.excerpt.scopes)
        return Variant(self.connectivity.endpoints[number].has_pods, roles)

    def _classes_of(self, variant: int) -> int:
        first = variant * self._total
        return bitset.make([group - first for group in self.members if first <= group < first + self._total])

    def _shows(self, source: int, destination: int) -> bool:
        return all(source in scope.sources or destination in scope.destinations for scope in self.excerpt.scopes)


def _weights(numbers: dict[int, int]) -> list[int]:
    weights = [0] * (max(numbers, default=-1) + 1)
    for group, number in numbers.items():
        weights[group] = number
    return weights


def _exactly(reached: dict[int, int]) -> list[tuple[int, int]]:
    """Cut a row so that no class is in two parts."""
    parts = disjoint(reached)
    seen = 0
    for _, classes in parts:
        if seen & classes:
            return _by_class(reached)
        seen |= classes
    return parts


def _by_class(reached: dict[int, int]) -> list[tuple[int, int]]:
    ports_of: dict[int, int] = defaultdict(int)
    for ports, classes in reached.items():
        for number in bitset.members(classes):
            ports_of[number] |= ports
    found: dict[int, list[int]] = defaultdict(list)
    for number, ports in ports_of.items():
        found[ports].append(number)
    return [(ports, bitset.make(numbers)) for ports, numbers in found.items()]


def picture_after(difference: Difference, grouping: Grouping, ends: Iterable[Endpoint] = ()) -> Picture:
    """Give the picture of what is allowed after a change, cut as finely as both sides ask for.

    Of what is possible only ``ends`` are in it.
    """
    joint = difference.joint
    after = joint.possible.only((end.namespace or "", end.name) for end in ends).added_to(joint.after.snapshot)
    frame = Frame(after, joint.before.snapshot.policies)
    return Picture(Excerpt(Connectivity(after, grouping, Program(frame))))
