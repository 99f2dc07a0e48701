"""``diff`` for people: how much changed in the first line, then what, the riskiest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from podfence.engine.difference import Difference
from podfence.engine.endpoints import Endpoint
from podfence.report.diff_entries import Entry, Names, cause_text, examples, examples_title, of_input, summary
from podfence.report.ports import ports_text
from podfence.report.term import Terminal

_MOST_NAMES = 6
_MOST_WIDTH = 44


class Line(msgspec.Struct, frozen=True):
    """Entries that differ in their sources only, as one line."""

    opened: bool
    sources: tuple[Endpoint, ...]
    destination: Endpoint
    ports: str
    causes: str


def diff_text(difference: Difference, found: Sequence[Entry], terminal: Terminal) -> Iterator[str]:
    """Write a difference as lines of text."""
    names = Names(difference)
    yield terminal.line(terminal.paint(summary(difference, found), "name"))
    yield from _lines(together(of_input(found)), names, terminal)
    for endpoints, word in ((difference.added, "NEW"), (difference.removed, "GONE")):
        if endpoints:
            yield terminal.line("")
            yield from (terminal.line(f"{word:<6}  {endpoint.id}") for endpoint in endpoints)
    more = examples(found)
    if more:
        yield terminal.line("")
        yield terminal.line(examples_title(more))
        yield from _lines(together(more), names, terminal)


def _lines(lines: Sequence[Line], names: Names, terminal: Terminal) -> Iterator[str]:
    if lines:
        yield ""
    texts = [(line, sources_text(line.sources, names), names(line.destination)) for line in lines]
    first = min(max((len(source) for _, source, _ in texts), default=0), _MOST_WIDTH)
    second = min(max((len(target) for _, _, target in texts), default=0), _MOST_WIDTH)
    third = max((len(line.ports) for line, _, _ in texts if len(line.ports) <= _MOST_WIDTH), default=0)
    for line, source, target in texts:
        word = terminal.paint("OPENS ", "denied") if line.opened else terminal.paint("CLOSES", "allowed")
        written = f"{word}  {source:<{first}} → {target:<{second}}  {line.ports:<{third}}"
        yield terminal.line(f"{written}  {terminal.paint(line.causes, 'context')}".rstrip())


def together(found: Sequence[Entry]) -> list[Line]:
    """Join entries that differ in their sources only, in the order of the first of each; outside stays alone."""
    sources: dict[tuple[object, ...], list[Endpoint]] = {}
    heads: dict[tuple[object, ...], Entry] = {}
    for entry in found:
        key = (entry.opened, entry.from_outside, entry.destination.id, entry.ports, entry.causes)
        heads.setdefault(key, entry)
        sources.setdefault(key, []).append(entry.source)
    return [
        Line(
            opened=head.opened,
            sources=tuple(sources[key]),
            destination=head.destination,
            ports=ports_text(head.ports),
            causes=", ".join(map(cause_text, head.causes)) or "no policy changed: labels, ports or workloads did",
        )
        for key, head in heads.items()
    ]


def sources_text(endpoints: Sequence[Endpoint], names: Names) -> str:
    """Name sources, the first of them when there are many."""
    written = [names(endpoint) for endpoint in endpoints]
    if len(written) > _MOST_NAMES:
        written = [*written[: _MOST_NAMES - 2], f"and {len(written) - _MOST_NAMES + 2:,} more"]
    return ", ".join(written).replace(", and ", " and ")
