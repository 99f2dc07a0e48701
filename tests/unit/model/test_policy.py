"""Policies: which rules there are for a direction, and the order in which they are evaluated."""

from __future__ import annotations

import itertools

from podfence.model.labels import EVERYTHING
from podfence.model.objects import ObjectRef
from podfence.model.policy import Direction, PodPeer, Policy, Tier
from podfence.model.snapshot import Snapshot


def policy(kind: str, name: str, priority: int) -> Policy:
    subject = PodPeer(None, EVERYTHING, EVERYTHING)
    return Policy(ObjectRef(kind, None, name), Tier.ADMIN, priority, subject, (), None)


def test_no_rules_and_nothing_said_are_two_things() -> None:
    one = policy("ClusterNetworkPolicy", "a", 1)
    assert one.rules(Direction.INGRESS) == ()
    assert one.rules(Direction.EGRESS) is None


def test_policies_go_by_priority_then_name_then_kind() -> None:
    wanted = [
        policy("ClusterNetworkPolicy", "z", 2),
        policy("AdminNetworkPolicy", "a", 10),
        policy("ClusterNetworkPolicy", "a", 10),
        policy("AdminNetworkPolicy", "b", 10),
    ]
    for given in itertools.permutations(wanted):
        assert sorted(given, key=lambda item: item.order) == wanted


def test_an_object_is_who_it_is_wherever_it_stands() -> None:
    assert ObjectRef("Pod", "x", "a") == ObjectRef("Pod", "x", "a")
    assert len({ObjectRef("Pod", "x", "a"), ObjectRef("Pod", "y", "a"), ObjectRef("Node", None, "a")}) == 3
    assert [str(ObjectRef("Pod", "x", "a")), str(ObjectRef("Node", None, "a"))] == ["x/a", "a"]


def test_a_snapshot_with_other_policies_shares_all_else() -> None:
    before = Snapshot(policies=(policy("AdminNetworkPolicy", "a", 1),))
    after = before.with_policies([])
    assert after.policies == ()
    assert after.pods is before.pods
