"""The map as Markdown tables, for a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from podfence.engine.excerpt import Excerpt
from podfence.model.text import one_line
from podfence.report.incoming import incoming
from podfence.report.overview import Asked, overview
from podfence.report.ports import ports_text
from podfence.report.words import OWN_NODE, Words


def map_md(excerpt: Excerpt, asked: Asked | None = None) -> Iterator[str]:
    """Write a map in chunks: a sentence, a table of who reaches whom, a table of what leaves the cluster."""
    asked = asked or Asked()
    words = Words(excerpt.connectivity)
    found = incoming(excerpt, asked.focused)
    ports = excerpt.connectivity.ports
    yield f"{one_line(overview(excerpt, words, found.pairs, asked))}\n\n"
    yield from _head("destination", "ports", "from")
    for number in excerpt.numbers():
        endpoint = words.endpoints[number]
        by_ports = found.entering.get(number, {})
        complete = excerpt.is_complete(number)
        rows = sorted(
            (ports_text(ports(mask)), words.sources(sources, number, complete=complete))
            for mask, sources in by_ports.items()
        )
        if not rows and endpoint.has_pods and complete:
            rows = [("nothing", words.nobody(number))]
        for written, who in rows:
            yield _row(endpoint.id, written, who)
    if any(number in words.inside for number in found.leaving):
        yield "\n"
        yield from _head("leaving the cluster", "ports", "to")
        for number, by_ports in found.leaving.items():
            for mask, targets in by_ports.items():
                yield _row(words.endpoints[number].id, ports_text(ports(mask)), words.places(targets))
    if found.own_node:
        yield f"\n{OWN_NODE}\n"


def _head(*titles: str) -> Iterator[str]:
    yield _row(*titles)
    yield _row(*("---" for _ in titles))


def _row(*cells: str) -> str:
    return f"| {' | '.join(one_line(cell).replace('|', chr(92) + '|') for cell in cells)} |\n"
