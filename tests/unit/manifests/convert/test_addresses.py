"""Blocks of addresses."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.manifests.convert.addresses import read_ip_block, read_networks
from podfence.manifests.convert.fields import UnreadableField
from podfence.model.net import ALL_IPV4, ALL_IPV6, covers, parse_address


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        pytest.param("010.000.000.000/08", "10.0.0.0/8", id="I27 leading zeros are decimal"),
        pytest.param("10.1.2.3/8", "10.0.0.0/8", id="I24 host bits are masked"),
        pytest.param("::ffff:10.0.0.0/104", "10.0.0.0/8", id="I18 mapped block"),
        pytest.param("2001:DB8:0:0::/32", "2001:db8::/32", id="I19 another spelling"),
    ],
)
def test_legacy_spellings_mean_what_old_servers_took_them_for(written: str, canonical: str) -> None:
    assert read_ip_block({"cidr": written}, "b").ranges == read_ip_block({"cidr": canonical}, "b").ranges


def test_I08_the_two_families_are_apart() -> None:
    assert read_ip_block({"cidr": "0.0.0.0/0"}, "b").ranges == (ALL_IPV4,)
    assert read_ip_block({"cidr": "::/0"}, "b").ranges == (ALL_IPV6,)


@pytest.mark.parametrize(
    ("block", "path"),
    [
        pytest.param({}, "b.cidr", id="I01 missing"),
        pytest.param({"cidr": "", "except": ["x"]}, "b.cidr", id="I01 empty"),
        pytest.param({"cidr": "10.0.0.1"}, "b.cidr", id="I02 no slash"),
        pytest.param({"cidr": "10.0.0.0/33"}, "b.cidr", id="I03 prefix"),
        pytest.param({"cidr": "10.0.0.0/+8"}, "b.cidr", id="I03 sign"),
        pytest.param({"cidr": "10.0.0.0/"}, "b.cidr", id="I03 no prefix"),
        pytest.param({"cidr": "256.0.0.0/8"}, "b.cidr", id="I04 octet"),
        pytest.param({"cidr": "10.0.0/8"}, "b.cidr", id="I04 three octets"),
        pytest.param({"cidr": "fe80::1%eth0/64"}, "b.cidr", id="I05 zone"),
        pytest.param({"cidr": " 10.0.0.0/8"}, "b.cidr", id="I05 space"),
        pytest.param({"cidr": 10}, "b.cidr", id="number"),
        pytest.param({"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "x"]}, "b.except[1]", id="I07 second except"),
        pytest.param({"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}, "b.except[0]", id="I10 equal"),
        pytest.param({"cidr": "10.0.0.0/8", "except": ["0.0.0.0/0"]}, "b.except[0]", id="I11 wider"),
        pytest.param({"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}, "b.except[0]", id="I12 disjoint"),
        pytest.param({"cidr": "10.0.0.0/8", "except": ["2001:db8::/64"]}, "b.except[0]", id="I13 other family"),
        pytest.param({"cidr": "10.0.0.0/8", "except": [""]}, "b.except[0]", id="I15 empty except"),
        pytest.param({"cidr": "10.0.0.0/8", "except": "10.1.0.0/16"}, "b.except", id="except is no list"),
        pytest.param({"cidr": "10.0.0.0/8", "Except": []}, "b.Except", id="unknown field"),
        pytest.param("10.0.0.0/8", "b", id="no mapping"),
    ],
)
def test_blocks_that_the_server_refuses(block: object, path: str) -> None:
    with pytest.raises(UnreadableField) as caught:
        read_ip_block(block, "b")
    assert caught.value.path == path


@st.composite
def blocks_with_holes(draw: st.DrawFn) -> tuple[ipaddress.IPv4Network, list[ipaddress.IPv4Network]]:
    """Draw a block and smaller blocks inside it, which may overlap and repeat."""
    prefix = draw(st.integers(0, 31))
    block = ipaddress.IPv4Network((draw(st.integers(0, 2**32 - 1)), prefix), strict=False)
    inside = st.integers(int(block.network_address), int(block.broadcast_address))
    hole = st.builds(
        lambda address, length: ipaddress.IPv4Network((address, length), strict=False),
        inside,
        st.integers(prefix + 1, 32),
    )
    return block, draw(st.lists(hole, max_size=4))


@given(drawn=blocks_with_holes(), data=st.data())
def test_I28_an_address_matches_inside_the_block_and_in_no_except(
    drawn: tuple[ipaddress.IPv4Network, list[ipaddress.IPv4Network]], data: st.DataObject
) -> None:
    block, holes = drawn
    edges = [int(end) for net in (block, *holes) for end in (net.network_address, net.broadcast_address)]
    near = st.builds(lambda edge, step: (edge + step) % 2**32, st.sampled_from(edges), st.integers(-1, 1))
    probe = ipaddress.IPv4Address(data.draw(near))
    peer = read_ip_block({"cidr": str(block), "except": [str(hole) for hole in holes]}, "b")
    expected = probe in block and not any(probe in hole for hole in holes)
    assert covers(peer.ranges, parse_address(str(probe))) is expected


def test_networks_are_all_blocks_together() -> None:
    peer = read_networks(["10.0.0.0/9", "10.128.0.0/9", "2001:db8::/32"], "n")
    assert peer.ranges[0] == read_ip_block({"cidr": "10.0.0.0/8"}, "b").ranges[0]
    assert len(peer.ranges) == 2
    assert peer.text == "10.0.0.0/9, 10.128.0.0/9, 2001:db8::/32"


@pytest.mark.parametrize(
    "networks", [["::/0", "::/0"], ["::/0", "::1/128"], ["::/64", "0.0.0.0/0", "::/0"], ["0.0.0.0/0", "::/0"]]
)
def test_networks_that_overlap_are_disjoint_ranges_and_the_families_stay_apart(networks: list[str]) -> None:
    families = (ALL_IPV4, ALL_IPV6) if "0.0.0.0/0" in networks else (ALL_IPV6,)
    assert read_networks(networks, "n").ranges == families


def test_C20_host_bits_in_networks_are_cut_off() -> None:
    assert read_networks(["10.1.2.3/8"], "n").ranges == read_networks(["10.0.0.0/8"], "n").ranges


@pytest.mark.parametrize(
    ("value", "path"),
    [
        pytest.param([], "n", id="C19 none"),
        pytest.param("10.0.0.0/8", "n", id="no list"),
        pytest.param([None], "n[0]", id="null"),
        pytest.param(["10.0.0.0/8", "010.0.0.0/8"], "n[1]", id="C21 leading zero"),
        pytest.param(["10.0.0.0/08"], "n[0]", id="C21 leading zero in the prefix"),
        pytest.param(["::ffff:10.0.0.0/104"], "n[0]", id="C21 mapped"),
        pytest.param(["::ffff:a00:0/104"], "n[0]", id="C21 mapped in hexadecimal"),
        pytest.param(["10.0.0.0"], "n[0]", id="C21 no prefix"),
        pytest.param([10], "n[0]", id="number"),
    ],
)
def test_networks_that_the_server_refuses(value: object, path: str) -> None:
    with pytest.raises(UnreadableField) as caught:
        read_networks(value, "n")
    assert caught.value.path == path


@pytest.mark.parametrize("network", ["::/0", "2001:0db8::/32", "1::0001/128", "::1.2.3.4/128", "0.0.0.0/0"])
def test_zeros_that_are_no_leading_zeros_are_fine(network: str) -> None:
    assert read_networks([network], "n").ranges
