"""Which policies isolate which ends and what each rule matches, for all pairs at once: who to name on a connection.

This decides nothing: that a connection is allowed is said by ``reach``. It lists every rule that may match, so an
end of unknown address counts as matched where any address that it can have is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from podfence.engine import bitset
from podfence.engine.compile import Program
from podfence.model.policy import Direction, Policy, Rule


class Match(msgspec.Struct, frozen=True, gc=False):
    """Connections that a rule matches: on ``ports`` (atoms) between ``subjects`` and ``peers`` (classes).

    It matches those of ``surely`` whatever address they have, the other peers with some of their addresses.
    """

    ports: int
    subjects: int
    peers: int
    surely: int


class RuleMatches(msgspec.Struct, frozen=True):
    """A rule and all that it matches."""

    rule: Rule
    matches: tuple[Match, ...]


class SideOfPolicy(msgspec.Struct, frozen=True):
    """What one policy says about one direction: the classes that it selects, and its rules in order."""

    policy: Policy
    direction: Direction
    subjects: int
    rules: tuple[RuleMatches, ...]


class Attribution:
    """Writes the policies of a program as sets of classes."""

    def __init__(self, program: Program) -> None:
        self._frame = program.frame
        self._classes = program.classes
        areas = program.classes.addresses.areas
        first = program.classes.first_atom
        self._unknown: list[tuple[int, int]] = []
        for area_of in self._frame.area_of:
            ends: dict[int, list[int]] = {}
            for number, area in enumerate(area_of):
                if area is not None and areas[area].bit_count() > 1:
                    ends.setdefault(area, []).append(number)
            self._unknown += [(areas[area] << first, bitset.make(found)) for area, found in ends.items()]

    def sides(self, policies: Iterable[Policy]) -> Iterator[SideOfPolicy]:
        """Give each policy with each direction that it speaks of, in the order in which they are asked."""
        for policy in sorted(policies, key=lambda policy: policy.order):
            closed = self._frame.vocabulary.closed(policy)
            subjects = self._classes.select(closed.subject)
            for direction in Direction:
                rules = closed.rules(direction)
                if rules is not None:
                    matches = (RuleMatches(rule, tuple(self._matches(rule, subjects, direction))) for rule in rules)
                    yield SideOfPolicy(policy, direction, subjects, tuple(matches))

    def _matches(self, rule: Rule, subjects: int, direction: Direction) -> Iterator[Match]:
        surely, peers = self._peers(rule)
        for ports, destinations in self._frame.port_pieces(rule):
            if direction is Direction.INGRESS:
                match = Match(ports, subjects & destinations, peers, surely)
            else:
                match = Match(ports, subjects, peers & destinations, surely & destinations)
            if match.subjects and match.peers:
                yield match

    def _peers(self, rule: Rule) -> tuple[int, int]:
        """Give the peers that a rule matches in any case, and those that it may match."""
        everything = self._classes.everything
        if rule.peers is None:
            return everything, everything
        surely, found = everything, 0
        for classes in self._frame.peers_of(rule):
            surely &= classes
        for classes in self._frame.peers_of(rule, unsure=True):
            found |= classes
        atoms = self._frame.atoms_of_peers(rule)
        if atoms:
            for area, ends in self._unknown:
                if area & atoms:
                    found |= ends
        return surely, found
