"""What nft 1.0.6 lists is read, and what it never lists is an error in one line."""

from __future__ import annotations

import pytest

from podfence.dataplane.listing import Listing, read_listing
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


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"nftables": [{"rule": {}}]}', '{"nftables": [{"set": {"elem": [1]}}]}']
)
def test_anything_else_is_said_to_be_unknown(text: str) -> None:
    with pytest.raises(PodfenceError, match="in a form that is not known"):
        read_listing(text)
