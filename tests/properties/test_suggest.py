"""On random clusters: what is suggested for a denied connection allows it, and closes nothing at all.

The suggestion is applied as text, as ``kubectl apply`` would, and the outcome is judged connection by connection
with ``judge``, which knows nothing of classes, frames or proofs.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

import pytest

from podfence.engine.compile import Program
from podfence.engine.directory import Directory
from podfence.engine.frame import Frame
from podfence.engine.judge import Domain, Outside, Party, judge
from podfence.engine.question import Asked, judge_pair, pairs_of
from podfence.engine.resolve import Resolved
from podfence.manifests.load import load
from podfence.manifests.loaded import Identity
from podfence.manifests.write import policy_object
from podfence.model.net import Protocol
from podfence.model.objects import Node, Pod
from podfence.model.snapshot import Snapshot
from podfence.synthesis.edit import read_back
from podfence.synthesis.suggest import Refusal, Suggestion, suggest
from tests.properties.clusters import random_cluster

SEEDS = 320
CHUNKS = 8
QUESTIONS = 8

Connection = tuple[int, int, Protocol, int]


def with_documents(snapshot: Snapshot) -> tuple[Snapshot, dict[Identity, Mapping[str, Any]]]:
    """Give each policy a document where it can be written, and take the policy from that document."""
    documents: dict[Identity, Mapping[str, Any]] = {}
    policies = []
    for policy in snapshot.policies:
        try:
            document = policy_object(policy)
        except ValueError:
            policies.append(policy)
            continue
        read = read_back(document)
        if read is not None:
            documents[read.ref.identity] = document
        policies.append(read or policy)
    return snapshot.with_policies(policies), documents


def parties_of(snapshot: Snapshot) -> list[Party]:
    """List the pods, nodes, one address of each atom, and the domains of a snapshot."""
    classes = Program(Frame(snapshot)).classes
    directory = Directory(snapshot)
    left = [directory.unowned(atom.ranges) for atom in classes.addresses.atoms.atoms]
    outside = [Outside(ranges[:1]) for ranges in left if ranges]
    return [*snapshot.pods, *snapshot.nodes, *outside, *map(Domain, classes.domains)]


def applied(snapshot: Snapshot, suggestion: Suggestion) -> Snapshot:
    """Apply whole manifests: an object of the same identity is replaced, a new one is added."""
    loaded = load(["-"], stdin=io.BytesIO(suggestion.manifests.encode()))
    assert not loaded.problems
    changed = {policy.ref.identity: policy for policy in loaded.snapshot.policies}
    kept = [changed.pop(policy.ref.identity, policy) for policy in snapshot.policies]
    return snapshot.with_policies((*kept, *changed.values()))


def allowed(snapshot: Snapshot, everyone: list[Party], ports: list[tuple[Protocol, int]]) -> set[Connection]:
    """Judge every connection, by the positions of its ends."""
    return {
        (a, b, protocol, port)
        for a, source in enumerate(everyone)
        for b, destination in enumerate(everyone)
        if (isinstance(source, Pod) or isinstance(destination, Pod))
        and not (a == b and isinstance(source, Pod) and source.count == 1)
        for protocol, port in ports
        if judge(snapshot, source, destination, protocol, port).allowed
    }


def questions(seed: int, everyone: list[Party]) -> Iterator[tuple[Resolved, Resolved, Asked]]:
    rng = Random(seed)
    for _ in range(QUESTIONS):
        source, destination = rng.choice(everyone), rng.choice(everyone)
        protocol = rng.choice((Protocol.TCP, Protocol.TCP, Protocol.UDP, Protocol.SCTP, Protocol.OTHER))
        number = 0 if protocol is Protocol.OTHER else rng.choice((1, 53, 80, 443))
        yield resolved(source), resolved(destination), Asked(protocol, number)


def resolved(party: Party) -> Resolved:
    name = getattr(party, "name", "outside")
    return Resolved(name, name, (party,))


def outcomes(seed: int) -> Iterator[tuple[str, str]]:
    """Ask some questions of one cluster; check what is suggested and say what came out."""
    snapshot, documents = with_documents(random_cluster(seed))
    directory = Directory(snapshot)
    everyone = parties_of(snapshot)
    for source, destination, port in questions(seed, everyone):
        pairs = list(pairs_of(directory, snapshot, source, destination, port))
        if all(judge_pair(snapshot, pair).allowed for pair in pairs):
            continue
        found = suggest(directory, documents, source, destination, port)
        about = f"seed {seed}: {source.display} -> {destination.display} {port}"
        if isinstance(found, Refusal):
            assert found.reason, about
            yield "refused", found.reason
            continue
        check(snapshot, found, (source, destination, port), about)
        yield "suggested", "more" if found.pairs else "exactly"


def check(snapshot: Snapshot, found: Suggestion, question: tuple[Resolved, Resolved, Asked], about: str) -> None:
    """Hold a suggestion against the cluster as it was, one connection after the other."""
    after = applied(snapshot, found)
    source, destination, _ = question
    pairs = list(pairs_of(Directory(after), after, *question))
    assert all(judge_pair(after, pair).allowed for pair in pairs), about
    everyone = parties_of(after)
    atoms = Program(Frame(after)).ports.atoms
    ports = [(protocol, first) for protocol, first, _ in atoms]
    was, is_ = allowed(snapshot, everyone, ports), allowed(after, everyone, ports)
    assert not was - is_, f"{about}: something closes\n{found.manifests}"
    others = {
        item
        for item in is_ - was
        if not (covered(everyone[item[0]], source) and covered(everyone[item[1]], destination))
    }
    assert bool(others) <= bool(found.pairs), f"{about}: more opens than was said\n{found.manifests}"


def covered(party: Party, asked: Resolved) -> bool:
    """Tell whether an end is one that was asked about."""
    mine = asked.parties[0]
    if isinstance(mine, Outside) and isinstance(party, Outside):
        return any(piece.first <= party.ranges[0].first <= piece.last for piece in mine.ranges)
    if isinstance(mine, Pod | Node) and isinstance(party, Pod | Node):
        return place(mine) == place(party)
    return mine == party


def place(party: Pod | Node) -> tuple[str, str | None]:
    """Name a pod, or the node whose network an end is on: what is on it has no address of its own."""
    if isinstance(party, Node):
        return "node", party.name
    return ("node", party.node) if party.host_network and party.node else ("pod", party.name)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_what_is_suggested_allows_the_question_and_closes_nothing(chunk: int) -> None:
    seen = [kind for seed in range(chunk, SEEDS, CHUNKS) for kind, _ in outcomes(seed)]
    assert seen.count("suggested") >= 3, "too few suggestions to mean anything"
