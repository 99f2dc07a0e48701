"""Ends of connections out of the kernel's bytes: recorded ones, made ones, and any others."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.dataplane.conntrack import Tuple
from podfence.dataplane.endings import Amount, Ending, EndingsReader, endings
from podfence.dataplane.netlink import attribute, message, netfilter_header
from podfence.model.net import parse_address

# What a kernel 6.18 sent on a little-endian machine: from the header on, of a TCP connection over loopback.
RECORDED_TCP = bytes.fromhex(
    "0401000002010000000000000000000002000000"
    "3400018014000180080001007f000001080002007f0000011c0002800500010006000000060002009c90000006000300877f0000"
    "3400028014000180080001007f000001080002007f0000011c000280050001000600000006000200877f0000060003009c900000"
    "08000c004928966c080003000000020e"
    "1c0009800c00010000000000000000050c00020000000000000004f4"
    "1c000a800c00010000000000000000030c00020000000000000000a4"
    "1c0014800c00010018eb7d66f06e3e820c00020018eb7d672c11340f"
    "100004800c0001800500010007000000"
    "08000800000700000c001b0018eb7d674b4cd013"
)  # fmt: skip

LOOPBACK = parse_address("127.0.0.1")


def test_what_a_kernel_sent_is_read_whole() -> None:
    assert len(RECORDED_TCP) == struct.unpack_from("=I", RECORDED_TCP)[0]
    (found,) = endings(RECORDED_TCP)
    assert found == Ending(
        original=Tuple(LOOPBACK, LOOPBACK, 6, 40_080, 34_687),
        reply=Tuple(LOOPBACK, LOOPBACK, 6, 34_687, 40_080),
        mark=0x70000,
        sent=Amount(5, 1268),
        received=Amount(3, 164),
        started_ns=1_795_666_757_511_167_618,
        stopped_ns=1_795_666_758_511_703_055,
        remaining_s=0,
        tcp_state=7,
        is_assured=True,
    )


def test_without_what_the_kernel_may_leave_out_the_rest_is_read() -> None:
    bare = RECORDED_TCP[20 : 20 + 2 * 0x34]
    (found,) = endings(message(0x102, 0, 0, netfilter_header(2) + bare))
    assert found == Ending(
        Tuple(LOOPBACK, LOOPBACK, 6, 40_080, 34_687),
        Tuple(LOOPBACK, LOOPBACK, 6, 34_687, 40_080),
        mark=0,
        sent=None,
        received=None,
        started_ns=None,
        stopped_ns=None,
        remaining_s=0,
        tcp_state=None,
        is_assured=False,
    )


def test_other_messages_and_connections_without_addresses_are_passed_over() -> None:
    assert list(endings(message(0x100, 0, 0, RECORDED_TCP[16:]))) == []
    assert list(endings(message(0x102, 0, 0, netfilter_header(2)))) == []
    assert list(endings(message(0x102, 0, 0, b""))) == []
    assert len(list(endings(RECORDED_TCP * 2))) == 2


@given(st.integers(0, len(RECORDED_TCP)), st.integers(0, 255), st.binary(max_size=8))
def test_hostile_bytes_never_raise(at: int, octet: int, rest: bytes) -> None:
    changed = bytearray(RECORDED_TCP)
    changed[at : at + 1] = bytes([octet])
    for datagram in (bytes(changed), RECORDED_TCP[:at], RECORDED_TCP[:at] + rest):
        list(endings(datagram))


@given(st.lists(st.tuples(st.integers(0, 30), st.binary(max_size=60)), max_size=6), st.binary(max_size=6))
def test_hostile_attributes_never_raise(parts: list[tuple[int, bytes]], rest: bytes) -> None:
    body = b"".join(attribute(type_, content) for type_, content in parts) + rest
    list(endings(message(0x102, 0, 0, RECORDED_TCP[16:124] + body)))


class ScriptedSocket:
    """Gives what a test has put there; an error number is raised."""

    def __init__(self, *script: bytes | int, refuses: bool = False) -> None:
        self.script = [*script]
        self.drops = 0
        self.closed = False
        self.refuses = refuses

    def enlarge_receive_buffer(self, size: int) -> None:
        assert size > 0

    def attach_filter(self, program: Sequence[tuple[int, int, int, int]]) -> None:
        assert program

    def join(self, group: int) -> None:
        assert group == 3
        if self.refuses:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def receive(self) -> bytes:
        if not self.script:
            raise BlockingIOError
        found = self.script.pop(0)
        if isinstance(found, int):
            raise OSError(found, os.strerror(found))
        return found

    def dropped(self) -> int:
        return self.drops & 0xFFFFFFFF

    def close(self) -> None:
        self.closed = True


def reader_of(scripted: ScriptedSocket) -> EndingsReader:
    return EndingsReader(0xFFFF0000, connect=lambda: scripted)  # type: ignore[arg-type,return-value]


def test_what_a_full_buffer_cost_is_counted_also_where_the_number_begins_anew() -> None:
    scripted = ScriptedSocket(b"a", errno.ENOBUFS, b"b", errno.ENOBUFS)
    reader = reader_of(scripted)
    scripted.drops = 0xFFFF_FFFE
    assert list(reader.read(9)) == [b"a", b"b"]
    assert [reader.newly_lost(), reader.newly_lost()] == [0xFFFF_FFFE, 0]
    scripted.drops += 7
    assert reader.newly_lost() == 7


def test_no_more_is_read_at_once_than_was_asked_for() -> None:
    reader = reader_of(ScriptedSocket(*[b"x"] * 100))
    assert len(list(reader.read(10))) == 10
    assert len(list(reader.read(1000))) == 90


def test_any_other_error_is_the_callers() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        list(reader_of(ScriptedSocket(errno.EBADF)).read(1))


def test_a_kernel_that_tells_nobody_leaves_no_socket_behind() -> None:
    scripted = ScriptedSocket(refuses=True)
    with pytest.raises(PermissionError):
        reader_of(scripted)
    assert scripted.closed
