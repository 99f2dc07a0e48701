"""The difference as Markdown, for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from podfence.engine.difference import Difference
from podfence.model.text import one_line
from podfence.report.diff_entries import Entry, Names, summary
from podfence.report.diff_text import sources_text, together

_MOST_ROWS = 200
"""Rows of a comment; hosts of code refuse a comment much longer than this."""


def diff_md(difference: Difference, found: Sequence[Entry]) -> Iterator[str]:
    """Write a difference in chunks: a sentence, a table of what changed, and the endpoints that came and went."""
    names = Names(pair.after for pair in difference.pairs)
    yield f"**{summary(difference, found)}**\n"
    lines = together(found)
    if lines:
        yield "\n| | from | to | ports | because of |\n| --- | --- | --- | --- | --- |\n"
    for line in lines[:_MOST_ROWS]:
        word = "opens" if line.opened else "closes"
        sources = sources_text(line.sources, names)
        yield _row(word, sources, names(line.destination), line.ports, line.causes)
    if len(lines) > _MOST_ROWS:
        yield f"\nand {len(lines) - _MOST_ROWS:,} more rows: `podfence diff -o text` lists them all.\n"
    for endpoints, what in ((difference.added, "New"), (difference.removed, "Gone")):
        if endpoints:
            yield f"\n{what}: {', '.join(f'`{one_line(endpoint.id)}`' for endpoint in endpoints)}\n"


def _row(*cells: str) -> str:
    return f"| {' | '.join(one_line(cell).replace('|', chr(92) + '|') for cell in cells)} |\n"
