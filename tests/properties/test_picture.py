"""A picture says of every pair what the map says, and names the rules that ``judge`` says decided."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from podfence.engine import bitset
from podfence.engine.attribution import Attribution, SideOfPolicy
from podfence.engine.compile import Program
from podfence.engine.connectivity import Connectivity
from podfence.engine.endpoints import Grouping
from podfence.engine.excerpt import Excerpt, around, of_namespace, of_outside
from podfence.engine.frame import Frame
from podfence.engine.picture import Picture
from podfence.model.policy import Direction
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import SideVerdict
from tests.properties.pairs import judged, parties
from tests.properties.test_connectivity import cluster

SEEDS = 100
BATCH = 20

Connections = dict[tuple[int, int], int]


def of_picture(picture: Picture) -> Connections:
    """List the connections of a picture, group by group and with its two rules for what groups cannot know."""
    endpoints = picture.connectivity.endpoints
    found = {}
    for group, parts in picture.rows():
        for part in parts:
            for reached in bitset.members(part.groups):
                for source in picture.members[group]:
                    for destination in picture.members[reached]:
                        assert (source, destination) not in found
                        if source != destination or endpoints[source].repeated:
                            found[source, destination] = part.ports
    for source, near in picture.near():
        found |= {(source, destination): picture.connectivity.program.ports.everything for destination in near}
    return found


def excerpts(connectivity: Connectivity) -> Iterator[Excerpt]:
    scopes = [
        around(connectivity, [0], 2),
        of_namespace(connectivity, connectivity.snapshot.namespaces[0].name),
        of_outside(connectivity),
    ]
    yield Excerpt(connectivity)
    yield from (Excerpt(connectivity, [scope]) for scope in scopes)
    yield Excerpt(connectivity, scopes[1:])


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
@pytest.mark.parametrize("grouping", [Grouping.POD, Grouping.WORKLOAD])
def test_a_picture_shows_what_the_map_lists(first: int, grouping: Grouping) -> None:
    for seed in range(first, first + BATCH):
        for number, excerpt in enumerate(excerpts(Connectivity(cluster(seed), grouping))):
            listed = {(source, to): ports for source, outgoing in excerpt.connections() for to, ports in outgoing}
            picture = Picture(excerpt)
            assert of_picture(picture) == listed, f"seed {seed}, excerpt {number}"
            inside = [
                excerpt.connectivity.endpoints[end].has_pods for end in range(len(excerpt.connectivity.endpoints))
            ]
            assert picture.pairs() == sum(a != b and inside[a] and inside[b] for a, b in listed), f"seed {seed}"


def unnamed(snapshot: Snapshot) -> Iterator[str]:
    """Name every verdict whose deciding rule or isolating policy no match of the attribution holds."""
    program = Program(Frame(snapshot))
    classed = list(parties(snapshot, program))
    sides = list(Attribution(program).sides(snapshot.policies))
    for a, b, verdicts in judged(program, [party for party, _ in classed], snapshot):
        ends = {Direction.EGRESS: (classed[a][1], classed[b][1]), Direction.INGRESS: (classed[b][1], classed[a][1])}
        for atom, asked in enumerate(verdicts):
            for side in (asked.verdict.egress, asked.verdict.ingress):
                if not _is_named(side, sides, 1 << atom, *ends[side.direction]):
                    yield f"{asked}: {side.direction}"


def _is_named(side: SideVerdict, sides: list[SideOfPolicy], ports: int, subject: int, peer: int) -> bool:
    here = [found for found in sides if found.direction is side.direction and found.subjects >> subject & 1]
    if not {policy.ref for policy in side.isolated_by} <= {found.policy.ref for found in here}:
        return False
    return side.rule is None or any(
        found.policy.ref == (side.policy and side.policy.ref)
        and listed.rule.path == side.rule.path
        and any(
            match.ports & ports and match.subjects >> subject & 1 and match.peers >> peer & 1
            for match in listed.matches
        )
        for found in here
        for listed in found.rules
    )


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_the_rule_that_decides_is_among_those_that_are_named(first: int) -> None:
    wrong = [f"seed {seed}: {found}" for seed in range(first, first + BATCH) for found in unnamed(cluster(seed))]
    assert not wrong
