"""What nft 1.0.6 lists is read, and what it never lists is an error in one line."""

from __future__ import annotations

import pytest

from podfence.dataplane.listing import Listing, read_listing
from podfence.dataplane.objects import NamedSet
from podfence.model.error import PodfenceError

LISTED = """{"nftables": [
{"metainfo": {"version": "1.0.6"}}, {"table": {"family": "inet", "name": "podfence", "handle": 1}},
{"set": {"name": "ready4", "type": "ipv4_addr", "elem": ["10.0.0.1", {"elem": {"val": "10.0.0.2", "comment": "a/b"}}]}},
{"set": {"name": "empty", "type": "ipv4_addr"}},
{"set": {"name": "port4", "elem": [{"concat": ["10.0.0.1", "tcp", 80]},
  {"elem": {"val": {"concat": ["10.0.0.1", "udp", 53]}, "comment": "x"}}]}},
{"set": {"name": "cidr4", "flags": ["interval"], "elem": [{"prefix": {"addr": "10.0.0.0", "len": 8}}, "11.0.0.1"]}},
{"map": {"name": "ingress4", "map": "verdict", "elem": [
  [{"elem": {"val": "10.0.0.1", "comment": "a"}}, {"jump": {"target": "in4-x"}}], ["10.0.0.2", {"drop": null}]]}},
{"chain": {"name": "stamp"}}, {"chain": {"name": "bare"}},
{"rule": {"chain": "stamp", "comment": "generation 12", "expr": []}}, {"rule": {"chain": "stamp", "expr": []}}]}"""


def test_sets_maps_and_rules_are_read() -> None:
    listing = read_listing(LISTED)
    assert listing.sets == {
        "ready4": {"10.0.0.1", "10.0.0.2"},
        "empty": set(),
        "port4": {"10.0.0.1 . tcp . 80", "10.0.0.1 . udp . 53"},
        "ingress4": {"10.0.0.1 : jump in4-x", "10.0.0.2 : drop"},
    }
    assert listing.interval_sets == {"cidr4": 2}
    assert listing.chains == {"stamp": ("generation 12", ""), "bare": ()}
    assert listing.generation == 12
    assert Listing().generation == 0


KINDS = """{"nftables": [
{"table": {"family": "inet", "name": "podfence", "handle": 1, "flags": "podfence"}},
{"set": {"name": "port4", "type": ["ipv4_addr", "inet_proto", "inet_service"]}},
{"set": {"name": "cidr4", "type": "ipv4_addr", "flags": ["interval"]}},
{"set": {"name": "dns4", "type": "ipv4_addr", "flags": "timeout"}},
{"map": {"name": "ingress4", "type": "ipv4_addr", "map": "verdict"}},
{"map": {"name": "nat4", "type": "ipv4_addr", "map": "inet_service"}},
{"chain": {"name": "forward", "type": "filter", "hook": "forward", "prio": -5, "policy": "accept"}},
{"chain": {"name": "odd", "type": "filter", "hook": "input", "prio": 7, "policy": "drop"}},
{"chain": {"name": "judge"}}]}"""


def test_kinds_of_sets_hooks_and_whether_all_is_switched_off_are_read() -> None:
    listing = read_listing(KINDS)
    assert listing.kinds == {
        "port4": NamedSet("ipv4_addr . inet_proto . inet_service"),
        "cidr4": NamedSet("ipv4_addr", flags="interval"),
        "dns4": NamedSet("ipv4_addr", flags="timeout"),
        "ingress4": NamedSet("ipv4_addr", is_map=True),
        "nat4": NamedSet("ipv4_addr : inet_service", is_map=True),
    }
    assert listing.hooks == {
        "forward": "type filter hook forward priority filter - 5; policy accept;",
        "odd": "type filter hook input priority 7; policy drop;",
    }
    assert listing.is_switched_off
    assert not read_listing(LISTED).is_switched_off


def test_two_bodies_are_equal_when_the_rules_are_whatever_they_have_counted() -> None:
    def body(port: int, counted: int) -> bytes:
        rule = f'{{"match": {{"right": {port}}}}}, {{"counter": {{"packets": {counted}, "bytes": {counted}}}}}'
        text = f'{{"nftables": [{{"chain": {{"name": "c"}}}}, {{"rule": {{"chain": "c", "expr": [{rule}]}}}}]}}'
        return read_listing(text).bodies["c"]

    assert body(80, 1) == body(80, 22)
    assert body(80, 1) != body(81, 1)


def test_the_generation_is_the_higher_one_where_a_stand_in_has_another() -> None:
    stamps: dict[str, tuple[str, ...]] = {
        "stamp": ("generation 9",),
        "standin2-stamp": ("generation 10",),
        "theirs-stamp": ("generation 99",),
    }
    assert Listing(chains=stamps).generation == 10


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"nftables": [{"rule": {}}]}', '{"nftables": [{"set": {"elem": [1]}}]}']
)
def test_anything_else_is_said_to_be_unknown(text: str) -> None:
    with pytest.raises(PodfenceError, match="in a form that is not known"):
        read_listing(text)
