"""Two snapshots side by side: their namespaces, their policies, and which pods the input holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

import msgspec

from podfence.engine.policy_changes import Identity
from podfence.model.labels import Labels, Selector
from podfence.model.objects import Namespace, Pod
from podfence.model.policy import Direction, PodPeer, Policy
from podfence.model.snapshot import Snapshot

ENOUGH = 2
"""Pods that show everything that alike ones do, what they do with each other among it."""


class Space(msgspec.Struct, frozen=True):
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


class Held(msgspec.Struct, frozen=True):
    """Pods of the input that are alike; where there is only one, nothing shows what it does with another like it."""

    pod: Pod
    count: int
    is_newcomer: bool = False
    """On one side only: told as such, and its connections are not compared."""


_Alike = tuple[str, str, str, Labels, bool]


def _alike(snapshot: Snapshot) -> dict[_Alike, Held]:
    found: dict[_Alike, Held] = {}
    for pod in snapshot.pods:
        if not pod.host_network:
            key = (pod.namespace, *pod.workload, pod.labels, bool(pod.addresses))
            found[key] = Held(pod, found[key].count + pod.count if key in found else pod.count)
    return found


class BothSides:
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

    def space(self, name: str) -> Space:
        """Give a namespace of the input."""
        return Space(name, tuple(dict.fromkeys(item.labels for item in self.spaces[name])), is_known=True)

    @cached_property
    def relabelled(self) -> list[str]:
        """List the namespaces whose labels changed: none that is possible is like them on both sides."""
        return [name for name, found in self.spaces.items() if len({item.labels for item in found}) > 1]

    def held(self, namespace: str) -> list[Held]:
        """List the pods of a namespace that the input holds, alike ones together.

        A pod that changed its labels is compared as what it was and is, so it shows neither on both sides.
        """
        return self._held.get(namespace, [])

    @cached_property
    def _held(self) -> dict[str, list[Held]]:
        one, other = (_alike(side) for side in (self.before, self.after))
        workloads = [{key[:3] for key in side} for side in (one, other)]
        found: dict[str, list[Held]] = defaultdict(list)
        for key in dict.fromkeys((*one, *other)):
            if key in one and key in other:
                pod = other[key].pod
                found[key[0]].append(Held(pod, min(one[key].count, other[key].count)))
            elif not (key[:3] in workloads[0] and key[:3] in workloads[1]):
                pod = (one.get(key) or other[key]).pod
                found[key[0]].append(Held(pod, ENOUGH, is_newcomer=True))
        return found
