"""The ordered tiers, Admin and Baseline: rules in order, of which the first that matches decides."""

from __future__ import annotations

from collections.abc import Sequence

from podfence.engine import bitset
from podfence.engine.compile import Program
from podfence.model.policy import Action, Direction, Tier

_KEPT_ANSWERS = 256
"""Answers that one list of pieces remembers, one for each set of ports it was asked about."""


class Applying:
    """The pieces of one ordered tier that speak of one source; shared by all sources of which the same speak."""

    def __init__(self, pieces: tuple[int, ...], steps: Sequence[tuple[Action, int, int]], everything: int) -> None:
        self.pieces = pieces
        self.masks = tuple({ports for _, ports, _ in steps})
        self._steps = steps
        self._everything = everything
        self._known: dict[int, tuple[int, int]] = {}

    def apply(self, ports: int, otherwise: int) -> int:
        """Give what is allowed on ports that no piece cuts; ``otherwise`` answers where no piece decides."""
        accepted, undecided = self._first_match(ports)
        return accepted | (undecided & otherwise)

    def allowed(self, ports: int) -> int:
        """Give what is allowed on ports that no piece cuts, when nothing follows this tier."""
        accepted, undecided = self._first_match(ports)
        return accepted | undecided

    def _first_match(self, ports: int) -> tuple[int, int]:
        """Let the first rule decide for each class: those accepted, and those left to the next tier."""
        known = self._known.get(ports)
        if known is None:
            accepted, undecided, passed = 0, self._everything, 0
            for action, on_ports, classes in self._steps:
                if on_ports & ports:
                    matched = classes & undecided
                    undecided &= ~matched
                    if action is Action.ACCEPT:
                        accepted |= matched
                    elif action is Action.PASS:
                        passed |= matched
            if len(self._known) >= _KEPT_ANSWERS:
                self._known.clear()
            known = self._known[ports] = (accepted, undecided | passed)
        return known


class OrderedTier:
    """The rules of one ordered tier and direction, by the sources of which they speak."""

    def __init__(self, program: Program, tier: Tier, direction: Direction) -> None:
        self._pieces = program.ordered[tier, direction]
        self._everything = program.classes.everything
        total = program.classes.total
        self._none = Applying((), (), self._everything)
        self._by_subject = bitset.holders([piece.subjects for piece in self._pieces], total)
        self._by_peer = [
            bitset.holders([piece.peers[view] for piece in self._pieces], total) for view in range(len(program.views))
        ]
        self._known: dict[tuple[int, tuple[int, ...]], Applying] = {}

    def of_source(self, source: int, view: int) -> Applying:
        """Give the pieces that have a source among their peers (ingress)."""
        return self._applying(-1, self._by_peer[view][source]) if self._pieces else self._none

    def of_subject(self, source: int, view: int = 0) -> Applying:
        """Give the pieces that are about a source (egress)."""
        return self._applying(view, self._by_subject[source]) if self._pieces else self._none

    def _applying(self, view: int, listed: Sequence[int]) -> Applying:
        key = (view, tuple(listed))
        known = self._known.get(key)
        if known is None:
            pieces = [self._pieces[number] for number in listed]
            steps = [(p.action, p.ports, p.subjects if view < 0 else p.peers[view]) for p in pieces]
            known = self._known[key] = Applying(key[1], steps, self._everything)
        return known
