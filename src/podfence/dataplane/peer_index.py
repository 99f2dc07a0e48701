"""Selectors by what a pod must have to be matched, so that a new pod is compared with few of them.

Each peer or subject is filed under one fact that every pod it matches has: a label, the key of a label, or its
namespace; only those without any such fact are compared with every pod.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from podfence.engine.decide import selects
from podfence.model.labels import NAMESPACE_NAME_LABEL, Operator, Selector
from podfence.model.policy import PodPeer

Fact = tuple[str, str, str]


class PeerIndex:
    """Peers and subjects, found by the pods that they match."""

    def __init__(self) -> None:
        self._by_fact: dict[Fact, dict[PodPeer, None]] = {}

    def add(self, peer: PodPeer) -> None:
        """File a peer."""
        for fact in _facts_wanted(peer):
            self._by_fact.setdefault(fact, {})[peer] = None

    def remove(self, peer: PodPeer) -> None:
        """Take a peer out again."""
        for fact in _facts_wanted(peer):
            found = self._by_fact[fact]
            del found[peer]
            if not found:
                del self._by_fact[fact]

    def matching(
        self, namespace: str, namespace_labels: Mapping[str, str], labels: Mapping[str, str]
    ) -> Iterator[PodPeer]:
        """Give each peer that matches a pod, once."""
        for fact in _facts_had(namespace, labels):
            for peer in self._by_fact.get(fact, ()):
                if selects(peer, namespace, namespace_labels, labels):
                    yield peer


def _facts_wanted(peer: PodPeer) -> list[Fact]:
    """Give the facts of which a pod must have exactly one, or the one that every pod has."""
    for requirement in peer.pod_selector.requirements:
        if requirement.operator is Operator.IN:
            return [("label", requirement.key, value) for value in requirement.values]
    if peer.namespace is not None:
        return [("namespace", peer.namespace, "")]
    for requirement in (peer.namespace_selector or Selector()).requirements:
        if requirement.operator is Operator.IN and requirement.key == NAMESPACE_NAME_LABEL:
            return [("namespace", value, "") for value in requirement.values]
    for requirement in peer.pod_selector.requirements:
        if requirement.operator is Operator.EXISTS:
            return [("key", requirement.key, "")]
    return [("any", "", "")]


def _facts_had(namespace: str, labels: Mapping[str, str]) -> Iterator[Fact]:
    yield ("any", "", "")
    yield ("namespace", namespace, "")
    for key, value in labels.items():
        yield ("label", key, value)
        yield ("key", key, "")
