"""Bytes to text: gzip, byte order marks, line breaks."""

import gzip
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.manifests.encoded import EncodingError, decoded, first_invalid, gunzipped, plain_breaks

TEXT = "a: é𝄞\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_tells_the_encoding(encoding: str) -> None:
    assert decoded(TEXT.encode(encoding)) == TEXT.encode()


def test_text_that_is_not_what_its_mark_says_is_refused() -> None:
    with pytest.raises(EncodingError, match="begins as UTF-16 but is not"):
        decoded(b"\xff\xfea")


def test_gzip_is_known_by_its_content_and_all_its_members_are_read() -> None:
    assert decoded(gzip.compress(b"a") + gzip.compress(b"b")) == b"ab"
    assert decoded(gzip.compress(TEXT.encode("utf-16"))) == TEXT.encode()


@pytest.mark.parametrize("cut", [2, 11, -1, -9])
def test_a_broken_gzip_is_refused(cut: int) -> None:
    with pytest.raises(EncodingError, match="gzip"):
        gunzipped(gzip.compress(os.urandom(5_000))[:cut])


def test_a_gzip_bomb_ends_at_the_limit() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    assert len(gunzipped(bomb, 50_000_000)) == 50_000_000
    with pytest.raises(EncodingError, match="more than 9 MiB after gunzipping"):
        gunzipped(bomb, 10_000_000)


@given(st.text("a\r\n", max_size=12))
def test_line_breaks_become_those_that_python_reads(text: str) -> None:
    assert plain_breaks(text.encode()) == "\n".join(text.replace("\r\n", "\n").split("\r")).encode()


def strict_fault(text: bytes) -> int | None:
    """Ask Python's own decoder, all at once."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None


@given(st.binary(max_size=12), st.integers(0, 3))
def test_the_first_byte_that_is_not_utf_8_is_found(data: bytes, padding: int) -> None:
    text = b"x" * ((1 << 20) - padding) + data
    assert first_invalid(text) == strict_fault(text)
