"""Reading the ends of packets, whatever bytes they are."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.flows.packet import ICMP, ICMPV6, SCTP, TCP, UDP, Packet, parse_packet
from podfence.model.net import LINE_END, Protocol, parse_address
from tests.unit.flows.records import ipv4, ipv6, ports

V4 = (parse_address("10.0.0.1"), parse_address("10.0.0.2"))
V6 = (parse_address("fd00::1"), parse_address("fd00::2"))


@pytest.mark.parametrize(("number", "protocol"), [(TCP, Protocol.TCP), (UDP, Protocol.UDP), (SCTP, Protocol.SCTP)])
def test_addresses_protocol_and_ports_are_read_in_both_families(number: int, protocol: Protocol) -> None:
    four = parse_packet(ipv4("10.0.0.1", "10.0.0.2", number, ports(1234, 80)))
    six = parse_packet(ipv6("fd00::1", "fd00::2", number, ports(1234, 80)))
    assert four == Packet(*V4, number, 1234, 80)
    assert six == Packet(*V6, number, 1234, 80)
    assert four is not None
    assert four.protocol is protocol


def test_ports_stand_behind_ipv4_options() -> None:
    packet = parse_packet(ipv4("10.0.0.1", "10.0.0.2", TCP, ports(1, 2), options=bytes(8)))
    assert packet == Packet(*V4, TCP, 1, 2)


@pytest.mark.parametrize("number", [ICMP, 47])
def test_what_has_no_ports_gets_none(number: int) -> None:
    assert parse_packet(ipv4("10.0.0.1", "10.0.0.2", number, ports(1, 2))) == Packet(*V4, number)


@pytest.mark.parametrize(
    ("first", "headers"),
    [
        pytest.param(0, bytes([43, 0]) + bytes(6) + bytes([TCP, 1]) + bytes(14), id="hop-by-hop, routing of 16 bytes"),
        pytest.param(60, bytes([TCP, 0]) + bytes(6), id="destination options"),
        pytest.param(51, bytes([TCP, 4]) + bytes(22), id="authentication, counted in words of 4 bytes"),
        pytest.param(44, bytes([TCP, 0, 0, 1]) + bytes(4), id="first fragment"),
    ],
)
def test_ports_stand_behind_ipv6_extension_headers(first: int, headers: bytes) -> None:
    assert parse_packet(ipv6("fd00::1", "fd00::2", first, headers + ports(1, 2))) == Packet(*V6, TCP, 1, 2)


def test_later_fragments_have_a_protocol_and_no_ports() -> None:
    four = bytearray(ipv4("10.0.0.1", "10.0.0.2", UDP, ports(1, 2)))
    struct.pack_into("!H", four, 6, 185)
    six = ipv6("fd00::1", "fd00::2", 44, struct.pack("!BBHI", UDP, 0, 1480, 7) + ports(1, 2))
    assert parse_packet(bytes(four)) == Packet(*V4, UDP)
    assert parse_packet(six) == Packet(*V6, UDP)


def test_a_packet_that_is_cut_short_keeps_what_is_there() -> None:
    whole = ipv6("fd00::1", "fd00::2", 0, bytes([ICMPV6, 0]) + bytes(6))
    assert parse_packet(whole[:44]) == Packet(*V6, 0)
    assert parse_packet(ipv4("10.0.0.1", "10.0.0.2", TCP, ports(1, 2))[:23]) == Packet(*V4, TCP)
    assert parse_packet(ipv4("10.0.0.1", "10.0.0.2", TCP)[:19]) is None
    assert parse_packet(whole[:39]) is None


def test_a_mapped_address_is_the_ipv4_address_that_it_carries() -> None:
    packet = parse_packet(ipv6("::ffff:10.0.0.1", "::ffff:10.0.0.2", TCP, ports(1, 2)))
    assert packet == Packet(*V4, TCP, 1, 2)


def test_an_endless_chain_of_headers_ends() -> None:
    packet = parse_packet(ipv6("fd00::1", "fd00::2", 0, bytes(8) * 200))
    assert packet == Packet(*V6, 0)


@given(
    st.one_of(
        st.binary(max_size=128),
        st.builds(
            lambda version, rest: bytes([version]) + rest,
            st.sampled_from([0x45, 0x40, 0x4F, 0x60]),
            st.binary(min_size=19, max_size=127),
        ),
        st.builds(
            lambda following, rest: ipv6("fd00::1", "fd00::2", following, rest),
            st.sampled_from([0, 43, 44, 51, 60, 135, 139, 140, 6]),
            st.binary(max_size=88),
        ),
    )
)
def test_hostile_bytes_never_raise_and_never_leave_the_ranges(payload: bytes) -> None:
    packet = parse_packet(payload)
    if packet is None:
        return
    assert 0 <= packet.source < LINE_END
    assert 0 <= packet.destination < LINE_END
    assert 0 <= packet.number < 256
    assert packet.port is None or 0 <= packet.port < 65536
    assert (packet.port is None) == (packet.source_port is None)
    assert packet.reversed().reversed() == packet
