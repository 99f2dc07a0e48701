"""Comments that speak to Podfence: ``# podfence:ignore RULE reason``, and what they speak of.

YAML readers drop comments, so the text is looked at once more, and only where the word stands in it. What looks
like a comment inside a text in quotes or a block is none.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
import yaml

from podfence.model.source import Position

WORD: Final = "podfence:ignore"

_COMMENT = re.compile(r"(?:^|(?<=[ \t]))#[ \t]*podfence:ignore(?![-\w])[ \t]*(.*)$")
_NO_CONTENT = (yaml.StreamStartToken, yaml.StreamEndToken, yaml.DocumentStartToken, yaml.BlockEndToken)


class Remark(msgspec.Struct, frozen=True, gc=False):
    """One such comment: the text behind its word, and the lines that it speaks of, both included."""

    position: Position
    text: str
    first_line: int
    last_line: int

    def covers(self, position: Position | None) -> bool:
        """Tell whether a place is one that the comment speaks of."""
        if position is None or position.file != self.position.file:
            return False
        return self.first_line <= position.line <= self.last_line


def find_remarks(chunk: bytes, file: str, line: int) -> tuple[Remark, ...]:
    """Find the comments in the text of one document, which begins at ``line`` of its file.

    A comment behind something speaks of its line, one that stands alone of the next line that holds something, and
    one above everything of the whole document.
    """
    if WORD.encode() not in chunk:
        return ()
    text = chunk.decode("utf-8", "replace")
    try:
        tokens = list(yaml.scan(text, Loader=yaml.CSafeLoader))
    except yaml.YAMLError:
        return ()  # the reader says what is wrong with it
    return tuple(_remarks(text.split("\n"), tokens, file, line))


def _remarks(lines: list[str], tokens: Iterable[Any], file: str, line: int) -> Iterator[Remark]:
    content = [token for token in tokens if not isinstance(token, _NO_CONTENT)]
    starts = sorted({token.start_mark.line for token in content})
    texts = [token for token in content if isinstance(token, yaml.ScalarToken)]
    for number, written in enumerate(lines):
        match = _COMMENT.search(written) if WORD in written else None
        if match is None or any(_is_within(token, number, match.start()) for token in texts):
            continue
        first, last = _spoken_of(number, starts, len(lines))
        yield Remark(Position(file, line + number, match.start() + 1), match[1].strip(), line + first, line + last)


def _spoken_of(number: int, starts: list[int], total: int) -> tuple[int, int]:
    """Give the first and the last line, counted from 0, that a comment on a line speaks of."""
    if not starts or number < starts[0]:
        return 0, total - 1
    following = starts[min(bisect.bisect_left(starts, number), len(starts) - 1)]
    return following, following


def _is_within(token: Any, number: int, column: int) -> bool:  # noqa: ANN401 (a token of PyYAML, which has no types)
    start, end = token.start_mark, token.end_mark
    return (start.line, start.column) <= (number, column) < (end.line, end.column)


def carried_over(waiting: Iterable[Remark], first_line: int, last_line: int) -> Iterator[Remark]:
    """Let comments above the first ``---`` of a file, where no object stands, speak of the document below it."""
    for remark in waiting:
        yield msgspec.structs.replace(remark, first_line=first_line, last_line=last_line)
