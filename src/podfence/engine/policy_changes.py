"""Which policies changed, and in what: the parts that no policy of the other side has.

A part is what one subject is told in one direction. Names, and for NetworkPolicies order and the policy that a rule
stands in, are no part of it, so that a renamed or split policy has not changed.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from podfence.engine.fail_closed import closed_rules, closed_subject
from podfence.model.objects import ObjectRef
from podfence.model.policy import Direction, Peer, PodPeer, Policy, PortMatch, Tier
from podfence.model.snapshot import Snapshot

Identity = tuple[str, str | None, str]

_Said = tuple[PodPeer, Direction, Peer | None, PortMatch | None]
"""One peer on one port, accepted for a subject; ``None`` is anybody and anything."""


class PolicyChange(enum.StrEnum):
    """What became of a policy."""

    ADDED = "added"
    REMOVED = "removed"
    MODIFIED = "modified"


class ChangedPart(msgspec.Struct, frozen=True):
    """What changed for a subject in one direction: towards ``peers``, or ``None`` for anybody at all.

    ``refs`` are the policies that say so, on either side.
    """

    subject: PodPeer
    direction: Direction
    peers: tuple[Peer, ...] | None
    refs: tuple[ObjectRef, ...]


class PolicyChanges(msgspec.Struct, frozen=True):
    """What changed in policies: those that did by identity, and the parts by the names of those that say them.

    Where not ``may_open``, nothing opens for any pods that there could be; likewise for ``may_close``.
    """

    changed: Mapping[Identity, PolicyChange]
    parts: tuple[ChangedPart, ...] = ()
    may_open: bool = False
    may_close: bool = False


def changed_policies(before: Snapshot, after: Snapshot) -> Mapping[Identity, PolicyChange]:
    """List the policies that came, went or differ, by identity; where they stand in a text does not matter."""
    old = {policy.ref.identity: policy for policy in before.policies}
    found: dict[Identity, PolicyChange] = {}
    for policy in after.policies:
        identity = policy.ref.identity
        was = old.pop(identity, None)
        if was is None:
            found[identity] = PolicyChange.ADDED
        elif was != policy:
            found[identity] = PolicyChange.MODIFIED
    return found | dict.fromkeys(old, PolicyChange.REMOVED)


def policy_changes(before: Snapshot, after: Snapshot) -> PolicyChanges:
    """Find what changed in policies; there are no parts when they differ in their names alone."""
    changed = changed_policies(before, after)
    if not changed:
        return PolicyChanges(changed)
    old, new = (_Version(side, changed) for side in (before, after))
    found = _Parts()
    for one, other in ((old, new), (new, old)):
        for policy, said in one.accepts():
            if said not in other.accepted:
                found.add(policy, said[0], said[1], (said[2],))
        for policy, subject, direction in one.isolations():
            if (subject, direction) not in other.isolated:
                found.add(policy, subject, direction, (None,))
        if old.in_order != new.in_order:
            for policy, direction, peers in one.ordered():
                found.add(policy, closed_subject(policy), direction, peers)
    return PolicyChanges(changed, found.listed(), may_open=_may_open(old, new), may_close=_may_open(new, old))


def _may_open(old: _Version, new: _Version) -> bool:
    """Tell whether a change can open anything: more is accepted or fewer are isolated.

    What the NetworkPolicy tier denies no more is allowed, and the other way round, unless the Baseline tier decides
    for ends that are not isolated any more.
    """
    is_isolated_alike = old.isolated == new.isolated
    unclear = old.in_order != new.in_order or (not is_isolated_alike and (old.has_baseline or new.has_baseline))
    return unclear or bool(new.accepted - old.accepted) or bool(old.isolated - new.isolated)


class _Version:
    """What the policies of one side that changed say."""

    def __init__(self, snapshot: Snapshot, changed: Mapping[Identity, PolicyChange]) -> None:
        policies = [policy for policy in snapshot.policies if policy.ref.identity in changed]
        self._network = [policy for policy in policies if policy.tier is Tier.NETWORK_POLICY]
        self._ordered = [policy for policy in policies if policy.tier is not Tier.NETWORK_POLICY]
        self.accepted = {said for _, said in self.accepts()}
        self.isolated = {(subject, direction) for _, subject, direction in self.isolations()}
        self.has_baseline = any(policy.tier is Tier.BASELINE for policy in snapshot.policies)
        self.in_order = _in_order(snapshot.policies) if self._ordered else []

    def isolations(self) -> Iterator[tuple[Policy, PodPeer, Direction]]:
        for policy in self._network:
            for direction in Direction:
                if policy.rules(direction) is not None:
                    yield policy, closed_subject(policy), direction

    def accepts(self) -> Iterator[tuple[Policy, _Said]]:
        for policy, subject, direction in self.isolations():
            for rule in closed_rules(policy, direction) or ():
                for peer in (None,) if rule.peers is None else rule.peers:
                    for port in (None,) if rule.ports is None else rule.ports:
                        yield policy, (subject, direction, peer, port)

    def ordered(self) -> Iterator[tuple[Policy, Direction, tuple[Peer | None, ...]]]:
        for policy in self._ordered:
            for direction in Direction:
                rules = closed_rules(policy, direction)
                if rules:
                    yield policy, direction, tuple(peer for rule in rules for peer in rule.peers or (None,))


def _in_order(policies: Iterable[Policy]) -> list[object]:
    """Write what the ordered tiers say, in the order in which they say it."""
    listed = sorted((item for item in policies if item.tier is not Tier.NETWORK_POLICY), key=lambda item: item.order)
    return [
        (policy.tier, direction, closed_subject(policy), rule.action, rule.peers, rule.ports)
        for direction in Direction
        for policy in listed
        for rule in closed_rules(policy, direction) or ()
    ]


class _Parts:
    """Collects changes by subject and direction."""

    def __init__(self) -> None:
        self._peers: dict[tuple[PodPeer, Direction], dict[Peer | None, None]] = defaultdict(dict)
        self._refs: dict[tuple[PodPeer, Direction], dict[Identity, ObjectRef]] = defaultdict(dict)

    def add(self, policy: Policy, subject: PodPeer, direction: Direction, peers: Iterable[Peer | None]) -> None:
        self._peers[subject, direction].update(dict.fromkeys(peers))
        self._refs[subject, direction][policy.ref.identity] = policy.ref

    def listed(self) -> tuple[ChangedPart, ...]:
        found = []
        for (subject, direction), peers in self._peers.items():
            named = tuple(peer for peer in peers if peer is not None)
            refs = self._refs[subject, direction]
            ordered = tuple(refs[identity] for identity in sorted(refs, key=str))
            found.append(ChangedPart(subject, direction, None if None in peers else named, ordered))
        return tuple(sorted(found, key=lambda part: (str(part.refs[0].identity), part.direction.value)))
