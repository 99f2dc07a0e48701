"""Texts from outside, made fit to be shown: names, labels and file names may hold anything that bytes can spell."""

from __future__ import annotations

import re
from typing import Final

UNSEEN: Final = "[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"
"""Characters, as a regular expression, that move the cursor, break the line, or turn the order of the others."""

_UNSEEN = re.compile(UNSEEN)


def one_line(text: str) -> str:
    """Write line breaks and control characters as escapes: the text is one line, and a terminal obeys none of it."""
    return text if text.isprintable() else _UNSEEN.sub(escaped, text)


def escaped(match: re.Match[str]) -> str:
    """Write what was matched as the escapes that Python and YAML know."""
    return match[0].encode("unicode_escape").decode("ascii")
