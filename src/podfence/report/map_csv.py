"""The map as a table of connections: RFC 4180, one connection on each line."""

from __future__ import annotations

from collections.abc import Iterator

from podfence.engine.excerpt import Excerpt
from podfence.report.ports import ports_list
from podfence.report.rows import Rows

_END = "\r\n"
_SPECIAL = frozenset(',"\r\n')


def map_csv(excerpt: Excerpt) -> Iterator[str]:
    """Write a map in chunks: a header, then source, destination and ports of each connection."""
    yield f"source,destination,ports{_END}"
    rows = Rows(
        excerpt,
        head=lambda endpoint: f"{field(endpoint.id)},",
        tail=lambda endpoint: f"{field(endpoint.id)},",
        ports=lambda ports: field(ports_list(ports)),
    )
    for chunk in rows.chunks(between=_END):
        yield chunk
        yield _END


def field(text: str) -> str:
    """Quote a field where RFC 4180 asks for it."""
    if _SPECIAL.isdisjoint(text):
        return text
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
