"""One policy replaced, judged by its namespace alone, is what compiling everything anew says."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from podfence.engine.compare import Change, opened
from podfence.engine.compile import Program
from podfence.engine.frame import Frame
from podfence.engine.reach import Reach
from podfence.lint.replaced import Replacing
from podfence.model.policy import Policy
from podfence.model.snapshot import Snapshot
from tests.properties.clusters import random_cluster

SEEDS = [seed for seed in range(150) if random_cluster(seed).policies]


def replacement(snapshot: Snapshot, rng: Random) -> Policy:
    """Draw a policy of the cluster, and other rules of its kind and namespace for it."""
    old = rng.choice(snapshot.policies)
    others = [
        policy
        for seed in range(5)
        for policy in random_cluster(10_000 + rng.randrange(10_000) + seed).policies
        if (policy.tier, policy.ref.kind) == (old.tier, old.ref.kind)
    ]
    donor = rng.choice([*others, old])
    subject = donor.subject if donor.ref.namespace == old.ref.namespace and rng.random() < 0.5 else old.subject
    return msgspec.structs.replace(
        old,
        subject=subject,
        ingress=rng.choice([donor.ingress, old.ingress]),
        egress=rng.choice([donor.egress, old.egress]),
    )


def flattened(changes: list[Change]) -> set[tuple[int, int, int]]:
    return {
        (change.source, port, destination)
        for change in changes
        for port in range(change.ports.bit_length())
        if change.ports >> port & 1
        for destination in range(change.destinations.bit_length())
        if change.destinations >> destination & 1
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_a_replaced_policy_opens_and_closes_what_a_full_comparison_says(seed: int) -> None:
    snapshot = random_cluster(seed)
    policy = replacement(snapshot, Random(seed))
    frame = Frame(snapshot, more=[policy])
    replacing = Replacing(frame)
    others = [policy if known.ref == policy.ref else known for known in snapshot.policies]
    after = Reach(Program(frame, others))
    opens, closes = replacing.changes(policy)
    assert flattened(opens) == flattened(list(opened(replacing.before, after)))
    assert flattened(closes) == flattened(list(opened(after, replacing.before)))
