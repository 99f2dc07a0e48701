"""Which possible pods and nodes can show what changed policies mean, few enough to be judged.

A connection changes only if a changed part says something about one of its ends. So for each part there are pods
for its subject and pods for the other end: one for each combination of the selectors that have a say between them.
Pods that the input holds need none. Among namespaces those that nobody has made yet stand for all of their labels,
since no NetworkPolicy is in them; those of the input count where a selector or a Baseline tier tells them apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, product

import msgspec

from podfence.engine.atoms import PortAtoms
from podfence.engine.fail_closed import closed_rules, closed_subject
from podfence.engine.label_sets import OTHER, LabelSets, label_sets
from podfence.engine.policy_changes import ChangedPart, Identity, changed_parts
from podfence.engine.possible import POSSIBLE_NODE, POSSIBLE_POD, Possible, label_text
from podfence.model.labels import NAMESPACE_NAME_LABEL, Labels, Selector
from podfence.model.net import PORT_PROTOCOLS
from podfence.model.objects import NamedPort, Namespace, Node, ObjectRef, Pod
from podfence.model.policy import AddressPeer, Direction, NodePeer, Peer, PodPeer, Policy, PortName, PortRange, Tier
from podfence.model.snapshot import Snapshot

_MOST_PARTS = 40
_MOST_LABEL_SETS = 64
_MOST_SPACES = 64
_MOST_OF_A_PART = 256
_MOST = 600
"""Pods and nodes of one comparison: a row is read for each of them."""

_ENOUGH = 2
_MOST_KNOWN_SPACES = 12
_MOST_NUMBERS = 6
_MOST_DECLARATIONS = 49

_Ports = tuple[NamedPort, ...]
_PeersOf = Callable[[Policy], Iterator[Peer]]


def possible_ends(before: Snapshot, after: Snapshot) -> Possible:
    """Choose possible pods and nodes for what changed between two sides; none where no policy changed its meaning."""
    parts = changed_parts(before, after)
    if not parts:
        return Possible()
    chosen = _Chosen(_Sides(before, after))
    for number, part in enumerate(parts):
        if number >= _MOST_PARTS or chosen.is_full:
            chosen.unsure.update(dict.fromkeys(part.refs))
        else:
            _Part(chosen, part).choose()
    return chosen.possible()


class _Space(msgspec.Struct, frozen=True):
    """A namespace that is known or possible, with its labels on each side."""

    name: str
    labels: tuple[Labels, ...]
    is_known: bool

    def is_in(self, peer: PodPeer) -> bool:
        """Tell whether a peer may mean pods of this namespace."""
        if peer.namespace is not None:
            return self.is_known and peer.namespace == self.name
        selector = peer.namespace_selector or Selector()
        return any(selector.matches(dict(labels)) for labels in self.labels)


class _Sides:
    """What both sides hold, by namespace."""

    def __init__(self, before: Snapshot, after: Snapshot) -> None:
        self.before, self.after = before, after
        self.spaces: dict[str, list[Namespace]] = defaultdict(list)
        for item in (*before.namespaces, *after.namespaces):
            self.spaces[item.name].append(item)
        by_namespace: dict[str | None, list[Policy]] = defaultdict(list)
        known: dict[Identity, Policy] = {}
        for policy in before.policies:
            by_namespace[policy.ref.namespace].append(policy)
            known[policy.ref.identity] = policy
        for policy in after.policies:
            if known.get(policy.ref.identity) != policy:
                by_namespace[policy.ref.namespace].append(policy)
        self._by_namespace = by_namespace

    def policies(self, namespaces: Iterable[str | None], direction: Direction) -> list[Policy]:
        """List the policies in some namespaces that say something about a direction."""
        found = (policy for name in dict.fromkeys(namespaces) for policy in self._by_namespace.get(name, ()))
        return [policy for policy in found if policy.rules(direction) is not None]

    def space(self, name: str) -> _Space:
        """Give a namespace of the input."""
        return _Space(name, tuple(dict.fromkeys(item.labels for item in self.spaces[name])), is_known=True)

    @cached_property
    def relabelled(self) -> list[str]:
        """List the namespaces whose labels changed: none that is possible is like them on both sides."""
        return [name for name, found in self.spaces.items() if len({item.labels for item in found}) > 1]

    def held(self, namespace: str) -> list[_Held]:
        """List the pods of a namespace that the input holds, alike ones together.

        A pod that changed its labels is compared as what it was and is, so it shows neither on both sides.
        """
        return self._held.get(namespace, [])

    @cached_property
    def _held(self) -> dict[str, list[_Held]]:
        one, other = (_alike(side) for side in (self.before, self.after))
        workloads = [{key[:3] for key in side} for side in (one, other)]
        found: dict[str, list[_Held]] = defaultdict(list)
        for key in dict.fromkeys((*one, *other)):
            if key in one and key in other:
                pod = other[key].pod
                found[key[0]].append(_Held(pod, min(one[key].count, other[key].count)))
            elif not (key[:3] in workloads[0] and key[:3] in workloads[1]):
                # Who came or went is told as such.
                pod = (one.get(key) or other[key]).pod
                found[key[0]].append(_Held(pod, _ENOUGH))
        return found


class _Held(msgspec.Struct, frozen=True):
    """Pods of the input that are alike; where there is only one, nothing shows what it does with another like it."""

    pod: Pod
    count: int


_Alike = tuple[str, str, str, Labels, bool]


def _alike(snapshot: Snapshot) -> dict[_Alike, _Held]:
    found: dict[_Alike, _Held] = {}
    for pod in snapshot.pods:
        if not pod.host_network:
            key = (pod.namespace, *pod.workload, pod.labels, bool(pod.addresses))
            found[key] = _Held(pod, found[key].count + pod.count if key in found else pod.count)
    return found


class _Chosen:
    """Collects possible pods and nodes over all parts; what two parts need alike is there once."""

    def __init__(self, sides: _Sides) -> None:
        self.sides = sides
        self.unsure: dict[ObjectRef, None] = {}
        self._pods: dict[tuple[str, Labels, _Ports], Pod] = {}
        self._spaces: dict[Labels, Namespace] = {}
        self._names: set[str] = set(sides.spaces)
        self._nodes: dict[Labels, Node] = {}
        self._plain: dict[tuple[str, str], set[Identity]] = defaultdict(set)
        self._known_sets: dict[tuple[tuple[Selector, ...], int], LabelSets] = {}

    @property
    def is_full(self) -> bool:
        """Tell whether there are as many as may be."""
        return len(self._pods) + len(self._nodes) >= _MOST

    def label_sets(self, selectors: tuple[Selector, ...], wanted: int) -> LabelSets:
        """Give the label sets that selectors tell apart, remembered."""
        key = (selectors, wanted)
        if key not in self._known_sets:
            self._known_sets[key] = label_sets(selectors, wanted, _MOST_LABEL_SETS)
        return self._known_sets[key]

    def space(self, labels: Labels) -> _Space:
        """Give a possible namespace of some labels, its name among them."""
        found = self._spaces.get(labels)
        if found is None:
            named = dict(labels)[NAMESPACE_NAME_LABEL]
            rest = tuple(item for item in labels if item[0] != NAMESPACE_NAME_LABEL)
            name = named if named != OTHER else label_text(rest) if rest else OTHER
            if name in self._names:
                name = f"{name} {label_text(rest)}"
            self._names.add(name)
            found = self._spaces[labels] = Namespace(name, labels)
        return _Space(found.name, (labels,), is_known=False)

    def add_pod(self, space: _Space, labels: Labels, ports: _Ports) -> Pod:
        """Add a pod; two of it, since alike pods may talk to each other."""
        key = (space.name, labels, ports)
        found = self._pods.get(key)
        if found is None:
            declared = "".join(f" {port.name}={port.protocol.value}/{port.number}" for port in ports)
            name = label_text(labels) + declared
            found = self._pods[key] = Pod(
                space.name, name, labels, named_ports=ports, workload=(POSSIBLE_POD, name), count=2
            )
        return found

    def add_node(self, labels: Labels) -> Node:
        """Add a node."""
        return self._nodes.setdefault(labels, Node(label_text(labels), labels))

    def mark_plain(self, item: Pod | Node, part: ChangedPart) -> None:
        """Mark a pod or node as the simplest that a selector of a part means."""
        name = (item.namespace if isinstance(item, Pod) else "", item.name)
        self._plain[name].update(ref.identity for ref in part.refs)

    def possible(self) -> Possible:
        """Give everything that was chosen."""
        homes = {pod.namespace for pod in self._pods.values()}
        return Possible(
            pods=tuple(self._pods.values()),
            namespaces=tuple(item for item in self._spaces.values() if item.name in homes),
            known=tuple(self.sides.spaces[name][-1] for name in sorted(homes) if name in self.sides.spaces),
            nodes=tuple(self._nodes.values()),
            plain={name: frozenset(found) for name, found in self._plain.items()},
            unsure=tuple(sorted(self.unsure, key=lambda ref: str(ref.identity))),
        )


class _Part:
    """Chooses for one changed part: pods that it may be about, and whom they may talk to."""

    def __init__(self, chosen: _Chosen, part: ChangedPart) -> None:
        self._chosen, self._sides, self._part = chosen, chosen.sides, part
        self._is_complete = True
        self._left = _MOST_OF_A_PART
        direction = part.direction
        self._opposite = Direction.EGRESS if direction is Direction.INGRESS else Direction.INGRESS
        homes = self._subject_spaces()
        self._own = self._sides.policies((None, *homes), direction)
        self._peers = list(dict.fromkeys(chain.from_iterable(map(_peers(direction), self._own))))
        others = self._other_spaces()
        self._others = self._sides.policies((None, *others), self._opposite)
        self._homes = homes
        self._elsewhere = others

    def choose(self) -> None:
        """Choose pods for both ends, and nodes where a peer means nodes."""
        facing = list(dict.fromkeys(chain.from_iterable(map(_peers(self._opposite), self._others))))
        subjects = [closed_subject(policy) for policy in self._own]
        cuts = [*subjects, *(peer for peer in facing if isinstance(peer, PodPeer))]
        enters = self._part.direction is Direction.INGRESS
        self._add((self._part.subject,), cuts, self._homes, self._declarations() if enters else ((),))
        bases = self._part.peers
        pods = None if bases is None else tuple(peer for peer in bases if isinstance(peer, PodPeer))
        cuts = [
            *(peer for peer in self._peers if isinstance(peer, PodPeer)),
            *map(closed_subject, self._others),
        ]
        if pods is None or pods:
            self._add(pods, cuts, self._elsewhere, ((),) if enters else self._declarations())
        self._add_nodes()
        if not self._is_complete:
            self._chosen.unsure.update(dict.fromkeys(self._part.refs))

    def _subject_spaces(self) -> list[str]:
        """List the namespaces of the input that the subject may be in and that policies tell apart."""
        subject = self._part.subject
        if subject.namespace is not None:
            return [subject.namespace]
        return self._known_spaces(lambda space: space.is_in(subject))

    def _other_spaces(self) -> list[str]:
        """List the namespaces of the input that matter at the other end: those that a peer names.

        With a Baseline tier all do: a namespace with NetworkPolicies may let in what that tier denies elsewhere.
        """
        cluster = self._sides.policies((None,), self._opposite)
        if any(policy.tier is Tier.BASELINE for policy in cluster):
            return self._known_spaces(lambda _: True)
        named = dict.fromkeys(name for peer in self._peers if isinstance(peer, PodPeer) for name in _names_in(peer))
        return list(dict.fromkeys((*(name for name in named if name in self._sides.spaces), *self._sides.relabelled)))

    def _known_spaces(self, is_meant: Callable[[_Space], bool]) -> list[str]:
        found = [name for name in sorted(self._sides.spaces) if is_meant(self._sides.space(name))]
        if len(found) > _MOST_KNOWN_SPACES:
            self._is_complete = False
        return found[:_MOST_KNOWN_SPACES]

    def _spaces(self, bases: Sequence[PodPeer] | None, cuts: Sequence[PodPeer], known: Sequence[str]) -> list[_Space]:
        found = [self._sides.space(name) for name in known]
        selectors = tuple(
            dict.fromkeys(
                peer.namespace_selector for peer in (*(bases or ()), *cuts) if peer.namespace_selector is not None
            )
        )
        meant = {base.namespace_selector for base in bases or () if base.namespace_selector is not None}
        if bases is None or meant:
            wanted = sum(1 << number for number, selector in enumerate(selectors) if selector in meant)
            sets = label_sets(selectors, wanted, _MOST_SPACES, of_namespaces=True, taken=self._sides.spaces)
            self._is_complete = self._is_complete and sets.complete
            found += [self._chosen.space(labels) for labels, _ in sets.found]
        return [space for space in found if bases is None or any(space.is_in(base) for base in bases)]

    def _add(
        self,
        bases: tuple[PodPeer, ...] | None,
        cuts: Sequence[PodPeer],
        known: Sequence[str],
        declarations: Sequence[_Ports],
    ) -> None:
        """Add a pod for each combination of selectors, in each namespace, with each of some declarations of ports."""
        simplest: dict[PodPeer, list[Pod]] = {}
        for space in self._spaces(bases, cuts, known):
            here = [base for base in bases or () if space.is_in(base)]
            selectors = tuple(dict.fromkeys(peer.pod_selector for peer in (*here, *cuts) if space.is_in(peer)))
            wanted = sum(1 << number for number in {selectors.index(base.pod_selector) for base in here})
            sets = self._chosen.label_sets(selectors, wanted)
            self._is_complete = self._is_complete and sets.complete
            held = self._held(space, selectors)
            for labels, matched in sets.found:
                there = held.get(matched)
                if there is not None and there.count >= _ENOUGH:
                    continue
                declared = declarations if there is None else (there.pod.named_ports,)
                if self._left < len(declared):
                    self._is_complete = False
                    break
                self._left -= len(declared)
                meant = labels if there is None else there.pod.labels
                pods = [self._chosen.add_pod(space, meant, ports) for ports in declared]
                for base in here:
                    if matched >> selectors.index(base.pod_selector) & 1:
                        simplest.setdefault(base, pods[:2])
        for pod in chain.from_iterable(simplest.values()):
            self._chosen.mark_plain(pod, self._part)

    def _held(self, space: _Space, selectors: Sequence[Selector]) -> dict[int, _Held]:
        """Give the pods of the input by the selectors that they match; a known address is of no matter without blocks."""
        found: dict[int, _Held] = {}
        for held in self._sides.held(space.name) if space.is_known else ():
            if not (held.pod.addresses and self._has_blocks):
                labels = dict(held.pod.labels)
                matched = sum(1 << number for number, selector in enumerate(selectors) if selector.matches(labels))
                known = found.get(matched)
                found[matched] = _Held(held.pod, held.count + (0 if known is None else known.count))
        return found

    @cached_property
    def _has_blocks(self) -> bool:
        facing = chain.from_iterable(map(_peers(self._opposite), self._others))
        return any(isinstance(peer, AddressPeer) for peer in (*self._peers, *facing))

    def _add_nodes(self) -> None:
        bases = self._part.peers
        if bases is not None and not any(isinstance(peer, NodePeer) for peer in bases):
            return
        selectors = tuple(dict.fromkeys(peer.selector for peer in self._peers if isinstance(peer, NodePeer)))
        if not selectors:
            return
        held = [
            {
                sum(1 << number for number, selector in enumerate(selectors) if selector.matches(dict(node.labels)))
                for node in side.nodes
            }
            for side in (self._sides.before, self._sides.after)
        ]
        sets = label_sets(selectors, 0, _MOST_LABEL_SETS)
        self._is_complete = self._is_complete and sets.complete
        simplest: dict[Selector, Node] = {}
        for labels, matched in sets.found:
            if matched not in held[0] & held[1]:
                node = self._chosen.add_node(labels)
                for number, selector in enumerate(selectors):
                    if matched >> number & 1:
                        simplest.setdefault(selector, node)
        for node in simplest.values():
            self._chosen.mark_plain(node, self._part)

    def _declarations(self) -> Sequence[_Ports]:
        """List what a pod may declare of the port names that have a say: nothing, or numbers that rules tell apart."""
        rules = [
            rule
            for policies, direction in ((self._own, self._part.direction), (self._others, self._opposite))
            for policy in policies
            for rule in closed_rules(policy, direction) or ()
        ]
        ports = [port for rule in rules for port in rule.ports or ()]
        names = dict.fromkeys(port for port in ports if isinstance(port, PortName))
        if not names:
            return ((),)
        ranges = [(port.protocol, port.first, port.last) for port in ports if isinstance(port, PortRange)]
        options: dict[str, list[_Ports]] = {}
        for number, port in enumerate(names):
            of_name = options.setdefault(port.name, [()])
            for protocol in PORT_PROTOCOLS if port.protocol is None else (port.protocol,):
                atoms = [item for item in PortAtoms(ranges).atoms if item[0] is protocol]
                self._is_complete = self._is_complete and len(atoms) <= _MOST_NUMBERS
                usual = 8080 + number
                atoms.sort(key=lambda atom: (not atom[1] <= usual <= atom[2], atom))
                for _, first, last in atoms[:_MOST_NUMBERS]:
                    of_name.append((NamedPort(port.name, protocol, min(max(usual, first), last)),))
        found = [tuple(sorted(chain.from_iterable(one))) for one in product(*options.values())]
        found.sort(key=lambda declared: len(declared))
        self._is_complete = self._is_complete and len(found) <= _MOST_DECLARATIONS
        return tuple(dict.fromkeys(found))[:_MOST_DECLARATIONS]


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
