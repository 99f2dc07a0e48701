"""``explain`` for people: each policy in sentences, then as a firewall's table."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from podfence.model.source import Position
from podfence.report.explain_words import Explained, Row, Sentence, Told
from podfence.report.languages import Phrases
from podfence.report.term import Terminal

_WIDEST = 34
_PIECES = re.compile(r"[\x21-\x7e]+ *|. *")
"""Where a line may be broken: behind a word, and behind any character of a script that knows no words."""

COLUMNS = ("order", "source", "destination", "service", "action", "rule")


def explain_text(found: Sequence[Explained], phrases: Phrases, terminal: Terminal) -> Iterator[str]:
    """Write policies as lines of text, an empty line between two."""
    for number, explained in enumerate(found):
        if number:
            yield ""
        yield from map(terminal.line, _policy(explained, phrases, terminal))


def table_text(rows: Sequence[Row], phrases: Phrases, terminal: Terminal) -> Iterator[str]:
    """Write a firewall's table as aligned lines; cells that are too wide go on below."""
    cells = [[phrases[name] for name in COLUMNS], *(row_cells(number, row) for number, row in enumerate(rows, 1))]
    widths = [min(max(width(row[column]) for row in cells), _WIDEST) for column in range(len(COLUMNS) - 1)]
    for number, row in enumerate(cells):
        for line in _lines_of(row, widths):
            yield terminal.line(terminal.paint(line, "context") if not number else line)


def row_cells(number: int, row: Row) -> list[str]:
    """Give the cells of a row in the order of the columns."""
    rule = row.rule if row.position is None else f"{row.rule} ({place(row.position)})"
    return [str(number), row.source, row.destination, row.service, row.action, rule]


def place(position: Position) -> str:
    """Write a position as people do, without the column."""
    return f"{position.file}:{position.line}"


def width(text: str) -> int:
    """Count the columns that a text takes on a terminal: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _policy(explained: Explained, phrases: Phrases, terminal: Terminal) -> Iterator[str]:
    ref = explained.ref
    where = terminal.paint(f"  {place(ref.source.position())}", "context") if ref.source is not None else ""
    yield f"{terminal.paint(f'{ref.kind} {ref}', 'name')}{where}"
    yield ""
    labels = [phrases["whom"], *(phrases[told.direction.value] for told in explained.told)]
    margin = max(map(width, labels)) + 4
    yield from _labelled(labels[0], explained.whom, margin, terminal)
    for label, told in zip(labels[1:], explained.told, strict=True):
        yield from _labelled(label, told.head, margin, terminal)
        yield from _rules(told, margin, terminal)
    yield ""
    yield f"  {terminal.paint(phrases['unsaid'], 'name')}"
    for sentence in explained.unsaid:
        yield from _wrapped(sentence, "    - ", "      ", terminal)
    if explained.rows:
        yield ""
        yield f"  {terminal.paint(phrases['table'], 'name')}"
        yield from (f"    {line}" for line in table_text(explained.rows, phrases, terminal))


def _labelled(label: str, text: str, margin: int, terminal: Terminal) -> Iterator[str]:
    head = f"  {label}{' ' * (margin - 2 - width(label))}"
    yield from _wrapped(text, head, " " * margin, terminal)


def _rules(told: Told, margin: int, terminal: Terminal) -> Iterator[str]:
    for number, sentence in enumerate(told.rules, 1):
        yield from _rule(number, sentence, margin, terminal)
    for note in told.notes:
        yield from _wrapped(note, " " * margin, " " * margin, terminal)


def _rule(number: int, sentence: Sentence, margin: int, terminal: Terminal) -> Iterator[str]:
    where = "" if sentence.position is None else f"  ({place(sentence.position)})"
    head = f"{' ' * margin}{number}. "
    yield from _wrapped(sentence.text + where, head, " " * len(head), terminal)
    for part in sentence.parts:
        yield from _wrapped(part, f"{' ' * len(head)}- ", " " * (len(head) + 2), terminal)


def _wrapped(text: str, first: str, rest: str, terminal: Terminal) -> list[str]:
    """Break a text into lines; Chinese, which is written without spaces, between any two characters."""
    room = max(terminal.width, 60) - len(rest)
    lines = _broken(text, room)
    return [(first if not number else rest) + line for number, line in enumerate(lines)]


def _broken(text: str, room: int) -> list[str]:
    lines, line = [], ""
    for piece in _PIECES.findall(text):
        if line and width(line) + width(piece.rstrip()) > room:
            lines.append(line.rstrip())
            line = ""
        line += piece
    return [*lines, line.rstrip()]


def _lines_of(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    cells = [_broken(cell, room) for cell, room in zip(row, widths, strict=False)] + [[row[-1]]]
    for number in range(max(map(len, cells))):
        parts = [cell[number] if number < len(cell) else "" for cell in cells]
        padded = [part + " " * (room - width(part)) for part, room in zip(parts, widths, strict=False)]
        yield "  ".join([*padded, parts[-1]]).rstrip()
