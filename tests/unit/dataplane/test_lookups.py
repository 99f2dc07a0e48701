"""What pods were told: how long it counts, what the kernel is told of it, and how much of it there may be."""

from __future__ import annotations

import pytest

from podfence.dataplane import lookups
from podfence.dataplane.listing import read_listing
from podfence.dataplane.lookups import KEPT_S, LONGEST_S, OVERTIME_S, SHORTEST_S, Answer, Left, Lookups
from podfence.model.net import parse_address

HOST, OTHER = parse_address("203.0.113.9"), parse_address("2001:db8::9")
POD, NAME = "shop/web", "www.example.com"


def answer(*addresses: int, ttl_s: int = 300, name: str = NAME) -> Answer:
    return Answer(parse_address("10.9.0.1"), name, addresses, ttl_s)


def known(found: Lookups, pod: str = POD) -> set[tuple[str, int]]:
    return {(name, host) for name in found.names_of(pod) for host, _ in found.hosts(pod, name)}


@pytest.mark.parametrize(("ttl_s", "lives_s"), [(0, SHORTEST_S), (300, 300.0), ((1 << 31) - 1, LONGEST_S)])
def test_an_answer_counts_as_long_as_it_says_within_bounds(ttl_s: int, lives_s: float) -> None:
    found = Lookups()
    found.learn(POD, answer(HOST, ttl_s=ttl_s), 1000.0)
    assert found.next_due_s == 1000.0 + lives_s
    assert found.expired(1000.0 + lives_s - 1) == []
    assert found.expired(1000.0 + lives_s) == [(POD, NAME, HOST)]


def test_the_later_end_of_two_answers_counts() -> None:
    found = Lookups()
    found.learn(POD, answer(HOST, ttl_s=600), 0.0)
    found.learn(POD, answer(HOST, ttl_s=60), 10.0)
    assert found.expired(599.0) == []
    assert found.expired(600.0) == [(POD, NAME, HOST)]


def test_the_kernel_keeps_a_host_longer_than_it_counts_and_begins_anew_only_when_it_must() -> None:
    found = Lookups()
    found.learn(POD, answer(HOST, ttl_s=60), 0.0)
    ((_, first),) = found.hosts(POD, NAME)
    assert first.timeout_s == 60 + OVERTIME_S
    found.learn(POD, answer(HOST, ttl_s=60), 30.0)
    assert list(found.hosts(POD, NAME)) == [(HOST, first)]
    found.learn(POD, answer(HOST, ttl_s=60), 290.0)
    ((_, second),) = found.hosts(POD, NAME)
    assert second != first
    assert 290.0 + second.timeout_s >= 350.0 + OVERTIME_S / 2


def test_what_is_kept_counts_a_while_more_and_what_is_dropped_no_longer() -> None:
    found = Lookups()
    found.learn(POD, answer(HOST, OTHER, ttl_s=60), 0.0)
    kept, dropped = found.expired(60.0)
    found.keep(kept, 60.0)
    found.drop(dropped)
    assert known(found) == {kept[1:]}
    assert found.expired(60.0 + KEPT_S - 1) == []
    assert found.expired(60.0 + KEPT_S) == [kept]


def test_who_was_told_of_an_address_is_known_until_nobody_is() -> None:
    found = Lookups()
    found.learn(POD, answer(HOST, name="a.example.com"), 0.0)
    found.learn(POD, answer(HOST, name="b.example.com"), 0.0)
    found.learn("shop/api", answer(HOST), 0.0)
    assert set(found.told_of(HOST)) == {POD, "shop/api"}
    found.drop((POD, "a.example.com", HOST))
    assert set(found.told_of(HOST)) == {POD, "shop/api"}
    found.drop((POD, "b.example.com", HOST))
    found.forget("shop/api")
    assert set(found.told_of(HOST)) == set()
    assert len(found) == 0
    assert not found.names_of(POD)


def test_of_too_much_for_a_pod_what_ends_first_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "MOST_OF_POD", 2)
    found = Lookups()
    found.learn(POD, answer(1, ttl_s=900), 0.0)
    found.learn(POD, answer(2, ttl_s=100), 0.0)
    found.learn("shop/api", answer(4, ttl_s=70), 0.0)
    found.learn(POD, answer(3, ttl_s=800), 0.0)
    assert known(found) == {(NAME, 1), (NAME, 3)}
    assert known(found, "shop/api") == {(NAME, 4)}
    assert found.evicted == 1


def test_what_was_told_last_stays_however_soon_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "MOST_OF_POD", 2)
    found = Lookups()
    found.learn(POD, answer(1, 2, ttl_s=900), 0.0)
    found.learn(POD, answer(3, ttl_s=0), 0.0)
    assert (NAME, 3) in known(found)
    assert len(found) == 2
    assert set(found.take_crowded()) == {POD}
    assert not found.take_crowded()


def test_too_much_in_all_is_at_the_cost_of_the_pod_that_has_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "MOST_IN_ALL", 3)
    found = Lookups()
    found.learn("shop/api", answer(1, 2, 3), 0.0)
    found.learn(POD, answer(4), 0.0)
    assert known(found) == {(NAME, 4)}
    assert len(known(found, "shop/api")) == 2
    assert set(found.take_crowded()) == {"shop/api"}


def test_an_answer_is_known_as_long_as_it_counts_for_half_of_its_time() -> None:
    found = Lookups()
    assert not found.knows(POD, answer(HOST), 0.0)
    found.learn(POD, answer(HOST, ttl_s=100), 0.0)
    assert found.knows(POD, answer(HOST, ttl_s=100), 50.0)
    assert not found.knows(POD, answer(HOST, ttl_s=100), 51.0)
    assert not found.knows(POD, answer(HOST, OTHER, ttl_s=100), 0.0)
    assert not found.knows(POD, answer(HOST, ttl_s=100, name="other.example.com"), 0.0)


def test_what_was_restored_of_another_pod_of_the_same_name_is_forgotten() -> None:
    found = Lookups()
    found.restore([Left("10.9.0.1 . 203.0.113.9", f"{POD} {NAME}", 500)], 0.0)
    found.restore([Left("10.9.0.2 . 203.0.113.9", f"shop/api {NAME}", 500)], 0.0)
    found.learn("shop/db", answer(HOST), 0.0)
    now = {POD: [parse_address("10.9.0.1"), OTHER], "shop/api": [parse_address("10.9.0.7")]}
    assert sorted(found.settle(lambda pod: now.get(pod, ()))) == ["shop/api", "shop/db"]
    assert known(found) == {(NAME, HOST)}
    assert found.settle(lambda _: [OTHER]) == []


def test_what_is_in_the_kernel_tells_the_next_agent_what_was_known() -> None:
    listed = read_listing(
        '{"nftables": [{"set": {"name": "dns4-1", "flags": ["timeout"], "elem": [{"elem": {"val": {"concat": '
        '["10.9.0.1", "203.0.113.9"]}, "timeout": 600, "expires": 500, "comment": "shop/web www.example.com"}}]}}]}'
    )
    assert listed.sets == {"dns4-1": frozenset(("10.9.0.1 . 203.0.113.9",))}
    found = Lookups()
    found.restore(listed.left["dns4-1"], 1000.0)
    assert known(found) == {(NAME, HOST)}
    assert found.next_due_s == 1000.0 + 500 - OVERTIME_S


@pytest.mark.parametrize(
    ("comment", "expires_s"),
    [("", 500), ("shop/web", 500), ("shop/web www.exam...", 500), ("shop/web www.example.com", int(OVERTIME_S))],
)
def test_what_the_kernel_does_not_tell_wholly_is_not_known(comment: str, expires_s: int) -> None:
    found = Lookups()
    found.restore([Left("10.9.0.1 . 203.0.113.9", comment, expires_s)], 0.0)
    assert len(found) == 0
