"""The map as Markdown tables, for a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from podfence.engine.excerpt import Excerpt
from podfence.report.incoming import incoming
from podfence.report.overview import overview
from podfence.report.ports import ports_text
from podfence.report.words import Words


def map_md(excerpt: Excerpt) -> Iterator[str]:
    """Write a map in chunks: a sentence, a table of who reaches whom, a table of what leaves the cluster."""
    words = Words(excerpt.connectivity)
    found = incoming(excerpt)
    ports = excerpt.connectivity.ports
    yield f"{overview(excerpt, words, found.pairs)}\n\n"
    yield from _head("destination", "ports", "from")
    for number in excerpt.numbers():
        endpoint = words.endpoints[number]
        by_ports = found.entering.get(number, {})
        rows = sorted((ports_text(ports(mask)), words.sources(sources, number)) for mask, sources in by_ports.items())
        if not rows and endpoint.has_pods and excerpt.is_complete(number):
            rows = [("nothing", "nobody")]
        for written, who in rows:
            yield _row(endpoint.id, written, who)
    if any(number in words.inside for number in found.leaving):
        yield "\n"
        yield from _head("leaving the cluster", "ports", "to")
        for number, by_ports in found.leaving.items():
            for mask, targets in by_ports.items():
                yield _row(words.endpoints[number].id, ports_text(ports(mask)), words.places(targets))


def _head(*titles: str) -> Iterator[str]:
    yield _row(*titles)
    yield _row(*("---" for _ in titles))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"
