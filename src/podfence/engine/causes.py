"""Which changes of policies opened or closed a connection.

Both versions judge one connection that changed. A policy is a cause when it changed and it had a say on a side
that turned: its rule decided, its isolation denied, or one of its rules accepts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from podfence.engine.decide import matches, policies_on
from podfence.engine.difference import Difference, Link
from podfence.engine.directory import Directory
from podfence.engine.endpoints import Endpoint
from podfence.engine.fail_closed import closed_rules
from podfence.engine.joint import Side
from podfence.engine.judge import Domain, Outside, Party, judge
from podfence.engine.pod_names import NUMBERED
from podfence.engine.policy_changes import Identity, PolicyChange, changed_policies
from podfence.engine.possible import POSSIBLE_NODE
from podfence.model.objects import ObjectRef, Pod
from podfence.model.policy import Direction, Policy, PortRange
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import DecidedIn, SideVerdict, Verdict

_MOST_PORTS = 8
"""Ranges of one link that are judged; what changes more ranges at once has the same causes on the others."""


class Cause(msgspec.Struct, frozen=True, gc=False):
    """A policy that changed, as it is now or, once removed, as it was; ``path`` is the rule that decided, if any."""

    ref: ObjectRef
    change: PolicyChange
    path: str = ""


class Causes:
    """Finds the causes of links; alike links are judged once."""

    def __init__(self, difference: Difference) -> None:
        joint = difference.joint
        self._ports = joint.frame.ports
        self._possible = joint.possible
        self._before, self._after = _Version(joint.before), _Version(joint.after)
        self.changed = changed_policies(joint.before.snapshot, joint.after.snapshot)
        self._known: dict[tuple[object, ...], tuple[Cause, ...]] = {}

    def opened(self, link: Link) -> tuple[Cause, ...]:
        """Name what opened a link; empty when only workloads, labels or nodes changed."""
        return self._causes(link, opened=True)

    def closed(self, link: Link) -> tuple[Cause, ...]:
        """Name what closed a link; empty when only workloads, labels or nodes changed."""
        return self._causes(link, opened=False)

    def _causes(self, link: Link, *, opened: bool) -> tuple[Cause, ...]:
        if not self.changed:
            return ()
        key = (link.source.classes, link.destination.classes, link.ports, opened)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._find(link, opened=opened)
        return found

    def _find(self, link: Link, *, opened: bool) -> tuple[Cause, ...]:
        causes: dict[Identity, Cause] = {}
        for ports in self._ports.ranges(link.ports)[:_MOST_PORTS]:
            before = self._before.judge(link.source.before, link.destination.before, ports)
            after = self._after.judge(link.source.after, link.destination.after, ports)
            for cause in self._turned(before, after) if opened else self._turned(after, before):
                causes.setdefault(cause.ref.identity, cause)
        return tuple(sorted(causes.values(), key=lambda cause: (cause.ref.kind, str(cause.ref))))

    def _turned(self, denied: _Seen, allowed: _Seen) -> Iterator[Cause]:
        """Name the causes on each side that one version denies and the other allows."""
        for direction in Direction:
            deny, accept = denied.side(direction), allowed.side(direction)
            if deny.allowed:
                continue
            deciding = [*_deciding(deny), *_deciding(accept), *_lifted(deny, accept), *allowed.accepting(direction)]
            selecting = ((policy, "") for seen in (denied, allowed) for policy in seen.policies_on(direction))
            yield from list(self._changes(deciding)) or self._changes(selecting)

    def _changes(self, policies: Iterable[tuple[Policy, str]]) -> Iterator[Cause]:
        for policy, path in policies:
            ref = self._possible.as_written(policy.ref)
            change = self.changed.get(ref.identity)
            if change is not None:
                yield Cause(ref, change, path)


def _deciding(side: SideVerdict) -> Iterator[tuple[Policy, str]]:
    if side.policy is not None:
        yield side.policy, side.rule.path if side.rule is not None else ""


def _lifted(deny: SideVerdict, accept: SideVerdict) -> Iterator[tuple[Policy, str]]:
    """Give the policies whose isolation denied, where no policy isolates in the other version."""
    if deny.policy is None and not accept.isolated_by:
        yield from ((policy, "") for policy in deny.isolated_by)


class _Seen(msgspec.Struct, frozen=True):
    """One connection as one version judges it."""

    snapshot: Snapshot
    verdict: Verdict

    def side(self, direction: Direction) -> SideVerdict:
        return self.verdict.egress if direction is Direction.EGRESS else self.verdict.ingress

    def policies_on(self, direction: Direction) -> list[Policy]:
        flow = self.verdict.flow
        end = flow.source if direction is Direction.EGRESS else flow.destination
        return policies_on(self.snapshot, end.pod, direction)

    def accepting(self, direction: Direction) -> Iterator[tuple[Policy, str]]:
        """Give every NetworkPolicy that accepts where that tier decided, not only the first that did."""
        side = self.side(direction)
        if side.tier is DecidedIn.NETWORK_POLICY and side.allowed:
            for policy in side.isolated_by:
                for rule in closed_rules(policy, direction) or ():
                    if matches(self.snapshot, rule, self.verdict.flow, direction):
                        yield policy, rule.path


class _Version:
    """Judges connections of one side by a pod of each endpoint."""

    def __init__(self, side: Side) -> None:
        self._directory = Directory(side.whole)
        # By the identity of pods and policies, which live as long as the snapshot does.
        self._known: dict[tuple[int, int], Snapshot] = {}
        self._selections: dict[tuple[int, Direction], frozenset[int]] = {}
        self._nodes = {node.name: node for node, _ in side.nodes}
        self._pods: dict[tuple[str, str, int], Pod] = {}
        for pod, number in side.pods:
            for name in (pod.workload[1], pod.name):
                self._pods.setdefault((pod.namespace, name, number), pod)

    def judge(self, source: Endpoint, destination: Endpoint, ports: PortRange) -> _Seen:
        one, other = self._party(source), self._party(destination)
        near = self._near(one, other)
        return _Seen(near, judge(near, one, other, ports.protocol, ports.first))

    def _near(self, source: Party, destination: Party) -> Snapshot:
        """Leave only the policies that select an end for its direction: thousands of links ask for the same few."""
        key = (_identity(source), _identity(destination))
        if key not in self._known:
            wanted = self._selecting(source, Direction.EGRESS) | self._selecting(destination, Direction.INGRESS)
            near = self._directory.near((source, destination))
            self._known[key] = near.with_policies(policy for policy in near.policies if id(policy) in wanted)
        return self._known[key]

    def _selecting(self, party: Party, direction: Direction) -> frozenset[int]:
        if not isinstance(party, Pod):
            return frozenset()
        key = (id(party), direction)
        if key not in self._selections:
            found = policies_on(self._directory.near((party,)), party, direction)
            self._selections[key] = frozenset(map(id, found))
        return self._selections[key]

    def _party(self, endpoint: Endpoint) -> Party:
        match endpoint.kind:
            case "External":
                return Outside(endpoint.ranges)
            case "Domain":
                return Domain(endpoint.name)
            case kind if kind in {"Node", POSSIBLE_NODE}:
                return self._nodes[endpoint.name]
            case _:
                return self._pod(endpoint)

    def _pod(self, endpoint: Endpoint) -> Pod:
        namespace, number = endpoint.namespace or "", endpoint.classes[0]
        name = endpoint.name.partition("#")[0]
        found = self._pods.get((namespace, name, number))
        # A pod that its workload's template stands for is called by a number of its own.
        return found or self._pods[namespace, NUMBERED.sub(r"\1", name), number]


def _identity(party: Party) -> int:
    """Tell pods apart; no policy selects anybody else."""
    return id(party) if isinstance(party, Pod) else 0
