"""The enforcer sends differences, falls back to the whole, and counts generations; on an nft in memory."""

from __future__ import annotations

import pytest

from podfence.dataplane.compiler import Compiler, compile_snapshot
from podfence.dataplane.difference import Desired
from podfence.dataplane.enforcer import FAILURES_UNTIL_FAILING, Enforcer
from podfence.dataplane.fake import FakeNft
from podfence.dataplane.settings import Settings
from podfence.dataplane.skeleton import skeleton_chains
from podfence.model.change import Change
from podfence.model.error import PodfenceError
from podfence.model.policy import Policy
from tests.small_cluster import (
    NODE,
    POD_CIDRS,
    Allow,
    cluster,
    pod,
    pods_of,
    policy,
    tcp,
)

SETTINGS = Settings(NODE, pod_cidrs=POD_CIDRS)
CLOSED = policy("in", "web", ingress=())
OPEN = policy("in", "web", ingress=[Allow((pods_of("db"),), (tcp(80),))])


def desired(*policies: Policy, settings: Settings = SETTINGS) -> Desired:
    return compile_snapshot(cluster(*policies), settings)


@pytest.fixture
def nft() -> FakeNft:
    return FakeNft()


@pytest.fixture
def enforcer(nft: FakeNft) -> Enforcer:
    return Enforcer(nft)


def test_the_first_state_is_loaded_as_a_whole_and_the_next_as_a_difference(nft: FakeNft, enforcer: Enforcer) -> None:
    enforcer.apply(desired(CLOSED))
    enforcer.apply(desired(OPEN))
    figures = enforcer.figures
    assert (figures.full_transactions, figures.delta_transactions, figures.generation) == (1, 1, 1)
    assert enforcer.check_drift() == ()
    enforcer.apply(desired(OPEN))
    assert len(nft.applied) == 2


def test_a_generation_begins_when_a_permission_shrinks_and_only_then(enforcer: Enforcer) -> None:
    generations = []
    for policies in ((), (CLOSED,), (OPEN,), (OPEN, policy("in2", "web", ingress=[Allow()])), (OPEN,), ()):
        enforcer.apply(desired(*policies))
        generations.append(enforcer.figures.generation)
    assert generations == [1, 2, 2, 2, 3, 3]
    assert enforcer.figures.bumps == 3


def test_without_cutoff_no_generation_begins(enforcer: Enforcer) -> None:
    settings = Settings(NODE, cutoff="none")
    enforcer.apply(desired(settings=settings))
    enforcer.apply(desired(CLOSED, settings=settings))
    assert enforcer.figures.generation == 1


def test_chains_are_made_before_maps_lead_to_them(nft: FakeNft, enforcer: Enforcer) -> None:
    enforcer.apply(desired())
    enforcer.apply(desired(OPEN))
    *_, prepared, switched = nft.applied
    assert "add chain inet podfence in4-" in prepared
    assert "ingress4" not in prepared
    assert "ready4" not in prepared
    assert "add element inet podfence ingress4" in switched
    assert "add chain" not in switched


def test_a_whole_replacement_makes_new_chains_first_too(nft: FakeNft, enforcer: Enforcer) -> None:
    enforcer.apply(desired())
    enforcer.adopt()
    enforcer.apply(desired(OPEN))
    assert "table inet podfence {" not in nft.applied[-2]
    assert "table inet podfence {" in nft.applied[-1]


def test_a_difference_that_fails_becomes_a_whole_and_many_failures_are_told(nft: FakeNft, enforcer: Enforcer) -> None:
    enforcer.apply(desired(CLOSED))
    nft.fail_next = 1
    enforcer.apply(desired())
    assert enforcer.figures.full_transactions == 2
    before = nft.dump()
    nft.fail_next = 99
    for _ in range(FAILURES_UNTIL_FAILING):
        assert not enforcer.is_failing
        with pytest.raises(PodfenceError, match="told to"):
            enforcer.apply(desired(CLOSED))
    assert enforcer.figures.failures_in_a_row == FAILURES_UNTIL_FAILING
    assert nft.dump() == before
    nft.fail_next = 0
    enforcer.apply(desired(CLOSED))
    assert not enforcer.is_failing
    assert enforcer.check_drift() == ()


def test_a_compilers_own_state_is_enforced_even_after_a_failure(nft: FakeNft, enforcer: Enforcer) -> None:
    compiler = Compiler(cluster(CLOSED), SETTINGS)
    enforcer.apply(compiler.desired)
    nft.fail_next = 99
    late = pod("late")
    with pytest.raises(PodfenceError):
        enforcer.apply_difference(compiler.apply([Change(None, late)]), compiler.desired)
    nft.fail_next = 0
    enforcer.apply(compiler.desired)
    assert "10.9.0.4" in nft.list_table().sets["ready4"]


def test_a_new_replica_is_one_transaction_of_a_few_elements(nft: FakeNft, enforcer: Enforcer) -> None:
    compiler = Compiler(cluster(OPEN, policy("d", "db", egress=[Allow((pods_of("web"),))])), SETTINGS)
    enforcer.apply(compiler.desired)
    late = pod("late", labels=pod("db").labels)
    enforcer.apply_difference(compiler.apply([Change(None, late)]), compiler.desired)
    lines = nft.applied[-1].splitlines()
    assert len(nft.applied) == 2
    assert len(lines) == 10
    assert enforcer.figures.generation == 1
    assert all(line.startswith("add element") for line in lines)


def test_what_an_earlier_agent_left_is_taken_over(nft: FakeNft) -> None:
    first = Enforcer(nft)
    first.apply(desired(OPEN))
    first.apply(desired(CLOSED))
    second = Enforcer(nft)
    assert second.adopt() == first.figures.generation == 2
    second.apply(desired())
    assert second.figures.generation == 3
    fresh = FakeNft()
    Enforcer(fresh).apply(desired())
    assert {*nft.dump()[1]} == {*fresh.dump()[1]}
    assert nft.dump()[0] == fresh.dump()[0]


def test_numbers_begin_again_after_the_connections_forgot_them(nft: FakeNft) -> None:
    forgotten: list[int] = []
    enforcer = Enforcer(nft, forget_stamps=forgotten.append)
    settings = Settings(NODE, mark_mask=0x00030000)
    generations = []
    for _ in range(4):
        enforcer.apply(desired(settings=settings))
        enforcer.apply(desired(CLOSED, settings=settings))
        generations.append(enforcer.figures.generation)
    assert generations == [2, 3, 1, 2]
    assert forgotten == [0, 3]


def test_a_table_of_another_layout_under_our_names_is_replaced_itself(nft: FakeNft, enforcer: Enforcer) -> None:
    nft.apply(
        "add set inet podfence ready4 { type ipv6_addr; }\n"
        'add chain inet podfence old { comment "x"; }\nadd rule inet podfence old ip6 saddr @ready4 accept\n'
    )
    enforcer.adopt()
    enforcer.apply(desired(OPEN))
    assert nft.sets["ready4"].type == "ipv4_addr"
    assert "old" not in nft.chains
    assert enforcer.check_drift() == ()


def test_other_settings_replace_the_whole(nft: FakeNft, enforcer: Enforcer) -> None:
    enforcer.apply(desired(CLOSED))
    enforcer.apply(desired(CLOSED, settings=Settings(NODE, audit=True)))
    assert enforcer.figures.generation == 2
    assert nft.chains["unready"] == list(skeleton_chains(Settings(NODE, audit=True))["unready"].rules)


def test_drift_is_named_repaired_and_counted(nft: FakeNft, enforcer: Enforcer) -> None:
    enforcer.apply(desired(OPEN))
    nft.apply('add chain inet podfence theirs { comment "x"; }\nflush set inet podfence ready4\n')
    nft.chains["judge"].pop()
    found = enforcer.check_drift()
    assert found == ("set ready4 has other elements", "chain judge has other rules", "chain theirs is not ours")
    assert enforcer.check_drift() == ()
    assert enforcer.figures.drift_repairs == 1


def test_only_to_uninstall_removes_the_table(nft: FakeNft, enforcer: Enforcer) -> None:
    enforcer.apply(desired(OPEN))
    enforcer.uninstall()
    assert nft.dump() == ({}, {})
    assert enforcer.adopt() == 0
    enforcer.apply(desired(OPEN))
    assert enforcer.figures.generation == 1
