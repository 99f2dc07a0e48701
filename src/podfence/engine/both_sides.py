"""Two snapshots side by side: their namespaces, their policies, and which pods the input holds."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice, takewhile

import msgspec

from podfence.engine.label_sets import overlap
from podfence.engine.policy_changes import Identity
from podfence.model.labels import NAMESPACE_NAME_LABEL, Labels, Selector, selector
from podfence.model.objects import Namespace, Pod
from podfence.model.policy import Direction, PodPeer, Policy
from podfence.model.snapshot import Snapshot

ENOUGH = 2
"""Pods that show everything that alike ones do, what they do with each other among it."""


class Space(msgspec.Struct, frozen=True):
    """A namespace that is known or possible, with its labels on each side."""

    name: str
    labels: tuple[Labels, ...]
    home: str | None
    """The namespace of the input that it is or stands for."""
    is_known: bool

    def is_in(self, peer: PodPeer) -> bool:
        """Tell whether a peer may mean pods of this namespace."""
        if peer.namespace is not None:
            return peer.namespace == self.home
        selector = peer.namespace_selector or Selector()
        return any(selector.matches(dict(labels)) for labels in self.labels)

    def those_in(self, peers: Sequence[PodPeer]) -> Iterator[PodPeer]:
        """Give those of some peers that may mean pods of this namespace."""
        known: dict[tuple[str | None, Selector | None], bool] = {}
        for peer in peers:
            scope = (peer.namespace, peer.namespace_selector)
            is_meant = known.get(scope)
            if is_meant is None:
                is_meant = known[scope] = self.is_in(peer)
            if is_meant:
                yield peer


class Held(msgspec.Struct, frozen=True):
    """Pods of the input that are alike; where there is only one, nothing shows what it does with another like it."""

    pod: Pod
    count: int
    is_newcomer: bool = False
    """On one side only: told as such, and its connections are not compared."""


_Alike = tuple[str, str, Labels, bool]


def _alike(snapshot: Snapshot, namespace: str) -> dict[_Alike, Held]:
    found: dict[_Alike, Held] = {}
    first = bisect_left(snapshot.pods, namespace, key=lambda pod: pod.namespace)
    for pod in takewhile(lambda pod: pod.namespace == namespace, islice(snapshot.pods, first, None)):
        if not pod.host_network:
            key = (*pod.workload, pod.labels, bool(pod.addresses))
            found[key] = Held(pod, found[key].count + pod.count if key in found else pod.count)
    return found


class BothSides:
    """What both sides hold, by namespace."""

    def __init__(self, before: Snapshot, after: Snapshot, changed_identities: Iterable[Identity]) -> None:
        self.before, self.after = before, after
        self.spaces: dict[str, list[Namespace]] = defaultdict(list)
        for item in (*before.namespaces, *after.namespaces):
            self.spaces[item.name].append(item)
        by_namespace: dict[str | None, list[Policy]] = defaultdict(list)
        for policy in before.policies:
            by_namespace[policy.ref.namespace].append(policy)
        changed = set(changed_identities)
        for policy in after.policies:
            if policy.ref.identity in changed:
                by_namespace[policy.ref.namespace].append(policy)
        self._by_namespace = by_namespace
        self._held: dict[str, list[Held]] = {}

    def policies(self, namespaces: Iterable[str | None], direction: Direction) -> list[Policy]:
        """List the policies in some namespaces that say something about a direction."""
        found = (policy for name in dict.fromkeys(namespaces) for policy in self._by_namespace.get(name, ()))
        return [policy for policy in found if policy.rules(direction) is not None]

    def space(self, name: str) -> Space:
        """Give a namespace of the input."""
        return Space(name, tuple(dict.fromkeys(item.labels for item in self.spaces[name])), name, is_known=True)

    @cached_property
    def bare(self) -> frozenset[str]:
        """Give the namespaces of which neither side tells the labels."""
        sides = (self.before, self.after)
        told = {item.name for side in sides for item in side.namespaces if item.name not in side.bare_namespaces}
        return frozenset(self.spaces.keys() - told)

    def may_be_in(self, name: str, peer: PodPeer) -> bool:
        """Tell whether a peer may mean pods of a namespace of the input, or of one that nobody has yet."""
        if name in self.spaces and self.space(name).is_in(peer):
            return True
        if peer.namespace is not None or (name in self.spaces and name not in self.bare):
            return False
        return overlap(peer.namespace_selector or Selector(), selector({NAMESPACE_NAME_LABEL: name}))

    @cached_property
    def relabelled(self) -> list[str]:
        """List the namespaces whose labels changed: none that is possible is like them on both sides."""
        return [name for name, found in self.spaces.items() if len({item.labels for item in found}) > 1]

    def held(self, namespace: str) -> list[Held]:
        """List the pods of a namespace that the input holds, alike ones together.

        A pod that changed its labels is compared as what it was and is, so it shows neither on both sides.
        """
        known = self._held.get(namespace)
        if known is None:
            known = self._held[namespace] = list(self._find_held(namespace))
        return known

    def _find_held(self, namespace: str) -> Iterator[Held]:
        one, other = (_alike(side, namespace) for side in (self.before, self.after))
        there, here = ({key[:2] for key in side} for side in (one, other))
        for key in dict.fromkeys((*one, *other)):
            if key in one and key in other:
                yield Held(other[key].pod, min(one[key].count, other[key].count))
            elif not (key[:2] in there and key[:2] in here):
                yield Held((one.get(key) or other[key]).pod, ENOUGH, is_newcomer=True)
