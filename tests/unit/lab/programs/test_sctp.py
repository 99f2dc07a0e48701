"""SCTP packets: published checksums, round trips, and whatever a stranger may send."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.lab.programs import sctp


@pytest.mark.parametrize(
    ("data", "checksum"),
    [
        # RFC 3720, appendix B.4, and the check value that catalogues of CRCs give.
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"123456789", 0xE3069283),
    ],
)
def test_the_checksum_is_that_of_the_published_vectors(data: bytes, checksum: int) -> None:
    assert sctp.crc32c(data) == checksum


def test_a_packet_that_is_written_is_read_again() -> None:
    cookie = b"cookie!"
    written = sctp.write_packet(
        40000, 80, 7, sctp.write_init(sctp.INIT_ACK, 5, 6, cookie), sctp.write_data(9, b"hello")
    )
    packet = sctp.read_packet(written)
    assert packet is not None
    assert packet[:3] == (40000, 80, 7)
    assert [chunk.kind for chunk in packet.chunks] == [sctp.INIT_ACK, sctp.DATA]
    assert sctp.read_init(packet.chunks[0].body) == sctp.Init(5, 6, cookie)
    assert sctp.read_data(packet.chunks[1].body) == (9, b"hello")


def test_the_checksum_lies_with_its_lowest_byte_first() -> None:
    written = sctp.write_packet(1, 2, 3, sctp.write_chunk(sctp.ABORT))
    assert int.from_bytes(written[8:12], "little") == sctp.crc32c(written[:8] + bytes(4) + written[12:])


def test_any_single_changed_bit_is_noticed() -> None:
    written = bytearray(sctp.write_packet(1, 2, 3, sctp.write_init(sctp.INIT, 5, 6)))
    for place in range(len(written) * 8):
        written[place // 8] ^= 1 << place % 8
        assert sctp.read_packet(bytes(written)) is None
        written[place // 8] ^= 1 << place % 8


@given(st.binary(max_size=80))
def test_reading_never_raises_whatever_comes(data: bytes) -> None:
    sctp.read_packet(data)
    body = sctp.crc32c(data[:8] + bytes(4) + data[12:]).to_bytes(4, "little")
    packet = sctp.read_packet(data[:8] + body + data[12:])
    for chunk in packet.chunks if packet else ():
        sctp.read_init(chunk.body)
        sctp.read_data(chunk.body)


def test_a_chunk_that_claims_more_than_there_is_spoils_the_packet() -> None:
    chance = random.Random(3)
    for _ in range(100):
        chunk = bytearray(sctp.write_chunk(sctp.DATA, chance.randbytes(12)))
        chunk[2:4] = (len(chunk) + chance.randint(1, 1000)).to_bytes(2, "big")
        assert sctp.read_packet(sctp.write_packet(1, 2, 3, bytes(chunk))) is None


def test_an_init_without_a_tag_is_none() -> None:
    assert sctp.read_init(bytes(16)) is None
