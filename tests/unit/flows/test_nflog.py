"""The reader of the kernel's log, fed by a scripted socket."""

from __future__ import annotations

import errno
import os
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.dataplane.netlink import attribute, message, netfilter_header
from podfence.flows.nflog import NflogReader, logged
from podfence.model.error import PodfenceError

PACKET = 0x400


def packet(sequence: int | None = None, prefix: bytes = b"D|E|1\0") -> bytes:
    body = netfilter_header(2, 7) + attribute(10, prefix) + attribute(9, b"\x45payload")
    body += attribute(3, struct.pack("!QQ", 1_700_000_000, 250_000))
    if sequence is not None:
        body += attribute(12, struct.pack("!I", sequence))
    return message(PACKET, 0, 0, body)


class ScriptedSocket:
    """Gives what a test scripted; a number is an error of the kernel."""

    def __init__(self, *script: bytes | int, refuses: dict[int, int] | None = None) -> None:
        self.script = list(script)
        self.refuses = refuses or {}
        self.requests: list[bytes] = []
        self.closed = False

    def enlarge_receive_buffer(self, size: int) -> None:
        self.buffer = size

    def request(self, type_: int, payload: bytes) -> None:
        self.requests.append(payload)
        assert type_ == 0x401
        if number := self.refuses.get(len(self.requests)):
            raise OSError(number, os.strerror(number))

    def receive(self) -> bytes:
        if not self.script:
            raise BlockingIOError
        item = self.script.pop(0)
        if isinstance(item, int):
            raise OSError(item, os.strerror(item))
        return item

    def close(self) -> None:
        self.closed = True


def reader(socket: ScriptedSocket) -> NflogReader:
    connect: Any = lambda: socket  # noqa: E731 (a stand-in for the class)
    return NflogReader(connect=connect)


def test_a_packet_is_read_with_prefix_time_and_payload() -> None:
    (found,) = reader(ScriptedSocket(packet())).read()
    assert (found.prefix, bytes(found.payload), found.time_s) == ("D|E|1", b"\x45payload", 1_700_000_000.25)
    assert found.is_reply is None


def test_all_messages_of_all_waiting_datagrams_are_read() -> None:
    opened = reader(ScriptedSocket(packet(1) + packet(2), packet(3) + message(3, 0, 0, b"")))
    assert len(list(opened.read())) == 3
    assert opened.lost == 0
    assert list(opened.read()) == []


def test_a_gap_in_the_numbers_is_a_loss_and_a_full_buffer_is_no_end() -> None:
    opened = reader(ScriptedSocket(packet(5), errno.ENOBUFS, packet(9), packet(10)))
    assert len(list(opened.read())) == 3
    assert opened.lost == 3


def test_the_numbers_may_wrap() -> None:
    opened = reader(ScriptedSocket(packet(0xFFFFFFFF), packet(0), packet(2)))
    list(opened.read())
    assert opened.lost == 1


def test_other_errors_are_not_hidden() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        list(reader(ScriptedSocket(errno.EBADF)).read())


def test_the_group_is_bound_with_numbers_and_without_much_copying() -> None:
    socket = ScriptedSocket()
    reader(socket)
    assert socket.requests[0] == netfilter_header(0, 7) + attribute(1, b"\x01")
    assert attribute(2, struct.pack("!IBx", 128, 2)) in socket.requests[1]
    assert socket.buffer == 32 << 20


def test_a_kernel_that_cannot_tell_directions_is_read_all_the_same() -> None:
    socket = ScriptedSocket(packet(), refuses={5: errno.EOPNOTSUPP})
    assert len(list(reader(socket).read())) == 1


def test_where_directions_are_told_they_are_read() -> None:
    for info, is_reply in ((0, False), (2, False), (3, True), (4, True)):
        found = logged({19: memoryview(struct.pack("!I", info))})
        assert found.is_reply is is_reply


@pytest.mark.parametrize(
    ("number", "words"), [(errno.EPERM, "it has a reader already"), (errno.EINVAL, "invalid argument")]
)
def test_a_group_that_cannot_be_read_is_refused_and_let_go(number: int, words: str) -> None:
    socket = ScriptedSocket(refuses={1: number})
    with pytest.raises(PodfenceError, match=f"NFLOG group 7: {words}"):
        reader(socket)
    assert socket.closed


@given(
    st.lists(
        st.one_of(st.binary(max_size=80), st.builds(lambda body: message(PACKET, 0, 0, body), st.binary(max_size=80)))
    )
)
def test_hostile_bytes_never_raise(script: list[bytes]) -> None:
    for found in reader(ScriptedSocket(*script)).read():
        assert found.prefix.isascii() or "\ufffd" in found.prefix


@given(st.dictionaries(st.sampled_from([3, 9, 10, 12, 19]), st.binary(max_size=20)))
def test_odd_attributes_are_left_empty(found: dict[int, bytes]) -> None:
    result = logged({type_: memoryview(body) for type_, body in found.items()})
    assert result.time_s is None or result.time_s >= 0
