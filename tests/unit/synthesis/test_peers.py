"""Blocks that cover exactly what was asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from podfence.manifests.convert.addresses import read_ip_block
from podfence.model.net import ALL_IPV4, GLOBAL_IPV4, GLOBAL_IPV6, IPV6_ORIGIN, AddressRange, parse_cidr, union
from podfence.synthesis.peers import ip_blocks

RANGES = st.lists(
    st.tuples(st.integers(0, IPV6_ORIGIN + 4096), st.integers(0, 300)).map(lambda pair: piece(*pair)),
    min_size=1,
    max_size=5,
)


def piece(first: int, length: int) -> AddressRange:
    end = IPV6_ORIGIN - 1 if first < IPV6_ORIGIN else first + length
    return AddressRange(first, min(first + length, end))


@given(RANGES)
def test_blocks_with_their_excepts_hold_exactly_the_addresses(ranges: list[AddressRange]) -> None:
    found = [part for block in ip_blocks(union(ranges)) for part in read_ip_block(block, "").ranges]
    assert union(found) == union(ranges)


def test_one_address_is_one_block_and_everything_too() -> None:
    assert ip_blocks([parse_cidr("10.0.0.7/32")]) == [{"cidr": "10.0.0.7/32"}]
    assert ip_blocks([parse_cidr("fd00::7/128")]) == [{"cidr": "fd00::7/128"}]
    assert ip_blocks([ALL_IPV4]) == [{"cidr": "0.0.0.0/0"}]


def test_the_internet_is_written_by_what_it_is_not() -> None:
    ipv4, ipv6 = ip_blocks([*GLOBAL_IPV4, *GLOBAL_IPV6])
    assert ipv4["cidr"] == "0.0.0.0/0"
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"} <= set(ipv4["except"])
    assert ipv6["cidr"] == "2000::/3"
