"""A large map in a page: each namespace with how much of it is isolated, and which namespaces reach it."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterator

import msgspec

from podfence.engine.connectivity import Outgoing, Targets
from podfence.engine.excerpt import Excerpt
from podfence.model.policy import Direction
from podfence.report.overview import Asked, overview
from podfence.report.ports import ports_text
from podfence.report.term import Terminal
from podfence.report.words import Words, count

_MOST_NAMESPACES = 60
_MOST_SOURCES = 3
_MOST_ROWS = 3
_LONGEST_PORTS = 26
_KEPT = 64

OUTSIDE = ""
"""Stands for everything outside the cluster among the names of namespaces."""


class Traffic(msgspec.Struct):
    """What goes from one namespace to another: connected pairs of endpoints, and the port atoms of all of them."""

    pairs: int = 0
    ports: int = 0


Matrix = dict[tuple[str, str], Traffic]
"""From a source's and a destination's namespace to what goes between them."""


def matrix(excerpt: Excerpt) -> Matrix:
    """Add up connections by the namespaces of their ends, ``OUTSIDE`` for the outside; nodes are left out."""
    endpoints = excerpt.connectivity.endpoints
    places = [
        OUTSIDE if endpoint.is_outside else (endpoint.namespace or endpoint.name) if endpoint.has_pods else None
        for endpoint in endpoints
    ]
    found: Matrix = defaultdict(Traffic)
    known: dict[int, tuple[Targets, dict[str, Traffic]]] = {}
    for source, outgoing in excerpt.connections():
        place = places[source]
        if place is None:
            continue
        # Endpoints of one class share the list; holding it keeps its id from being given to another.
        shared = known.get(id(outgoing.targets))
        if shared is None:
            shared = known[id(outgoing.targets)] = (outgoing.targets, _by_place(outgoing.targets, places))
            if len(known) > _KEPT:
                known.pop(next(iter(known)))
        for target, traffic in shared[1].items():
            total = found[place, target]
            total.pairs += traffic.pairs
            total.ports |= traffic.ports
        _take_back_itself(found, outgoing, source, place)
    return found


def _by_place(targets: Targets, places: list[str | None]) -> dict[str, Traffic]:
    found: dict[str, Traffic] = defaultdict(Traffic)
    for number, mask in targets:
        place = places[number]
        if place is not None:
            traffic = found[place]
            traffic.pairs += 1
            traffic.ports |= mask
    return found


def _take_back_itself(found: Matrix, outgoing: Outgoing, source: int, place: str) -> None:
    """Do not count an endpoint's connection to itself among pairs of different endpoints."""
    if any(target == source for target, _ in outgoing.targets):
        found[place, place].pairs -= 1


def summary(excerpt: Excerpt, terminal: Terminal, words: Words, asked: Asked) -> Iterator[str]:
    """Write a large map as lines of text, some two hundred at most."""
    found = matrix(excerpt)
    pairs = sum(traffic.pairs for ends, traffic in found.items() if OUTSIDE not in ends)
    yield terminal.paint(overview(excerpt, words, pairs, asked), "name")
    yield ""
    yield from by_namespace(excerpt, terminal, words, found)


def by_namespace(excerpt: Excerpt, terminal: Terminal, words: Words, found: Matrix | None = None) -> Iterator[str]:
    """Write each namespace: those shown whole with their isolation, of the others only what is shown."""
    inside: dict[str, list[int]] = defaultdict(list)
    for number in excerpt.numbers():
        if number in words.inside:
            inside[words.endpoints[number].namespace or words.endpoints[number].name].append(number)
    table = _Table(excerpt, terminal, words, matrix(excerpt) if found is None else found)
    # Whatever is shown whole comes first: it is what was asked for.
    partly = {name: not table.is_complete(name) for name in inside}
    shown = sorted(inside, key=lambda name: (partly[name], name))[:_MOST_NAMESPACES]
    width = max(map(len, shown))
    for name in shown:
        head = f"{name:<{width}}"
        yield from table.partial_row(head, name) if partly[name] else table.row(head, name, inside[name])
    if len(inside) > len(shown):
        more = f"… and {len(inside) - len(shown):,} more namespaces; -n NAMESPACE shows one, -o csv has everything"
        yield terminal.paint(more, "context")


class _Table:
    """Writes one namespace after another."""

    def __init__(self, excerpt: Excerpt, terminal: Terminal, words: Words, found: Matrix) -> None:
        self._excerpt = excerpt
        self._terminal = terminal
        self._words = words
        self._into: dict[str, list[tuple[str, Traffic]]] = defaultdict(list)
        for (source, target), traffic in found.items():
            if traffic.pairs:
                self._into[target].append((source, traffic))
        self._leaves = {source for (source, target), traffic in found.items() if target == OUTSIDE and traffic.pairs}

    def row(self, title: str, name: str, numbers: list[int]) -> Iterator[str]:
        """Write a namespace: how many endpoints, how many of them isolated, who reaches them, whether they leave."""
        of_namespaces = self._words.noun == "namespace"
        size = self._words.pods(numbers) if of_namespaces else count(len(numbers), self._words.noun)
        isolated = f"{sum(self._words.isolated(number, Direction.INGRESS) for number in numbers):,} isolated"
        head = f"{title}  {size:>15}  {isolated:>14}  "
        traffic = list(self._sources(name)) or [f"no {self._words.noun} and nothing outside reaches it"]
        yield from self._written(
            title, head, [*traffic, "leaves the cluster" if name in self._leaves else "cannot leave"]
        )

    def partial_row(self, title: str, name: str) -> Iterator[str]:
        """Write what is shown of a namespace of which more exists: no word about what is not there."""
        traffic = list(self._sources(name))
        if name in self._leaves:
            traffic.append("leaves the cluster")
        if traffic:
            yield from self._written(title, f"{title}  shown: ", traffic)

    def is_complete(self, name: str) -> bool:
        """Tell whether a namespace is shown with all its members and all their connections."""
        return all(
            self._excerpt.is_complete(number) and self._excerpt.is_complete_source(number)
            for number in self._words.members_of(name)
        )

    def _written(self, title: str, head: str, parts: list[str]) -> Iterator[str]:
        painted = self._terminal.paint(title, "name") + head[len(title) :]
        width = max(self._terminal.width - len(head), 30)
        text = "; ".join(parts)
        for line in textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False, max_lines=_MOST_ROWS):
            yield f"{painted}{line}"
            painted = " " * len(head)

    def _sources(self, name: str) -> Iterator[str]:
        """Name what reaches a namespace: itself, the namespaces with the most connections, the outside."""
        known = dict(self._into[name])
        own, outside = known.pop(name, None), known.pop(OUTSIDE, None)
        if own is not None:
            yield f"within {own.pairs:,} ({self._ports(own)})"
        others = sorted(known.items(), key=lambda item: (-item[1].pairs, item[0]))
        for source, traffic in others[:_MOST_SOURCES]:
            yield f"from {source} {traffic.pairs:,} ({self._ports(traffic)})"
        if len(others) > _MOST_SOURCES:
            rest = sum(traffic.pairs for _, traffic in others[_MOST_SOURCES:])
            yield f"from {count(len(others) - _MOST_SOURCES, 'more namespace')} {rest:,}"
        if outside is not None:
            yield f"from outside ({self._ports(outside)})"

    def _ports(self, traffic: Traffic) -> str:
        ports = self._excerpt.connectivity.ports(traffic.ports)
        text = ports_text(ports)
        return text if len(text) <= _LONGEST_PORTS else count(len(ports or ()), "range") + " of ports"
