"""Which possible pods and nodes can show what changed policies mean, few enough to be judged.

A connection changes only if a changed part says something about one of its ends. So for each part there are pods
for its subject and pods for the other end: one for each combination of the selectors that have a say between them.
Pods that the input holds need none. Among namespaces those that nobody has made yet stand for all of their labels,
since no NetworkPolicy is in them; those of the input count where a selector or a Baseline tier tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain

from podfence.engine import bitset
from podfence.engine.both_sides import ENOUGH, BothSides, Held, Space
from podfence.engine.choice import MOST_LABEL_SETS, Choice
from podfence.engine.fail_closed import ALL_PODS, closed_rules, closed_subject
from podfence.engine.label_sets import OTHER, label_sets
from podfence.engine.policy_changes import ChangedPart, Identity, PolicyChange, policy_changes
from podfence.engine.port_declarations import NOTHING, Declared, declarations
from podfence.engine.possible import Possible
from podfence.model.labels import NAMESPACE_NAME_LABEL, Labels, Selector
from podfence.model.objects import Node, Pod
from podfence.model.policy import AddressPeer, Direction, NodePeer, Peer, PodPeer, Policy, Tier
from podfence.model.snapshot import Snapshot

_MOST_PARTS = 40
_MOST_SPACES = 64
_MOST_OF_A_PART = 128
_MOST_KNOWN_SPACES = 6

_PeersOf = Callable[[Policy], Iterator[Peer]]


def possible_ends(before: Snapshot, after: Snapshot) -> Possible:
    """Choose possible pods and nodes for what changed between two sides; none where no policy changed its meaning."""
    changes = policy_changes(before, after)
    if not changes.parts:
        return Possible()
    choice = Choice(BothSides(before, after, changes.changed))
    for number, part in enumerate(changes.parts):
        if number >= _MOST_PARTS or choice.is_full:
            choice.unsure.update(dict.fromkeys(part.refs))
        else:
            _Part(choice, part, changes.changed).choose()
    return choice.possible(changes)


class _Part:
    """Chooses for one changed part: pods that it may be about, and whom they may talk to."""

    def __init__(self, choice: Choice, part: ChangedPart, changed: Mapping[Identity, PolicyChange]) -> None:
        self._changed = changed
        self._choice, self._sides, self._part = choice, choice.sides, part
        self._is_complete = True
        self._left = _MOST_OF_A_PART
        direction = part.direction
        self._opposite = Direction.EGRESS if direction is Direction.INGRESS else Direction.INGRESS
        self._homes = self._subject_spaces()
        self._own = self._about((part.subject,), self._homes, direction)
        self._peers = list(dict.fromkeys(chain.from_iterable(map(_peers(direction), self._own))))
        self._elsewhere = self._other_spaces()
        pods = None if part.peers is None else tuple(peer for peer in part.peers if isinstance(peer, PodPeer))
        self._meant = pods
        self._others = self._about(pods, self._elsewhere, self._opposite)
        self._facing = list(dict.fromkeys(chain.from_iterable(map(_peers(self._opposite), self._others))))

    def _about(self, bases: tuple[PodPeer, ...] | None, spaces: Sequence[str], direction: Direction) -> list[Policy]:
        """List the policies that may be about pods which one of some peers means too."""
        found = self._sides.policies((None, *spaces), direction)
        if bases is None:
            return found
        selectors = dict.fromkeys(base.pod_selector for base in bases)
        return [
            policy
            for policy in found
            if any(self._choice.overlap(closed_subject(policy).pod_selector, selector) for selector in selectors)
        ]

    def choose(self) -> None:
        """Choose pods for both ends, and nodes where a peer means nodes."""
        subjects = [closed_subject(policy) for policy in self._own]
        cuts = [*subjects, *(peer for peer in self._facing if isinstance(peer, PodPeer))]
        enters = self._part.direction is Direction.INGRESS
        if not self._is_of_newcomers:
            self._add((self._part.subject,), cuts, self._homes, self._declarations() if enters else NOTHING)
        cuts = [
            *(peer for peer in self._peers if isinstance(peer, PodPeer)),
            *map(closed_subject, self._others),
        ]
        if self._meant is None or self._meant:
            self._add(self._meant, cuts, self._elsewhere, NOTHING if enters else self._declarations())
        self._add_nodes()
        if not self._is_complete:
            self._choice.unsure.update(dict.fromkeys(self._part.refs))

    @cached_property
    def _is_of_newcomers(self) -> bool:
        """Tell whether the subject means a pod that came or went with its policies.

        Then that is told, and stands for pods like it; a policy of both sides may be about such a pod again.
        """
        subject = self._part.subject
        came_or_went = {self._changed.get(ref.identity) for ref in self._part.refs}
        return came_or_went in ({PolicyChange.ADDED}, {PolicyChange.REMOVED}) and any(
            held.is_newcomer and subject.pod_selector.matches(dict(held.pod.labels))
            for held in (self._sides.held(subject.namespace) if subject.namespace is not None else ())
        )

    def _subject_spaces(self) -> list[str]:
        """List the namespaces of the input that the subject may be in and that policies tell apart."""
        subject = self._part.subject
        if subject.namespace is not None:
            return [subject.namespace]
        return self._known_spaces(lambda name: self._sides.may_be_in(name, subject))

    def _other_spaces(self) -> list[str]:
        """List the namespaces of the input that matter at the other end: those that a peer names.

        With a Baseline tier all do: a namespace with NetworkPolicies may let in what that tier denies elsewhere.
        """
        cluster = self._sides.policies((None,), self._opposite)
        if any(policy.tier is Tier.BASELINE for policy in cluster):
            return self._known_spaces(lambda _: True)
        named = dict.fromkeys(name for peer in self._peers if isinstance(peer, PodPeer) for name in _names_in(peer))
        return list(dict.fromkeys((*(name for name in named if name in self._sides.spaces), *self._sides.relabelled)))

    def _known_spaces(self, is_meant: Callable[[str], bool]) -> list[str]:
        found = [name for name in sorted(self._sides.spaces) if is_meant(name)]
        if len(found) > _MOST_KNOWN_SPACES:
            self._is_complete = False
        return found[:_MOST_KNOWN_SPACES]

    def _spaces(self, bases: Sequence[PodPeer] | None, cuts: Sequence[PodPeer], known: Sequence[str]) -> list[Space]:
        found = [self._sides.space(name) for name in known]
        selectors = tuple(
            dict.fromkeys(
                peer.namespace_selector for peer in (*(bases or ()), *cuts) if peer.namespace_selector is not None
            )
        )
        meant = {base.namespace_selector for base in bases or () if base.namespace_selector is not None}
        if bases is None or meant:
            wanted = sum(1 << number for number, selector in enumerate(selectors) if selector in meant)
            sets = label_sets(selectors, wanted, _MOST_SPACES, self._free_names)
            self._is_complete = self._is_complete and sets.complete
            found += [self._choice.space(labels) for labels, _ in sets.found]
        for name in (*(name for name in known if name in self._sides.bare), *self._shared_names):
            found += self._spaces_named(name)
        return [space for space in dict.fromkeys(found) if bases is None or any(space.is_in(base) for base in bases)]

    def _free_names(self, mentioned: Iterable[str]) -> Iterable[str]:
        """Give the names that a namespace which the input does not have may have."""
        return (OTHER, *(name for name in mentioned if name not in self._sides.spaces))

    @cached_property
    def _of_both_ends(self) -> tuple[PodPeer, ...]:
        """Give all that has a say about the labels of either end."""
        peers = (peer for peer in (*self._peers, *self._facing) if isinstance(peer, PodPeer))
        return tuple(dict.fromkeys((*map(closed_subject, (*self._own, *self._others)), *peers)))

    @cached_property
    def _shared_names(self) -> list[str]:
        """List the names of possible namespaces that both ends may be in: then both see the same labels."""
        mentioned = dict.fromkeys(name for peer in self._of_both_ends for name in _names_in(peer))
        ends = ((self._part.subject,), self._meant or (() if self._meant is not None else (ALL_PODS,)))
        return [
            name
            for name in mentioned
            if name not in self._sides.spaces
            and all(any(self._sides.may_be_in(name, peer) for peer in peers) for peers in ends)
        ]

    def _spaces_named(self, name: str) -> list[Space]:
        """Give a namespace of unknown labels with each of those that policies of either end tell apart."""
        selectors = (peer.namespace_selector for peer in self._of_both_ends if peer.namespace_selector is not None)
        sets = label_sets(tuple(dict.fromkeys(selectors)), 0, _MOST_SPACES, lambda _: (name,))
        self._is_complete = self._is_complete and sets.complete
        as_read = self._sides.space(name).labels if name in self._sides.spaces else ()
        return [self._choice.space(labels) for labels, _ in sets.found if labels not in as_read]

    def _add(
        self,
        bases: tuple[PodPeer, ...] | None,
        cuts: Sequence[PodPeer],
        known: Sequence[str],
        declarations: Sequence[Declared],
    ) -> None:
        """Add a pod for each combination of selectors, in each namespace, with each of some declarations of ports."""
        simplest: dict[PodPeer, list[Pod]] = {}
        cuts = tuple(dict.fromkeys((*(bases or ()), *cuts)))
        for space in self._spaces(bases, cuts, known):
            here = [base for base in bases or () if space.is_in(base)]
            selectors = tuple(dict.fromkeys(peer.pod_selector for peer in space.those_in(cuts)))
            numbers = {base: selectors.index(base.pod_selector) for base in here}
            wanted = sum(1 << number for number in set(numbers.values()))
            for pods, matched in self._missing(space, selectors, wanted, declarations):
                for base, number in numbers.items():
                    if matched >> number & 1:
                        simplest.setdefault(base, pods[:2])
        for pod in chain.from_iterable(simplest.values()):
            self._choice.mark_plain(pod, self._part)

    def _missing(
        self, space: Space, selectors: tuple[Selector, ...], wanted: int, declarations: Sequence[Declared]
    ) -> Iterator[tuple[list[Pod], int]]:
        """Add the pods of a namespace that the input does not show, with the selectors that they match."""
        sets = self._choice.label_sets(selectors, wanted)
        self._is_complete = self._is_complete and sets.complete
        held = self._held(space, selectors)
        for labels, matched in sets.found:
            there = held.get(matched)
            if there is not None and there.count >= ENOUGH:
                continue
            declared = declarations if there is None else (_of_names(there.pod.named_ports, declarations),)
            if self._left < len(declared):
                self._is_complete = False
                return
            self._left -= len(declared)
            meant = labels if there is None else there.pod.labels
            yield [self._choice.add_pod(space, meant, ports) for ports in declared], matched

    def _held(self, space: Space, selectors: Sequence[Selector]) -> dict[int, Held]:
        """Give the pods of the input by the selectors that they match; with blocks, those of unknown address alone."""
        found: dict[int, Held] = {}
        for held in self._sides.held(space.name) if space.is_known else ():
            is_shown = self._is_of_newcomers or not held.is_newcomer
            if is_shown and not (held.pod.addresses and self._has_blocks):
                matched = _matched(selectors, held.pod.labels)
                known = found.get(matched)
                found[matched] = Held(held.pod, held.count + (0 if known is None else known.count))
        return found

    @cached_property
    def _has_blocks(self) -> bool:
        return any(isinstance(peer, AddressPeer) for peer in (*self._peers, *self._facing))

    def _add_nodes(self) -> None:
        bases = self._part.peers
        if bases is not None and not any(isinstance(peer, NodePeer) for peer in bases):
            return
        selectors = tuple(dict.fromkeys(peer.selector for peer in self._peers if isinstance(peer, NodePeer)))
        if not selectors:
            return
        held = [
            {_matched(selectors, node.labels) for node in side.nodes}
            for side in (self._sides.before, self._sides.after)
        ]
        sets = label_sets(selectors, 0, MOST_LABEL_SETS)
        self._is_complete = self._is_complete and sets.complete
        simplest: dict[Selector, Node] = {}
        for labels, matched in sets.found:
            if matched not in held[0] & held[1]:
                node = self._choice.add_node(labels)
                for number in bitset.members(matched):
                    simplest.setdefault(selectors[number], node)
        for node in simplest.values():
            self._choice.mark_plain(node, self._part)

    def _declarations(self) -> Sequence[Declared]:
        rules = [
            rule
            for policies, direction in ((self._own, self._part.direction), (self._others, self._opposite))
            for policy in policies
            for rule in closed_rules(policy, direction) or ()
        ]
        found = declarations(port for rule in rules for port in rule.ports or ())
        self._is_complete = self._is_complete and found.complete
        return found.listed


def _matched(selectors: Sequence[Selector], labels: Labels) -> int:
    """Give the selectors that a label set matches, as a bitset."""
    known = dict(labels)
    return sum(1 << number for number, selector in enumerate(selectors) if selector.matches(known))


def _of_names(declared: Declared, declarations: Sequence[Declared]) -> Declared:
    """Keep the ports that have a say."""
    names = {port.name for port in chain.from_iterable(declarations)}
    return tuple(port for port in declared if port.name in names)


def _peers(direction: Direction) -> _PeersOf:
    def of(policy: Policy) -> Iterator[Peer]:
        for rule in closed_rules(policy, direction) or ():
            yield from rule.peers or ()

    return of


def _names_in(peer: PodPeer) -> Iterator[str]:
    """Give the namespaces that a peer names."""
    if peer.namespace is not None:
        yield peer.namespace
    for requirement in peer.namespace_selector.requirements if peer.namespace_selector is not None else ():
        if requirement.key == NAMESPACE_NAME_LABEL:
            yield from requirement.values
