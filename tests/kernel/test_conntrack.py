"""Connection tracking on a real kernel: listed, and forgotten by address."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from podfence.dataplane.conntrack import Tuple, clear_marks, connections, delete, forget_addresses
from podfence.dataplane.netlink import NetlinkSocket
from podfence.model.net import parse_address
from tests.kernel.own_network import in_own_network, ip, nft

pytestmark = pytest.mark.kernel

# Tracking starts where a rule asks for it; the second address is a service in front of the third.
RULES = """
table inet tracked {
    chain out { type filter hook output priority 0; ct state new accept; }
    chain translate {
        type nat hook output priority -100;
        ip daddr 10.96.0.1 udp dport 53 dnat ip to 127.0.0.3:5353
    }
}
"""

UDP = 17


def line(address: str) -> int:
    return parse_address(address)


@contextmanager
def udp_connection(source: str, destination: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as opened:
        opened.bind((source, 0))
        opened.connect((destination, port))
        opened.send(b"x")
        yield opened


def ends() -> set[tuple[int, int]]:
    with NetlinkSocket() as netlink:
        return {(item.original.source, item.original.destination) for item in connections(netlink)}


def test_a_connection_is_listed_as_it_was_opened_and_as_it_is_answered() -> None:
    def body() -> None:
        nft(RULES)
        ip("route", "add", "10.96.0.0/16", "dev", "lo")
        with udp_connection("127.0.0.1", "10.96.0.1", 53) as opened, NetlinkSocket() as netlink:
            (found,) = list(connections(netlink))
            port = opened.getsockname()[1]
        assert found.original == Tuple(line("127.0.0.1"), line("10.96.0.1"), UDP, port, 53)
        assert found.reply == Tuple(line("127.0.0.3"), line("127.0.0.1"), UDP, 5353, port)

    in_own_network(body)


def test_both_directions_of_an_address_are_forgotten_and_nothing_else() -> None:
    def body() -> None:
        nft(RULES)
        with (
            udp_connection("127.0.0.1", "127.0.0.2", 9),
            udp_connection("127.0.0.2", "127.0.0.4", 9),
            udp_connection("127.0.0.5", "127.0.0.6", 9),
            udp_connection("::1", "::1", 9),
        ):
            assert len(ends()) == 4
            assert forget_addresses([line("127.0.0.2")]) == 2
            assert ends() == {(line("127.0.0.5"), line("127.0.0.6")), (line("::1"), line("::1"))}
            assert forget_addresses([line("::1")]) == 1
            assert ends() == {(line("127.0.0.5"), line("127.0.0.6"))}

    in_own_network(body)


def test_the_backend_behind_a_translated_address_is_forgotten_too() -> None:
    def body() -> None:
        nft(RULES)
        ip("route", "add", "10.96.0.0/16", "dev", "lo")
        with udp_connection("127.0.0.1", "10.96.0.1", 53):
            assert forget_addresses([line("127.0.0.3")]) == 1
            assert ends() == set()

    in_own_network(body)


def test_deleting_what_is_gone_is_no_error() -> None:
    def body() -> None:
        nft(RULES)
        with udp_connection("127.0.0.1", "127.0.0.2", 9), NetlinkSocket() as netlink:
            found = list(connections(netlink))
            assert delete(netlink, found) == 1
            assert delete(netlink, found) == 0

    in_own_network(body)


def test_many_connections_are_listed_whole() -> None:
    def body() -> None:
        nft(RULES)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
            opened.bind(("127.0.0.9", 0))
            for port in range(20_001, 23_001):
                opened.sendto(b"x", ("127.0.0.8", port))
            with NetlinkSocket() as netlink:
                found = {item.original.destination_port for item in connections(netlink)}
            assert found >= set(range(20_001, 23_001))
            assert forget_addresses([line("127.0.0.8")]) >= 3000
            assert ends() == set()

    in_own_network(body)


def test_our_bits_of_the_mark_are_cleared_and_those_of_others_and_of_one_number_are_kept() -> None:
    def marks() -> set[int]:
        with NetlinkSocket() as netlink:
            return {item.mark for item in connections(netlink)}

    def body() -> None:
        nft(RULES)
        stamps = {9001: 0x0001_4000, 9002: 0x0002_4000, 9003: 0x0000_4000}
        nft("flush chain inet tracked out\n")
        for port, mark in stamps.items():
            nft(f"add rule inet tracked out udp dport {port} ct mark set {mark}\n")
        opened = [udp_connection("127.0.0.1", "127.0.0.2", port) for port in stamps]
        with opened[0], opened[1], opened[2]:
            assert marks() == set(stamps.values())
            assert clear_marks(0xFFFF_0000, 0x0002_0000) == 1
            assert marks() == {0x0002_4000, 0x0000_4000}
            assert clear_marks(0xFFFF_0000, 0) == 1
            assert marks() == {0x0000_4000}

    in_own_network(body)
