"""What a cluster would allow with one policy replaced, without compiling all the others again.

A namespaced policy judges pods of its namespace alone, together with the other policies there and the cluster-scoped
ones. So the sides of these pods are read from a small program, and every other side stays as it was. Exact, and
as dear as one namespace.
"""

from __future__ import annotations

from collections.abc import Iterable

from podfence.engine import bitset
from podfence.engine.accepts import Parts, merge_equal
from podfence.engine.compare import Change, newly_reached
from podfence.engine.compile import Program
from podfence.engine.fail_closed import closed_rule
from podfence.engine.frame import Frame
from podfence.engine.reach import Reach, Row, both_sides
from podfence.model.policy import Direction, Policy
from podfence.synthesis.affected import Affected
from podfence.synthesis.edit import Draft


class Replacing:
    """A cluster as it is, of which single policies are replaced to see what changes."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.before = Reach(Program(frame))
        self._snapshot = frame.snapshot
        self._in_namespace: dict[str | None, list[Policy]] = {}
        for policy in frame.snapshot.policies:
            self._in_namespace.setdefault(policy.ref.namespace, []).append(policy)
        self._pods_in: dict[str, list[int]] = {}
        for number, profile in enumerate(frame.classes.profiles):
            self._pods_in.setdefault(profile.namespace, []).append(number)
        self._rows: dict[int, Row] = {}

    def changes(self, policy: Policy) -> tuple[list[Change], list[Change]]:
        """Give what opens and what closes when a policy takes the place of the one with its identity."""
        after = _After(self, policy)
        opens: list[Change] = []
        closes: list[Change] = []
        for source in self._sources(policy, after):
            old, new = self._row(source), after.row(source)
            opens.extend(newly_reached(old, new))
            closes.extend(newly_reached(new, old))
        return opens, closes

    def policies_around(self, policy: Policy) -> list[Policy]:
        """List the policies that judge the same pods, with the new one in its place."""
        namespace = policy.ref.namespace
        others = [*self._in_namespace.get(None, ()), *self._in_namespace.get(namespace, ())]
        if namespace is None:
            others = list(self._snapshot.policies)
        kept = [other for other in others if other.ref.identity != policy.ref.identity]
        return [*kept, policy]

    def pods_around(self, policy: Policy) -> int:
        """Give the classes of pods that a policy can judge."""
        namespace = policy.ref.namespace
        if namespace is None:
            return bitset.span(0, self.frame.classes.pods)
        return bitset.make(self._pods_in.get(namespace, ()))

    def _row(self, source: int) -> Row:
        known = self._rows.get(source)
        if known is None:
            known = self._rows[source] = self.before.row(source)
        return known

    def _sources(self, policy: Policy, after: _After) -> Iterable[int]:
        """List the source classes for which the replacement can make a difference."""
        there = self._in_namespace.get(policy.ref.namespace, ())
        before = next((known for known in there if known.ref.identity == policy.ref.identity), None)
        if before is None or before.subject != policy.subject or after.isolates_others:
            return range(self.frame.classes.total)
        if not _is_readable(before) or not _is_readable(policy):
            return range(self.frame.classes.total)
        old, new = self._snapshot.with_policies([before]), self._snapshot.with_policies([policy])
        found = Affected(self.frame, old).sources(Draft(policies={policy.ref.identity: policy}))
        found |= Affected(self.frame, new).sources(Draft(policies={before.ref.identity: before}))
        return bitset.members(found)


def _is_readable(policy: Policy) -> bool:
    rules = [*(policy.ingress or ()), *(policy.egress or ())]
    return all(closed_rule(rule) is rule for rule in rules)


class _After:
    """Reads rows as they are with a policy replaced."""

    def __init__(self, replacing: Replacing, policy: Policy) -> None:
        self._before = replacing.before
        self._judged = replacing.pods_around(policy)
        self._near = Reach(Program(replacing.frame, replacing.policies_around(policy)))
        old, new = replacing.before.program.isolated, self._near.program.isolated
        self.isolates_others = any((old[d] ^ new[d]) & self._judged for d in Direction)

    def row(self, source: int) -> Row:
        """Give the row of a source."""
        mine = self._judged >> source & 1
        leaving = self._near.leaving(source) if mine else self._before.leaving(source)
        return both_sides(source, leaving, self._entering(source))

    def _entering(self, source: int) -> Parts:
        """Join what the judged pods let in now with what all others did before."""
        joined = []
        for near_ports, near in self._near.entering(source):
            for ports, far in self._before.entering(source):
                shared = near_ports & ports
                if shared:
                    joined.append((shared, (near & self._judged) | (far & ~self._judged)))
        return merge_equal(joined)
