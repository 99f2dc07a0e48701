"""Hosts by name: which pods of this node may reach any, what they were told, and what of it goes into the kernel.

Works on the compiler's own content and population; what is said here is written by the compiler's next ``apply``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from podfence.dataplane.addresses import Active
from podfence.dataplane.classes import CompiledClass
from podfence.dataplane.content import Content
from podfence.dataplane.lookups import Answer, Key, Need
from podfence.dataplane.members import ATTENDED, FAMILIES
from podfence.dataplane.population import Population
from podfence.dataplane.resolvers import answers_chains, attended_elements
from podfence.dataplane.settings import Settings
from podfence.engine.decide import name_covers
from podfence.model.net import family_of
from podfence.model.policy import DomainPeer

Pairs = Collection[tuple[int, int]]
"""A pod's address and a host's, each."""


class Hosts:
    """The hosts that pods of one node may reach by name."""

    def __init__(self, settings: Settings, content: Content, population: Population, active: Active) -> None:
        self._settings, self._content = settings, content
        self._population, self._active, self._lookups = population, active, active.lookups
        self._attended = 0
        for name, chain in answers_chains(settings, holds=False).items():
            content.use_chain(name, chain)

    @property
    def hold_answers(self) -> bool:
        """Tell whether pods may reach hosts by name, so that what resolvers answer is held."""
        return bool(self._active.domains)

    def speak_of(self, compiled: CompiledClass | None, known: CompiledClass | None = None) -> None:
        """Note the names by which the pods of a class may reach hosts; answers are held while there are any."""
        domains = self._active.domains
        if known is not None:
            domains.pop(known.name, None)
        if compiled is not None and (peers := tuple(p for p in compiled.needs.members if isinstance(p, DomainPeer))):
            domains[compiled.name] = peers
        for name, chain in answers_chains(self._settings, holds=bool(domains)).items():
            self._content.put_chain(name, chain)
        self._put_attended()

    def settle(self) -> None:
        """Forget what pods were told that are not there any more."""
        for pod in self._lookups.settle(self._population.addresses_of):
            self._population.mark_pod(pod)

    def need(self, answer: Answer, now_s: float) -> Need:
        """Tell what an answer is to the pod that asked."""
        asker = self._asker(answer)
        if asker is None:
            return Need.NONE
        return Need.KNOWN if self._lookups.knows(asker, answer, now_s) else Need.NEW

    def learn(self, answer: Answer, now_s: float) -> None:
        """Take in what a pod was told, if a policy speaks of it."""
        asker = self._asker(answer)
        if asker is not None:
            self._lookups.learn(asker, answer, now_s)
            for pod in (asker, *self._lookups.take_crowded()):
                self._population.mark_pod(pod)

    def expire(self, now_s: float, alive: Callable[[Pairs], Pairs]) -> None:
        """Let go of what pods were told too long ago; ``alive`` gives the pairs between which a connection lives."""
        expired = {key: self._pairs(key) for key in self._lookups.expired(now_s)}
        living = frozenset(alive([pair for pairs in expired.values() for pair in pairs])) if expired else frozenset()
        for key, pairs in expired.items():
            if living.isdisjoint(pairs):
                self._lookups.drop(key)
            else:
                self._lookups.keep(key, now_s)
            self._population.mark_pod(key[0])

    def attend(self) -> None:
        """Say anew that somebody looks after the answers of resolvers."""
        self._attended += 1
        self._put_attended()

    def _asker(self, answer: Answer) -> str | None:
        """Find the pod that asked, if it may reach a host by this name."""
        asker = self._population.pod_at(answer.asker)
        if asker is None:
            return None
        peers = (peer for family in FAMILIES for peer in self._active.names_of(asker.profile, family))
        is_meant = any(name_covers(pattern, answer.name) for peer in peers for pattern in peer.names)
        return asker.name if is_meant else None

    def _pairs(self, key: Key) -> list[tuple[int, int]]:
        pod, _, host = key
        return [(own, host) for own in self._population.addresses_of(pod) if family_of(own) is family_of(host)]

    def _put_attended(self) -> None:
        for key, element in attended_elements(self._attended).items():
            if self._active.domains:
                self._content.put(ATTENDED, key, element)
            else:
                self._content.drop(ATTENDED, key)
