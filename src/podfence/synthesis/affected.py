"""Which sources a draft can make a difference to, so that a proof need not look at all the others.

What leaves the subjects of a changed policy can change, and what enters them from the peers of its changed rules;
nothing else can as long as no other pods are isolated than before.
"""

from __future__ import annotations

from collections.abc import Iterator

from podfence.engine import bitset
from podfence.engine.frame import Frame
from podfence.model.policy import Direction, Policy, Rule
from podfence.model.snapshot import Snapshot
from podfence.synthesis.edit import Draft


class Affected:
    """Finds the source classes that a draft can make a difference to."""

    def __init__(self, frame: Frame, snapshot: Snapshot) -> None:
        self._frame = frame
        self._known = {policy.ref.identity: policy for policy in snapshot.policies}

    def sources(self, draft: Draft) -> int:
        """Give the classes whose rows can differ, as a bitset."""
        found = 0
        for identity, policy in draft.policies.items():
            closed = self._frame.vocabulary.closed(policy)
            before = self._known.get(identity)
            if any(_changed(before, policy, Direction.EGRESS)):
                found |= self._frame.classes.select(closed.subject)
            for rule in _changed(before, policy, Direction.INGRESS):
                found |= self._peers(rule)
        return found

    def breadth(self, draft: Draft) -> int:
        """Count the pairs of classes that the changed rules speak of: roughly how much a draft may open."""
        total = 0
        for identity, policy in draft.policies.items():
            subjects = self._frame.classes.select(self._frame.vocabulary.closed(policy).subject).bit_count()
            for direction in Direction:
                for rule in _changed(self._known.get(identity), policy, direction):
                    total += subjects * max(self._peers(rule).bit_count(), 1)
        return total

    def _peers(self, rule: Rule) -> int:
        """Give the classes that a rule's peers mean, or may mean together with another rule's."""
        found = 0
        for classes in self._frame.peers_of(rule, unsure=True):
            found |= classes
        atoms = self._frame.atoms_of_peers(rule) >> self._frame.classes.first_atom
        return found | self._in_part(atoms) if atoms else found

    def _in_part(self, atoms: int) -> int:
        """Give the classes that may have an address in some atoms: two blocks can hold an unknown one together."""
        areas = {number for number, area in enumerate(self._frame.classes.addresses.areas) if area & atoms}
        return bitset.make(
            [
                number
                for number, (ipv4, ipv6) in enumerate(self._frame.classes.areas)
                if not areas.isdisjoint(ipv4) or not areas.isdisjoint(ipv6)
            ]
        )


def _changed(before: Policy | None, after: Policy, direction: Direction) -> Iterator[Rule]:
    """List the rules that are not in the policy as it was."""
    known = {(rule.action, rule.peers, rule.ports) for rule in (before.rules(direction) if before else None) or ()}
    for rule in after.rules(direction) or ():
        if (rule.action, rule.peers, rule.ports) not in known:
            yield rule
