"""The difference as Markdown, for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from podfence.engine.difference import Difference
from podfence.model.text import one_line
from podfence.report.diff_entries import Entry, Names, examples, examples_title, of_input, summary
from podfence.report.diff_text import Line, sources_text, together

_MOST_ROWS = 200
"""Rows of a comment; hosts of code refuse a comment much longer than this."""


def diff_md(difference: Difference, found: Sequence[Entry]) -> Iterator[str]:
    """Write a difference in chunks: a sentence, tables of what changed, and the endpoints that came and went."""
    names = Names(difference)
    yield f"**{summary(difference, found)}**\n"
    yield from _table(together(of_input(found)), names)
    for endpoints, what in ((difference.added, "New"), (difference.removed, "Gone")):
        if endpoints:
            yield f"\n{what}: {', '.join(f'`{one_line(endpoint.id)}`' for endpoint in endpoints)}\n"
    more = examples(found)
    if more:
        yield f"\n{examples_title(more)}\n"
        yield from _table(together(more), names)


def _table(lines: Sequence[Line], names: Names) -> Iterator[str]:
    if lines:
        yield "\n| | from | to | ports | because of |\n| --- | --- | --- | --- | --- |\n"
    for line in lines[:_MOST_ROWS]:
        word = "opens" if line.opened else "closes"
        sources = sources_text(line.sources, names)
        yield _row(word, sources, names(line.destination), line.ports, line.causes)
    if len(lines) > _MOST_ROWS:
        yield f"\nand {len(lines) - _MOST_ROWS:,} more rows: `podfence diff -o text` lists them all.\n"


def _row(*cells: str) -> str:
    return f"| {' | '.join(one_line(cell).replace('|', chr(92) + '|') for cell in cells)} |\n"
