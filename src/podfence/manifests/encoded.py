"""Bytes of a file to UTF-8 text with plain line breaks: gzip, byte order marks, UTF-16, carriage returns."""

from __future__ import annotations

import codecs
import zlib
from typing import Final

MAX_BYTES: Final = 2 << 30
"""The most that one file may hold, also after gunzipping; it is read into memory."""

_GZIP_MAGIC = b"\x1f\x8b"
_STEP = 1 << 20
# Longer marks first: the mark of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class EncodingError(Exception):
    """Bytes that hold no text; the message is one line for people."""


def decoded(data: bytes, max_bytes: int = MAX_BYTES) -> bytes:
    """Give the text of a file as UTF-8, without a byte order mark.

    What has no mark is taken for UTF-8 and not checked. Raises ``EncodingError``.
    """
    if data.startswith(_GZIP_MAGIC):
        data = gunzipped(data, max_bytes)
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _without_mark(data, mark, encoding)
    return data


def gunzipped(data: bytes, max_bytes: int = MAX_BYTES) -> bytes:
    """Decompress every member of a gzip file; raises ``EncodingError`` when it is broken or too large."""
    parts: list[bytes] = []
    room = max_bytes
    while data.startswith(_GZIP_MAGIC):
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            try:
                part = member.decompress(data, min(_STEP, room + 1))
            except zlib.error:
                raise EncodingError("the gzip data is damaged") from None
            data = member.unconsumed_tail
            if not part and not data and not member.eof:
                raise EncodingError("the gzip data ends too early")
            room -= len(part)
            if room < 0:
                raise EncodingError(f"more than {size_text(max_bytes)} after gunzipping")
            parts.append(part)
        data = member.unused_data
    return b"".join(parts)


def _without_mark(data: bytes, mark: bytes, encoding: str) -> bytes:
    if encoding == "utf-8":
        return data[len(mark) :]
    try:
        return data[len(mark) :].decode(encoding).encode()
    except UnicodeError:
        raise EncodingError(f"begins as {encoding[:-3].upper()} but is not") from None


def plain_breaks(text: bytes) -> bytes:
    """Make every line break a line feed; to YAML they mean the same, and lines keep their numbers."""
    if b"\r" not in text:
        return text
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def first_invalid(text: bytes) -> int | None:
    """Find the first byte that is not UTF-8, without making a copy of a large text."""
    if text.isascii():
        return None
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(text), _STEP):
        kept = len(decoder.getstate()[0])
        try:
            decoder.decode(text[start : start + _STEP], final=start + _STEP >= len(text))
        except UnicodeDecodeError as error:
            return start - kept + error.start
    return None


def size_text(size: int) -> str:
    """Write a number of bytes for people."""
    return f"{size >> 30} GiB" if size >= 1 << 30 else f"{size >> 20} MiB" if size >= 1 << 20 else f"{size} bytes"
