"""Netlink framing: what is written is read back, and hostile bytes end the reading."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.dataplane.netlink import attribute, attributes, message, messages, nested, netfilter_header

PAYLOADS = st.binary(max_size=40)


def test_a_message_is_laid_out_as_the_kernel_expects() -> None:
    assert message(0x401, 5, 7, b"abcde") == struct.pack("=IHHII", 21, 0x401, 5, 7, 0) + b"abcde" + bytes(3)
    assert attribute(3, b"x") == struct.pack("=HH", 5, 3) + b"x" + bytes(3)
    assert netfilter_header(2, 7) == b"\x02\x00\x00\x07"


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), PAYLOADS), max_size=5))
def test_messages_are_read_back(written: list[tuple[int, int, bytes]]) -> None:
    datagram = b"".join(message(type_, flags, number, body) for number, (type_, flags, body) in enumerate(written))
    found = [(item.type, item.flags, bytes(item.payload)) for item in messages(datagram)]
    assert found == written
    assert [item.sequence for item in messages(datagram)] == list(range(len(written)))


@given(st.dictionaries(st.integers(0, 0x3FFF), PAYLOADS, max_size=5))
def test_attributes_are_read_back_nested_ones_too(written: dict[int, bytes]) -> None:
    framed = [attribute(type_, body) for type_, body in written.items()]
    outer = attributes(nested(9, *framed))
    assert {type_: bytes(body) for type_, body in attributes(outer[9]).items()} == written


@pytest.mark.parametrize("length", [0, 15, 17, 1 << 31])
def test_a_message_that_lies_about_its_length_ends_the_reading(length: int) -> None:
    first = message(1, 0, 1, b"ok")
    assert len(list(messages(first + struct.pack("=IHHII", length, 1, 0, 2, 0)))) == 1


@pytest.mark.parametrize("length", [0, 3, 9, 0xFFFF])
def test_an_attribute_that_lies_about_its_length_ends_the_reading(length: int) -> None:
    assert list(attributes(attribute(1, b"ok") + struct.pack("=HH", length, 2) + b"abcd")) == [1]


@given(st.binary(max_size=200))
def test_hostile_bytes_never_raise_and_give_no_more_than_was_there(datagram: bytes) -> None:
    assert sum(len(item.payload) for item in messages(datagram)) <= len(datagram)
    for item in messages(datagram):
        attributes(item.payload, 4)
    assert sum(len(body) for body in attributes(datagram).values()) <= len(datagram)
