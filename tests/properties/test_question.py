"""On random clusters: a question about many ends is answered as judging each pair of them one by one answers it."""

from __future__ import annotations

from random import Random

import pytest

from podfence.engine.directory import Directory
from podfence.engine.judge import Outside, Party, judge
from podfence.engine.question import Asked, ask
from podfence.engine.resolve import Resolved
from podfence.model.net import Protocol, parse_cidr
from podfence.model.objects import Pod
from podfence.model.snapshot import Snapshot
from tests.properties.clusters import random_cluster

SEEDS = 400
CHUNKS = 8


def some(rng: Random, everyone: list[Party]) -> tuple[Party, ...]:
    return tuple(rng.sample(everyone, rng.randint(1, len(everyone))))


def one_by_one(
    snapshot: Snapshot, sources: tuple[Party, ...], destinations: tuple[Party, ...], protocol: Protocol, port: int
) -> bool:
    """Judge every pair on its own; only one and the same pod talks to itself."""
    return all(
        judge(
            snapshot,
            source,
            destination,
            protocol,
            port,
            to_itself=isinstance(source, Pod) and source is destination and source.count == 1,
        ).allowed
        for source in sources
        for destination in destinations
    )


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_question_about_many_ends_is_answered_as_one_by_one(chunk: int) -> None:
    answers = []
    for seed in range(chunk, SEEDS, CHUNKS):
        snapshot, rng = random_cluster(seed), Random(seed)
        outside = [Outside((parse_cidr(text),)) for text in ("8.8.8.8/32", "2600::/16")]
        everyone: list[Party] = [*snapshot.pods, *snapshot.nodes, *outside]
        sources, destinations = some(rng, everyone), some(rng, everyone)
        protocol, number = rng.choice(((Protocol.TCP, 80), (Protocol.UDP, 53), (Protocol.OTHER, 0)))
        answer = ask(
            Directory(snapshot),
            Resolved("sources", "sources", sources),
            Resolved("destinations", "destinations", destinations),
            Asked(protocol, number),
        )
        expected = one_by_one(snapshot, sources, destinations, protocol, number)
        assert answer.verdict.allowed == expected, f"seed {seed}"
        denied = [side for side in (answer.verdict.egress, answer.verdict.ingress) if not side.allowed]
        assert bool(denied) != expected
        answers.append(expected)
    assert {True, False} <= set(answers), "every answer is the same: nothing was tested"
