"""What a difference says opened or closed is what ``judge`` allows on one side and denies on the other."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import msgspec
import pytest

from podfence.engine.difference import Pair, difference
from podfence.engine.endpoints import Endpoint, Grouping
from podfence.engine.joint import Side, join
from podfence.engine.judge import Domain, Outside, Party
from podfence.model.snapshot import Snapshot
from tests.properties.clusters import random_cluster
from tests.properties.test_connectivity import Verdicts, cluster

SEEDS = 240
BATCH = 20


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_what_opened_and_closed_is_what_judging_both_sides_says(first: int) -> None:
    wrong = [f"seed {seed}: {found}" for seed in range(first, first + BATCH) for found in _differences(seed)]
    assert not wrong


def test_the_random_changes_open_close_bring_and_take_away() -> None:
    found = [difference(join(*_sides(seed)), Grouping.POD) for seed in range(60)]
    assert all(any(getattr(one, what) for one in found) for what in ("opened", "closed", "added", "removed"))


@pytest.mark.parametrize("seed", range(20))
def test_nothing_differs_from_itself(seed: int) -> None:
    assert difference(join(cluster(seed), cluster(seed))).is_empty


def _sides(seed: int) -> tuple[Snapshot, Snapshot]:
    """Make a cluster and what became of it: other policies, and now and then other labels, pods or nodes."""
    rng = Random(seed)
    before = cluster(seed)
    other = random_cluster(seed + 100_000)
    kept = [policy for policy in before.policies if rng.random() < 0.7]
    policies = (
        *kept,
        *(
            msgspec.structs.replace(p, ref=msgspec.structs.replace(p.ref, name=f"n-{p.ref.name}"))
            for p in other.policies[:2]
        ),
    )
    namespaces = other.namespaces if rng.random() < 0.4 else before.namespaces
    nodes = before.nodes
    if nodes and other.nodes and rng.random() < 0.4:
        nodes = (msgspec.structs.replace(other.nodes[0], name=nodes[0].name), *nodes[1:])
    labels = [pod.labels for pod in other.pods] or [()]
    pods = [
        msgspec.structs.replace(pod, labels=rng.choice(labels)) if rng.random() < 0.2 else pod
        for pod in before.pods
        if rng.random() < 0.9
    ]
    pods += [
        msgspec.structs.replace(pod, name=f"new-{pod.name}", workload=("Pod", f"new-{pod.name}"), count=1)
        for pod in other.pods[:1]
        if rng.random() < 0.3
    ]
    after = Snapshot(
        namespaces=namespaces,
        pods=tuple(sorted(pods, key=lambda pod: (pod.namespace, pod.name))),
        nodes=nodes,
        policies=policies,
        pod_ranges=before.pod_ranges,
    )
    return before, after


def _differences(seed: int) -> Iterator[str]:
    before, after = _sides(seed)
    found = difference(join(before, after), Grouping.POD)
    told = {
        (number, link.source.after.id, link.destination.after.id): link.ports
        for number, links in enumerate((found.opened, found.closed))
        for link in links
    }
    then, now = Verdicts(before), Verdicts(after)
    joint = found.joint
    for source in found.pairs:
        for destination in found.pairs:
            if not _is_connection(source, destination):
                continue
            a, b = _party(source.before, joint.before), _party(destination.before, joint.before)
            c, d = _party(source.after, joint.after), _party(destination.after, joint.after)
            key = source.after.id, destination.after.id
            for atom, (protocol, port, _) in enumerate(joint.frame.ports.atoms):
                was, would = then.allowed(a, b, protocol, port), now.allowed(c, d, protocol, port)
                said = bool(told.get((0, *key), 0) >> atom & 1), bool(told.get((1, *key), 0) >> atom & 1)
                if said != (would and not was, was and not would):
                    yield f"{key[0]} -> {key[1]} {protocol.value} {port}: was {was}, is {would}, said {said}"


def _is_connection(source: Pair, destination: Pair) -> bool:
    return source is not destination and (source.after.has_pods or destination.after.has_pods)


def _party(endpoint: Endpoint, side: Side) -> Party:
    match endpoint.kind:
        case "External":
            return Outside(endpoint.ranges)
        case "Domain":
            return Domain(endpoint.name)
        case "Node":
            return next(node for node, _ in side.nodes if node.name == endpoint.name)
        case _:
            found = (pod for pod, number in side.pods if number == endpoint.classes[0])
            return next(p for p in found if p.namespace == endpoint.namespace and endpoint.name.startswith(p.name))
