"""NFLOG on a real kernel: what a rule logs becomes a record."""

from __future__ import annotations

import select
import socket

import pytest

from podfence.flows.nflog import LOG_GROUP, Logged, NflogReader
from podfence.flows.owners import Owners
from podfence.flows.packet import parse_packet
from podfence.flows.resolve import Resolver
from podfence.flows.text import why
from podfence.model.error import PodfenceError
from podfence.model.net import Protocol, format_address
from podfence.model.objects import ObjectRef
from podfence.model.policy import Direction
from podfence.model.reason import Reason
from podfence.model.verdict import DecidedIn
from tests.kernel.own_network import in_own_network, nft

pytestmark = pytest.mark.kernel

RULES = f"""
table inet logged {{
    chain out {{
        type filter hook output priority 0;
        meta l4proto {{ tcp, udp }} th dport 4000-4100 log prefix "D|eg-1|x" group {LOG_GROUP} drop
    }}
}}
"""


def send_udp(port: int, count: int = 1, address: str = "127.0.0.1") -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        for _ in range(count):
            try:
                sender.sendto(b"x" * 600, (address, port))
            except PermissionError:  # a drop on the way out is told to the sender
                continue


def read_all(reader: NflogReader, count: int) -> list[Logged]:
    """Read until so many have come, or nothing more comes."""
    found: list[Logged] = []
    while len(found) + reader.lost < count and select.select([reader], [], [], 5)[0]:
        found += reader.read()
    return found


def test_a_logged_packet_is_read_with_its_prefix_time_and_ends() -> None:
    def body() -> None:
        nft(RULES)
        reader = NflogReader()
        send_udp(4001)
        send_udp(4002, address="::1")
        four, six = read_all(reader, 2)
        reader.close()
        assert four.prefix == six.prefix == "D|eg-1|x"
        assert len(four.payload) == 128
        for logged, address, port in ((four, "127.0.0.1", 4001), (six, "::1", 4002)):
            packet = parse_packet(logged.payload)
            assert packet is not None
            assert (format_address(packet.destination), packet.protocol, packet.port) == (address, Protocol.UDP, port)

    in_own_network(body)


def test_a_dropped_packet_becomes_a_record_that_names_the_default_deny() -> None:
    def body() -> None:
        nft(RULES)
        reader = NflogReader()
        send_udp(4053)
        (logged,) = read_all(reader, 1)
        reader.close()
        resolver = Resolver("n1", Owners())
        isolating = ObjectRef("NetworkPolicy", "shop", "deny-all")
        resolver.follow(
            {
                "D|eg-1|x": Reason(
                    allowed=False, direction=Direction.EGRESS, tier=DecidedIn.NETWORK_POLICY, isolated_by=(isolating,)
                )
            }
        )
        record = resolver.record(logged, 1.0)
        assert record is not None
        assert why(record) == "default deny of shop/deny-all"
        assert (record.source.address, record.port.port) == ("127.0.0.1", 4053)

    in_own_network(body)


def test_a_second_reader_is_refused_in_one_line() -> None:
    def body() -> None:
        first = NflogReader()
        with pytest.raises(PodfenceError, match=r"it has a reader already \(another agent\?\)"):
            NflogReader()
        first.close()
        NflogReader().close()

    in_own_network(body)


def test_what_the_kernel_could_not_deliver_is_counted_exactly() -> None:
    def body() -> None:
        nft(RULES)
        reader = NflogReader(buffer_bytes=4096)
        sent = 2000
        send_udp(4010, sent)
        # Behind a full buffer nothing comes; one more packet afterwards shows the gap.
        found = read_all(reader, 1)
        while select.select([reader], [], [], 0.3)[0]:
            found += reader.read()
        for _ in range(64):
            send_udp(4011)
        found += read_all(reader, sent + 64 - len(found))
        assert reader.lost > 0
        assert len(found) + reader.lost == sent + 64
        reader.close()

    in_own_network(body)
