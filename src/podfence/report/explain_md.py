"""``explain`` as Markdown: a heading, lists and a table for each policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from podfence.model.text import one_line
from podfence.report.explain_text import COLUMNS, place, row_cells
from podfence.report.explain_words import Explained, Row, Told
from podfence.report.languages import Phrases


def explain_md(found: Sequence[Explained], phrases: Phrases) -> Iterator[str]:
    """Write policies in chunks."""
    for explained in found:
        ref = explained.ref
        where = f" ({place(ref.source.position())})" if ref.source is not None else ""
        yield f"## {ref.kind} {one_line(str(ref))}{where}\n\n"
        yield f"- **{phrases['whom']}**: {one_line(explained.whom)}\n"
        for told in explained.told:
            yield from _direction(told, phrases)
        yield f"\n{phrases['unsaid']}:\n\n"
        yield from (f"- {one_line(sentence)}\n" for sentence in explained.unsaid)
        yield "\n"
        yield from table_md(explained.rows, phrases)


def table_md(rows: Sequence[Row], phrases: Phrases) -> Iterator[str]:
    """Write a firewall's table; nothing when it has no rows."""
    if not rows:
        return
    yield _row([phrases[name] for name in COLUMNS])
    yield _row(["---"] * len(COLUMNS))
    yield from (_row(row_cells(number, row)) for number, row in enumerate(rows, 1))
    yield "\n"


def _direction(told: Told, phrases: Phrases) -> Iterator[str]:
    yield f"- **{phrases[told.direction.value]}**: {told.head}\n"
    for number, sentence in enumerate(told.rules, 1):
        where = f" ({place(sentence.position)})" if sentence.position is not None else ""
        yield f"  {number}. {one_line(sentence.text)}{where}\n"
        yield from (f"     - {one_line(part)}\n" for part in sentence.parts)
    yield from (f"\n  {note}\n" for note in told.notes)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(one_line(cell).replace('|', chr(92) + '|') for cell in cells)} |\n"
