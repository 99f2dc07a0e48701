"""Addresses and ranges, compared with ``ipaddress`` and with sets of numbers."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.model.net import (
    ALL_IPV4,
    ALL_IPV6,
    GLOBAL_IPV4,
    GLOBAL_IPV6,
    IPV6_ORIGIN,
    AddressRange,
    Family,
    covers,
    family_of,
    format_address,
    from_line,
    intersect,
    parse_address,
    parse_cidr,
    subtract,
    to_line,
    union,
)

Ranges = Sequence[AddressRange]

# Short pieces around the border of the two families, where a slip would join or cut what it should not.
AROUND = 40
PIECES = st.tuples(st.booleans(), st.integers(0, AROUND), st.integers(0, AROUND)).map(
    lambda drawn: (
        AddressRange(IPV6_ORIGIN + min(drawn[1:]), IPV6_ORIGIN + max(drawn[1:]))
        if drawn[0]
        else AddressRange(IPV6_ORIGIN - 1 - max(drawn[1:]), IPV6_ORIGIN - 1 - min(drawn[1:]))
    )
)
LISTS = st.lists(PIECES, max_size=6)


def numbers(ranges: Iterable[AddressRange]) -> set[int]:
    return {number for piece in ranges for number in range(piece.first, piece.last + 1)}


def is_tidy(ranges: Ranges) -> bool:
    """Tell whether ranges are sorted and disjoint, each within one family."""
    return all(a.last < b.first for a, b in pairwise(ranges)) and all(
        family_of(piece.first) is family_of(piece.last) for piece in ranges
    )


@given(LISTS)
def test_union_holds_what_any_range_holds_in_the_fewest_pieces(ranges: list[AddressRange]) -> None:
    merged = union(ranges)
    assert numbers(merged) == numbers(ranges)
    assert is_tidy(merged)
    assert all(a.last + 1 < b.first or b.first == IPV6_ORIGIN for a, b in pairwise(merged))


@pytest.mark.parametrize(
    ("operation", "of_sets"), [(subtract, set.difference), (intersect, set.intersection)], ids=["subtract", "intersect"]
)
@given(left=LISTS, right=LISTS)
def test_arithmetic_of_ranges_is_that_of_sets(
    operation: Callable[[Ranges, Ranges], tuple[AddressRange, ...]],
    of_sets: Callable[[set[int], set[int]], set[int]],
    left: list[AddressRange],
    right: list[AddressRange],
) -> None:
    found = operation(left, right)
    assert numbers(found) == of_sets(numbers(left), numbers(right))
    assert is_tidy(found)


@given(LISTS, st.integers(IPV6_ORIGIN - AROUND - 1, IPV6_ORIGIN + AROUND + 1))
def test_covers_tells_whether_a_range_holds_an_address(ranges: list[AddressRange], address: int) -> None:
    assert covers(ranges, address) is (address in numbers(ranges))


def test_the_families_touch_but_never_join() -> None:
    assert ALL_IPV4.last + 1 == ALL_IPV6.first
    assert union([ALL_IPV6, ALL_IPV4]) == (ALL_IPV4, ALL_IPV6)


@given(st.ip_addresses())
def test_an_address_survives_the_way_to_the_line_and_back(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    expected = address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address
    assert from_line(to_line(address)) == expected
    assert parse_address(str(address)) == to_line(address)
    assert format_address(to_line(address)) == str(expected)
    assert family_of(to_line(address)) is Family(expected.version)


def test_a_mapped_address_is_the_address_that_it_carries() -> None:
    assert parse_address("::ffff:10.0.0.1") == parse_address("10.0.0.1")


@given(st.ip_addresses(), st.data())
def test_a_cidr_is_what_ipaddress_says(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, data: st.DataObject
) -> None:
    prefix = data.draw(st.integers(0, address.max_prefixlen))
    network = ipaddress.ip_network((address, prefix), strict=False)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None and prefix >= 96:
        network = ipaddress.ip_network((address.ipv4_mapped, prefix - 96), strict=False)
    expected = AddressRange(to_line_of_network(network[0]), to_line_of_network(network[-1]))
    assert parse_cidr(f"{address}/{prefix}") == expected


def to_line_of_network(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> int:
    """Put the end of a network on the line; that of an IPv6 network stays one, mapped or not."""
    return int(address) if address.version == 4 else IPV6_ORIGIN + int(address)


@pytest.mark.parametrize(
    ("legacy", "meaning"),
    [
        ("010.000.000.001/8", "10.0.0.0/8"),
        ("10.010.0.0/16", "10.10.0.0/16"),
        ("10.0.0.0/08", "10.0.0.0/8"),
        ("10.0.0.0/008", "10.0.0.0/8"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:010.0.0.0/128", "10.0.0.0/32"),
        ("::ffff:a00:0/104", "10.0.0.0/8"),
        ("::FFFF:0A00:0000/120", "10.0.0.0/24"),
        ("FD00:0:0::0/64", "fd00::/64"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("::/0", "::/0"),
        ("255.255.255.255/32", "255.255.255.255/32"),
        ("::ffff:0:0/95", "::fffe:0:0/95"),
    ],
)
def test_a_legacy_spelling_means_what_old_servers_take_it_for(legacy: str, meaning: str) -> None:
    network = ipaddress.ip_network(meaning)
    assert parse_cidr(legacy) == AddressRange(to_line_of_network(network[0]), to_line_of_network(network[-1]))


@pytest.mark.parametrize(
    "text",
    [
        "", "/", "10.0.0.0", "10.0.0.0/", "/8", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8",
        "10.0.0.0/255.0.0.0", "256.0.0.0/8", "10.0.0/8", "10.0.0.0.0/8", "fe80::1%eth0/64", " 10.0.0.0/8",
        "10.0.0.0/8 ",
        "10.0.0.0/\u0668", "\u0661\u0660.0.0.0/8",
        "0x0a.0.0.0/8", "10.0.0.-1/8", "::ffff:10.0.0.0/129", ":::/0", "10..0.0/8", "a/8",
    ],
)  # fmt: skip
def test_what_is_no_cidr_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_cidr(text)


@given(st.ip_addresses(v=4))
def test_the_globally_routable_addresses_are_those_that_ipaddress_calls_global(address: ipaddress.IPv4Address) -> None:
    # ``ipaddress`` knows single addresses in these blocks that are reachable; as a whole they are not.
    special = any(address in ipaddress.ip_network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/4"))
    assert covers(GLOBAL_IPV4, int(address)) is (address.is_global and not special)


@pytest.mark.parametrize(
    ("text", "is_global"),
    [
        ("8.8.8.8", True), ("10.0.0.1", False), ("172.31.255.255", False), ("172.32.0.0", True), ("100.64.0.0", False),
        ("100.128.0.0", True), ("169.254.169.254", False), ("127.0.0.1", False), ("224.0.0.1", False),
        ("255.255.255.255", False), ("198.18.0.1", False), ("2600::1", True), ("fd00::1", False), ("fe80::1", False),
        ("ff02::1", False), ("2001:db8::1", False), ("2002::1", False), ("2001:4860::8888", True), ("::1", False),
        ("3fff::1", False), ("4000::1", False),
    ],
)  # fmt: skip
def test_well_known_addresses_are_global_or_not(text: str, *, is_global: bool) -> None:
    assert covers((*GLOBAL_IPV4, *GLOBAL_IPV6), parse_address(text)) is is_global
