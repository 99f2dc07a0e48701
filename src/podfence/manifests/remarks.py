"""Comments that speak to Podfence: ``# podfence:ignore RULE reason``, and what they speak of.

YAML readers drop comments, so the text is looked at once more, and only where the word stands in it. What looks
like a comment inside a text in quotes or a block is none.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final, TypeAlias

import msgspec
import yaml

from podfence.model.source import Position

WORD: Final = "podfence:ignore"

_Span: TypeAlias = tuple[tuple[int, int], tuple[int, int]]

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
    lines = chunk.decode("utf-8", "replace").split("\n")
    found = {
        number: match
        for number, text in enumerate(lines)
        if WORD in text and (match := _COMMENT.search(text)) is not None
    }
    if not found:
        return ()
    try:
        starts, texts = _content(lines, found)
    except yaml.YAMLError:
        return ()  # the reader says what is wrong with it
    remarks = []
    for number, match in found.items():
        if not any(start <= (number, match.start()) < end for start, end in texts):
            first, last = _spoken_of(number, starts, len(lines))
            position = Position(file, line + number, match.start() + 1)
            remarks.append(Remark(position, match[1].strip(), line + first, line + last))
    return tuple(remarks)


def _content(lines: Iterable[str], wanted: Collection[int]) -> tuple[list[int], list[_Span]]:
    """List the lines on which something begins, and the texts that touch one of the lines that are wanted.

    Raises ``yaml.YAMLError`` for what is no YAML.
    """
    starts: list[int] = []
    texts: list[_Span] = []
    for token in yaml.scan("\n".join(lines), Loader=yaml.CSafeLoader):
        if isinstance(token, _NO_CONTENT):
            continue
        start, end = token.start_mark, token.end_mark
        if not starts or starts[-1] != start.line:
            starts.append(start.line)
        if isinstance(token, yaml.ScalarToken) and any(start.line <= number <= end.line for number in wanted):
            texts.append(((start.line, start.column), (end.line, end.column)))
    return starts, texts


def _spoken_of(number: int, starts: list[int], total: int) -> tuple[int, int]:
    """Give the first and the last line, counted from 0, that a comment on a line speaks of."""
    if not starts or number < starts[0]:
        return 0, total - 1
    following = starts[min(bisect.bisect_left(starts, number), len(starts) - 1)]
    return following, following


def carried_over(waiting: Iterable[Remark], first_line: int, last_line: int) -> Iterator[Remark]:
    """Let comments above the first ``---`` of a file, where no object stands, speak of the document below it."""
    for remark in waiting:
        yield msgspec.structs.replace(remark, first_line=first_line, last_line=last_line)
