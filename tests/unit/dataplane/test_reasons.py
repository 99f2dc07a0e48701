"""Whatever the kernel may log can be explained, and what the table says fits into it."""

from __future__ import annotations

import re
from random import Random

import pytest

from podfence.dataplane.compiler import compile_snapshot
from podfence.dataplane.render import render
from podfence.dataplane.settings import Settings
from podfence.model.policy import Direction, Tier
from podfence.model.verdict import DecidedIn
from tests.properties.clusters import random_cluster
from tests.properties.test_dataplane import addressed
from tests.small_cluster import (
    NODE,
    Allow,
    cluster,
    cluster_policy,
    deny,
    pods_of,
    policy,
    tcp,
)


@pytest.mark.parametrize("seed", range(40))
def test_every_id_in_the_table_has_its_reason_and_every_reason_its_id(seed: int) -> None:
    snapshot = addressed(Random(seed), random_cluster(seed))
    settings = Settings("n1", log_allowed=seed % 2 == 0)
    reasons = compile_snapshot(snapshot, settings).reasons
    text = render(snapshot, settings)
    assert set(re.findall(r'prefix "([^"]*)"', text)) == set(reasons)
    assert all(len(found) <= 60 for found in reasons)
    known = {policy.ref for policy in snapshot.policies}
    for found, reason in reasons.items():
        assert reason.allowed == found.startswith("A")
        assert {reason.policy, *reason.isolated_by} - {None} <= known
        assert reason.policy or reason.isolated_by or reason.note or reason.allowed
    assert all(len(comment.encode()) < 128 for comment in re.findall(r'comment "([^"]*)"', text))


def test_ids_stay_the_same_whatever_else_is_there() -> None:
    one = policy("in", "web", ingress=())
    alone = compile_snapshot(cluster(one), Settings(NODE)).reasons
    more = compile_snapshot(cluster(one, policy("other", "db", egress=())), Settings(NODE)).reasons
    assert alone.items() <= more.items()
    assert len(more) == len(alone) + 1


def test_a_denial_names_its_rule_or_those_that_isolate() -> None:
    isolating = policy("in", "web", ingress=[Allow(())])
    admin = cluster_policy("no", "web", ingress=[deny()])
    base = cluster_policy("base", "api", tier=Tier.BASELINE, egress=[deny()])
    reasons = compile_snapshot(cluster(isolating, admin, base), Settings(NODE)).reasons
    said = {(r.tier, r.direction, r.policy, r.path, r.isolated_by) for r in reasons.values() if not r.note}
    assert said == {
        (DecidedIn.NETWORK_POLICY, Direction.INGRESS, None, "", (isolating.ref,)),
        (DecidedIn.ADMIN, Direction.INGRESS, admin.ref, "spec.ingress[0]", ()),
        (DecidedIn.BASELINE, Direction.EGRESS, base.ref, "spec.egress[0]", ()),
    }


def test_classes_that_deny_for_one_reason_share_its_chain() -> None:
    policies = (policy("in", None, ingress=()), cluster_policy("x", "web", ingress=[Allow()]))
    desired = compile_snapshot(cluster(*policies), Settings(NODE))
    assert len([name for name in desired.classes if name.startswith("in4-")]) == 2
    assert len([name for name in desired.chains if name.startswith("deny-")]) == 1


def test_a_rule_that_an_earlier_one_of_its_tier_leaves_nothing_to_is_left_out() -> None:
    allowing = [Allow((pods_of("db"),), (tcp(80),)), Allow((pods_of("db"),), (tcp(81),))]
    first, second = (policy(name, "web", ingress=allowing) for name in ("a", "b"))
    admin = cluster_policy("no", "web", ingress=[deny((pods_of("db"),), (tcp(80),))])
    alone, both = (
        compile_snapshot(cluster(*found), Settings(NODE)) for found in ((first, admin), (first, second, admin))
    )
    for desired in (alone, both):
        (rules,) = (chain.rules for name, chain in desired.chains.items() if name.startswith("in4-"))
        said = [rule.partition("comment ")[2] for rule in rules if "@sel4-" in rule]
        assert said == [
            '"ClusterNetworkPolicy no spec.ingress[0]"',
            '"NetworkPolicy shop/a spec.ingress[0]"',
            '"NetworkPolicy shop/a spec.ingress[1]"',
        ]


def test_many_rules_stand_in_a_chain_that_is_named_by_what_it_holds() -> None:
    def rules(*ports: int) -> dict[str, tuple[str, ...]]:
        many = policy("in", "web", ingress=[Allow((pods_of("db"),), (tcp(port),)) for port in ports])
        chains = compile_snapshot(cluster(many), Settings(NODE)).chains
        return {name: chain.rules for name, chain in chains.items() if name.startswith(("rules-", "in4-"))}

    few, many, other = rules(*range(1, 20)), rules(*range(1, 100)), rules(*range(2, 101))
    assert len(few) == 1
    assert len(many) == len(other) == 3
    assert len(many.keys() & other.keys()) == 1
    (chain,) = many.keys() & other.keys()
    assert [len(found[chain]) for found in (few, many, other)] == [22, 1, 1]
