"""A stand-in takes over, and leaves nothing behind: whatever was there, and wherever it is broken off."""

from __future__ import annotations

from itertools import count

import pytest

from podfence.dataplane import stand_in
from podfence.dataplane.compiler import compile_snapshot
from podfence.dataplane.difference import Desired
from podfence.dataplane.enforcer import Enforcer
from podfence.dataplane.fake import FakeNft
from podfence.dataplane.listing import Listing
from podfence.dataplane.settings import Settings
from podfence.dataplane.table import Table
from podfence.dataplane.transaction import full_text
from podfence.model.error import PodfenceError
from podfence.model.policy import Policy
from tests.small_cluster import NODE, POD_CIDRS, Allow, cluster, pods_of, policy, tcp

SETTINGS = Settings(NODE, pod_cidrs=POD_CIDRS)
BEFORE = policy("in", "web", ingress=())
AFTER = policy("in", "web", ingress=[Allow((pods_of("db"),), (tcp(80),))])
LATER = policy("later", "api", ingress=[Allow((pods_of("db"),), (tcp(n),)) for n in range(1, 100)])


ANOTHER_HOOK = """\
flush chain inet podfence raw-pre
delete chain inet podfence raw-pre
add chain inet podfence raw-pre { type filter hook input priority raw; policy accept; }
"""
NO_HOOK = """\
flush chain inet podfence input
delete chain inet podfence input
add chain inet podfence input
add chain inet podfence theirs
add rule inet podfence theirs jump input
"""


def desired(*policies: Policy) -> Desired:
    return compile_snapshot(cluster(*policies), SETTINGS)


def replace(nft: FakeNft, wanted: Desired, generation: int = 2) -> Table:
    table = Table(nft, lambda: 0.0)
    stand_in.replace(table, wanted, generation)
    return table


def same_as_a_whole_load(nft: FakeNft, wanted: Desired, generation: int) -> bool:
    fresh = FakeNft()
    fresh.apply(full_text(wanted, generation))
    return nft.dump() == fresh.dump() and nft.hooks == fresh.hooks


def loaded(*policies: Policy) -> FakeNft:
    nft = FakeNft()
    nft.apply(full_text(desired(*policies), 1))
    return nft


@pytest.mark.parametrize(
    "change",
    [
        "add chain inet podfence theirs { type filter hook forward priority 0; policy drop; }",
        ANOTHER_HOOK,
        NO_HOOK,
        "delete table inet podfence",
    ],
)
def test_whatever_is_there_the_table_is_what_is_wanted(change: str) -> None:
    nft = loaded(BEFORE)
    nft.apply(f"{change}\n")
    table = replace(nft, desired(AFTER))
    assert same_as_a_whole_load(nft, desired(AFTER), 2)
    assert table.chains == set(nft.chains)
    assert table.sets == set(nft.sets)


def test_a_set_and_a_chain_of_another_kind_are_replaced() -> None:
    nft = loaded()
    names = desired(AFTER)
    (taken,) = (name for name in names.sets if name.startswith("sel4"))
    (judge,) = (name for name in names.chains if name.startswith("in4"))
    nft.apply(
        f"add set inet podfence {taken} {{ type ipv6_addr; }}\n"
        f"add chain inet podfence {judge} {{ type filter hook input priority 0; policy accept; }}\n"
    )
    replace(nft, names)
    assert same_as_a_whole_load(nft, names, 2)


def test_only_references_get_other_names_not_what_people_read() -> None:
    nft = loaded()
    nft.fail_at = "flush chain inet podfence judge"
    named_like_a_chain = policy("jump judge @ready4", "web", ingress=())
    with pytest.raises(PodfenceError):
        replace(nft, desired(named_like_a_chain))
    rules = [rule for name, rules in nft.chains.items() if name.startswith("standin1") for rule in rules]
    assert any("@standin1-ready4" in rule for rule in rules)
    assert not any("standin" in text for rule in rules for text in rule.split('"')[1::2])
    assert nft.chains["standin1-judge"][0] == "ct original ip saddr vmap @standin1-egress4"
    assert "jump standin1-judge" in nft.chains["forward"]


class Killed(BaseException):
    """What ends an enforcer at once."""


class DyingNft:
    """Dies before the n-th transaction from now on."""

    def __init__(self, nft: FakeNft, left: int) -> None:
        self._nft, self._left = nft, left
        self.most_bytes = nft.most_bytes

    def apply(self, text: str) -> None:
        if not self._left:
            raise Killed
        self._left -= 1
        self._nft.apply(text)

    def list_table(self) -> Listing:
        return self._nft.list_table()


@pytest.mark.parametrize("most_bytes", [None, 25_000])
def test_wherever_it_is_broken_off_the_next_leaves_nothing_behind(most_bytes: int | None) -> None:
    for left in count():
        nft = loaded(BEFORE)
        nft.most_bytes = most_bytes
        table = Table(DyingNft(nft, left), lambda: 0.0)
        try:
            stand_in.replace(table, desired(AFTER, LATER), 2)
        except Killed:
            pass
        else:
            break
        generation_before = table.figures.generation
        second = Enforcer(nft)
        assert second.adopt().generation >= generation_before, "what was judged by it is judged again"
        second.apply(desired(LATER))
        assert second.figures.generation > generation_before
        assert same_as_a_whole_load(nft, desired(LATER), second.figures.generation)
        assert second.check_drift() == ()
    assert left >= 6


def test_a_stand_in_that_was_broken_off_twice_is_taken_away() -> None:
    nft = loaded(BEFORE)
    for prefix in ("standin1-", "standin2-"):
        with pytest.raises(Killed):
            stand_in.replace(Table(DyingNft(nft, 2), lambda: 0.0), desired(AFTER), 2)
        assert f"jump {prefix}judge" in nft.chains["forward"]
    replace(nft, desired(AFTER))
    assert same_as_a_whole_load(nft, desired(AFTER), 2)


def test_what_failed_on_its_way_begins_another_generation_the_next_time() -> None:
    nft = loaded(BEFORE)
    enforcer = Enforcer(nft)
    enforcer.adopt()
    nft.most_bytes = 25_000
    nft.fail_at = "flush chain inet podfence judge"
    with pytest.raises(PodfenceError):
        enforcer.apply(desired(AFTER, LATER))
    assert enforcer.figures.generation == 2, "connections that the stand-in allows bear it"
    nft.fail_at = ""
    enforcer.apply(desired(LATER))
    assert enforcer.figures.generation == 3
    assert same_as_a_whole_load(nft, desired(LATER), 3)


def test_what_is_left_of_a_stand_in_is_drift() -> None:
    nft = FakeNft()
    enforcer = Enforcer(nft)
    enforcer.apply(desired(AFTER))
    nft.apply("add chain inet podfence standin1-judge\n")
    assert enforcer.check_drift() == ("chain standin1-judge is not ours",)
    assert enforcer.check_drift() == ()


def test_what_stands_in_is_left_in_one_transaction_and_removed_in_a_later_one() -> None:
    nft = loaded(BEFORE)
    with pytest.raises(Killed):
        stand_in.replace(Table(DyingNft(nft, 2), lambda: 0.0), desired(AFTER), 2)
    before = len(nft.applied)
    enforcer = Enforcer(nft)
    enforcer.adopt()
    enforcer.apply(desired(AFTER))
    switching = [text for text in nft.applied[before:] if "flush chain inet podfence forward\n" in text]
    assert switching
    assert not any("delete" in text for text in switching)


@pytest.mark.parametrize("fails_at", ["add rule inet podfence standin1-rules-", "jump standin1-judge"])
def test_a_state_that_is_refused_leaves_nothing_behind_however_often_it_is_tried(fails_at: str) -> None:
    nft = loaded(BEFORE)
    nft.most_bytes = 25_000
    before = nft.dump()
    enforcer = Enforcer(nft)
    enforcer.adopt()
    nft.fail_at = fails_at
    for _ in range(3):
        with pytest.raises(PodfenceError, match="told to"):
            enforcer.apply(desired(AFTER, LATER))
        assert nft.dump() == before
    nft.fail_at = ""
    enforcer.apply(desired(AFTER))
    assert same_as_a_whole_load(nft, desired(AFTER), enforcer.figures.generation)
