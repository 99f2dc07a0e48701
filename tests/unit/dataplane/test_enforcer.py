"""The enforcer sends differences, falls back to the whole, and counts generations; on an nft in memory."""

from __future__ import annotations

import pytest

from podfence.dataplane.compiler import Compiler, compile_snapshot
from podfence.dataplane.difference import Desired
from podfence.dataplane.enforcer import FAILURES_UNTIL_FAILING, Enforcer
from podfence.dataplane.fake import FakeNft
from podfence.dataplane.settings import Settings
from podfence.dataplane.skeleton import skeleton_chains
from podfence.dataplane.transaction import full_text
from podfence.model.change import Change
from podfence.model.error import PodfenceError
from podfence.model.net import parse_address
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
    assert second.adopt().generation == first.figures.generation == 2
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
    assert enforcer.adopt().generation == 0
    enforcer.apply(desired(OPEN))
    assert enforcer.figures.generation == 1


BOUND = 25_000
"""Bytes that hold the skeleton and a few changes, and no policy of a hundred rules."""
MANY = policy("many", "web", ingress=[Allow((pods_of("db"),), (tcp(n),)) for n in range(1, 200)])
MORE = policy("many", "web", ingress=[Allow((pods_of("db"),), (tcp(n),)) for n in range(2, 200)])


def bounded() -> FakeNft:
    nft = FakeNft()
    nft.most_bytes = BOUND
    return nft


def same_as_a_whole_load(nft: FakeNft, wanted: Desired, generation: int) -> bool:
    fresh = FakeNft()
    fresh.apply(full_text(wanted, generation))
    return nft.dump() == fresh.dump() and nft.hooks == fresh.hooks


def test_a_bounded_nft_refuses_a_large_transaction() -> None:
    with pytest.raises(PodfenceError, match="Message too long"):
        bounded().apply(full_text(desired(MANY), 1))


def test_where_transactions_are_bounded_every_state_is_reached_all_the_same() -> None:
    nft = bounded()
    enforcer = Enforcer(nft)
    for policies in ((MANY,), (), (MANY,), (MORE,), (MORE, CLOSED), (CLOSED,)):
        enforcer.apply(desired(*policies))
        assert same_as_a_whole_load(nft, desired(*policies), enforcer.figures.generation)
        assert enforcer.check_drift() == ()
    assert enforcer.figures.errors == 0
    assert enforcer.figures.full_transactions == 1


def test_small_changes_are_the_same_transactions_with_and_without_a_bound() -> None:
    texts = []
    for nft in (FakeNft(), bounded()):
        compiler = Compiler(cluster(OPEN), SETTINGS)
        enforcer = Enforcer(nft)
        enforcer.apply(compiler.desired)
        loaded = len(nft.applied)
        late = pod("late", labels=pod("db").labels)
        for changes in ([Change(None, late)], [Change(OPEN, CLOSED)], [Change(late, None)]):
            enforcer.apply_difference(compiler.apply(changes), compiler.desired)
        texts.append(nft.applied[loaded:])
    assert texts[0] == texts[1]
    assert len(texts[0]) == 3


def test_maps_lead_to_chains_in_one_transaction_after_all_their_pieces() -> None:
    nft = bounded()
    enforcer = Enforcer(nft)
    enforcer.apply(desired())
    loaded = len(nft.applied)
    enforcer.apply(desired(MANY))
    *prepared, switched = nft.applied[loaded:]
    assert len(prepared) > 2
    assert not any(name in text for text in prepared for name in ("ingress4", "ingress6", "stamp"))
    assert all(f"add element inet podfence {name}" in switched for name in ("ingress4", "ingress6"))
    assert "flush chain inet podfence stamp" in switched
    assert "add chain" not in switched


def test_a_bounded_change_that_fails_on_its_way_leaves_what_is_enforced() -> None:
    nft = bounded()
    enforcer = Enforcer(nft)
    enforcer.apply(desired(CLOSED))
    before = enforced(nft)
    nft.fail_at = "rules-"
    with pytest.raises(PodfenceError, match="told to"):
        enforcer.apply(desired(MANY))
    nft.fail_at = ""
    assert before.items() <= enforced(nft).items()
    enforcer.apply(desired(MANY))
    assert same_as_a_whole_load(nft, desired(MANY), enforcer.figures.generation)


def enforced(nft: FakeNft) -> dict[str, object]:
    return {**nft.dump()[0], **nft.dump()[1]}


def test_where_transactions_are_bounded_another_agent_trusts_no_rule_that_it_finds() -> None:
    nft = bounded()
    Enforcer(nft).apply(desired(MANY))
    body = next(name for name in nft.chains if name.startswith("rules-"))
    nft.chains[body] = [rule.replace("tcp dport", "tcp sport") for rule in nft.chains[body]]
    nft.apply("flush set inet podfence ready4\nadd chain inet podfence theirs\n")
    second = Enforcer(nft)
    second.adopt()
    second.apply(desired(MANY))
    assert same_as_a_whole_load(nft, desired(MANY), 2)


def test_another_agent_tells_a_chain_of_other_rules_by_its_seal() -> None:
    nft = bounded()
    Enforcer(nft).apply(desired(OPEN))
    other = policy("in", "web", ingress=[Allow((pods_of("db"),), (tcp(81),))])
    assert desired(OPEN).chains.keys() == desired(other).chains.keys()
    second = Enforcer(nft)
    second.adopt()
    second.apply(desired(other))
    assert same_as_a_whole_load(nft, desired(other), 2)


def test_what_cannot_switch_at_once_is_written_beside_what_is_enforced_until_it_is_all_there() -> None:
    nft = bounded()
    enforcer = Enforcer(nft)
    enforcer.apply(desired(OPEN))
    loaded = len(nft.applied)
    crowd = [
        pod(f"many{n}", labels=pod("db").labels, addresses=(parse_address(f"10.9.{1 + n // 250}.{1 + n % 250}"),))
        for n in range(500)
    ]
    wanted = compile_snapshot(cluster(OPEN, pods=[pod("web"), *crowd]), SETTINGS)
    enforcer.apply(wanted)
    assert same_as_a_whole_load(nft, wanted, enforcer.figures.generation)
    texts = nft.applied[loaded:]
    there, back = (n for n, text in enumerate(texts) if "flush chain inet podfence forward\n" in text)
    assert "jump standin1-judge" in texts[there]
    assert not any(
        "inet podfence ingress4" in text or "flush" in text for text in texts[:there] if "standin1" not in text
    )
    assert any("flush chain inet podfence judge\n" in text for text in texts[there + 1 : back])
    assert "jump judge" in texts[back]
    assert all("standin" in line for text in texts[back + 1 :] for line in text.splitlines())
    assert enforcer.figures.last_was_full
