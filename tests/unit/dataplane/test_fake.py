"""The fake refuses what the kernel refuses, and then has changed nothing."""

from __future__ import annotations

import pytest

from podfence.dataplane.fake import FakeNft
from podfence.model.error import PodfenceError

T = "inet podfence"
BEGIN = f"""\
add set {T} s {{ type ipv4_addr; }}
add set {T} blocks {{ type ipv4_addr; flags interval; }}
add map {T} m {{ type ipv4_addr : verdict; }}
add chain {T} c {{ comment "a; b"; }}
add chain {T} d {{ comment "d"; }}
add rule {T} c ip saddr @s counter goto d comment "one, two"
add element {T} m {{ 10.0.0.1 comment "a, b : c" : jump c }}
add element {T} blocks {{ 10.0.0.0-10.0.0.9 }}
"""


@pytest.fixture
def nft() -> FakeNft:
    nft = FakeNft()
    nft.apply(BEGIN)
    return nft


@pytest.mark.parametrize(
    "command",
    [
        f"delete chain {T} c",
        f"delete chain {T} d",
        f"delete set {T} s",
        f"delete element {T} s {{ 10.0.0.7 }}",
        f"add rule {T} c jump nowhere",
        f"add rule {T} c ip saddr @nothing accept",
        f"add rule {T} nowhere accept",
        f"add element {T} m {{ 10.0.0.2 : jump nowhere }}",
        f"add element {T} m {{ 10.0.0.1 : jump d }}",
        f"add element {T} s {{ 10.0.0.1 : jump d }}",
        f"add element {T} blocks {{ 10.0.0.9-10.0.0.12 }}",
        f"add set {T} s {{ type ipv6_addr; }}",
        f"flush chain {T} nowhere",
        f"frobnicate chain {T} c",
    ],
)
def test_what_the_kernel_refuses_is_refused_as_a_whole(nft: FakeNft, command: str) -> None:
    before = nft.dump()
    with pytest.raises(PodfenceError):
        nft.apply(f'add chain {T} extra {{ comment "x"; }}\n{command}\n')
    assert nft.dump() == before


def test_quotes_hide_separators_and_comments_are_listed(nft: FakeNft) -> None:
    listing = nft.list_table()
    assert listing.chains["c"] == ("one, two",)
    assert listing.sets["m"] == {"10.0.0.1 : jump c"}
    assert listing.interval_sets == {"blocks": 1}


def test_what_nothing_leads_to_any_more_can_go(nft: FakeNft) -> None:
    nft.apply(f"flush map {T} m\nflush chain {T} c\ndelete chain {T} c\ndelete chain {T} d\ndelete set {T} s\n")
    assert nft.dump() == ({"blocks": {"10.0.0.0-10.0.0.9": ""}, "m": {}}, {})
