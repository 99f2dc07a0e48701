"""The map for people: the answer first, then each endpoint with its ports and whom it lets in.

Beyond some sixty endpoints a list of everybody helps nobody; then namespaces stand for what is in them
(``map_summary``).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from podfence.engine.endpoints import Grouping
from podfence.engine.excerpt import Excerpt
from podfence.engine.peers import Peers, peers
from podfence.model.policy import Direction
from podfence.report.incoming import ByPorts, Incoming, incoming
from podfence.report.map_peers import PeerLists
from podfence.report.map_summary import by_namespace, summary
from podfence.report.overview import Asked, overview
from podfence.report.ports import ports_text
from podfence.report.term import Terminal
from podfence.report.words import OWN_NODE, Words, count

MOST_ENDPOINTS = 60
_MOST_LINES = 200
_WIDEST_NAME, _WIDEST_PORTS, _WIDEST_LEAVER = 36, 30, 44


def map_text(excerpt: Excerpt, terminal: Terminal, asked: Asked | None = None) -> Iterator[str]:
    """Write a map as lines of text."""
    return map(terminal.line, _lines(excerpt, terminal, asked or Asked()))


def _lines(excerpt: Excerpt, terminal: Terminal, asked: Asked) -> Iterator[str]:
    words = Words(excerpt.connectivity)
    if not words.inside:
        yield "No pods and no workloads: there is nobody to connect."
        return
    shown = [number for number in excerpt.numbers() if number in words.inside]
    focus = peers(Excerpt(excerpt.connectivity), asked.focused) if asked.focused else None
    if len(shown) <= MOST_ENDPOINTS:
        yield from _in_full(excerpt, terminal, asked, words, focus)
    elif focus is not None and not asked.exposed:
        yield from _around_focus(excerpt, terminal, asked, words, focus)
    elif asked.exposed:
        yield from _at_border(excerpt, terminal, asked, words, focus)
    else:
        yield from summary(excerpt, terminal, words, asked)
    yield ""
    yield terminal.paint(f"Look closer: {' · '.join(_suggestions(excerpt, asked, words, shown))}", "context")


def _in_full(excerpt: Excerpt, terminal: Terminal, asked: Asked, words: Words, focus: Peers | None) -> Iterator[str]:
    found = incoming(excerpt, asked.focused)
    yield terminal.paint(overview(excerpt, words, found.pairs, asked, focus), "name")
    page = _Page(excerpt, terminal, words, found)
    lines = [*page.entering(show_silent=not asked.exposed), *page.leaving()]
    if len(lines) > _MOST_LINES:
        left_out = len(lines) - _MOST_LINES
        lines = [*lines[:_MOST_LINES], terminal.paint(f"… and {left_out:,} more lines; -o csv has them all", "context")]
    yield from lines
    if found.own_node:
        yield ""
        yield terminal.paint(OWN_NODE, "context")


def _around_focus(excerpt: Excerpt, terminal: Terminal, asked: Asked, words: Words, focus: Peers) -> Iterator[str]:
    yield terminal.paint(overview(excerpt, words, 0, asked, focus), "name")
    found = peers(excerpt, asked.focused)
    yield from PeerLists(excerpt, terminal, words).of_focus(found)
    farther = words.inside.intersection(excerpt.numbers()) - asked.focused - found.reaches.keys()
    if farther - found.reached_from.keys():
        yield ""
        yield terminal.paint("All connections shown, by namespace", "name")
        yield from by_namespace(excerpt, terminal, words)


def _at_border(excerpt: Excerpt, terminal: Terminal, asked: Asked, words: Words, focus: Peers | None) -> Iterator[str]:
    yield terminal.paint(overview(excerpt, words, 0, asked, focus), "name")
    yield from PeerLists(excerpt, terminal, words).of_border(incoming(excerpt, asked.focused))


def _suggestions(excerpt: Excerpt, asked: Asked, words: Words, shown: Sequence[int]) -> Iterator[str]:
    grouping = excerpt.connectivity.grouping
    if len(shown) > MOST_ENDPOINTS and asked.namespace is None and not asked.focused:
        namespaces = sorted({words.endpoints[number].namespace or "" for number in shown})
        yield f"-n {namespaces[0]}" if namespaces[0] else f"--focus {words.endpoints[shown[0]].id}"
    if not asked.focused and shown:
        own = words.members_of(asked.namespace)
        number = next((number for number in shown if number in own), shown[0])
        example = words.endpoints[number]
        yield f"--focus {example.namespace}/{words.name(number, example.namespace)}".replace("None/", "namespace/")
    elif asked.focused:
        yield "--depth 2"
    if not asked.exposed:
        yield "--exposed"
    if grouping is not Grouping.POD:
        yield "--by pod" if grouping is Grouping.WORKLOAD else "--by workload"
    elif len(shown) > MOST_ENDPOINTS:
        yield "--by namespace"
    yield "-o csv"


class _Page:
    """The sections of a map in full."""

    def __init__(self, excerpt: Excerpt, terminal: Terminal, words: Words, found: Incoming) -> None:
        self._excerpt = excerpt
        self._terminal = terminal
        self._words = words
        self._found = found
        self._ports = excerpt.connectivity.ports

    def entering(self, *, show_silent: bool) -> Iterator[str]:
        """Write each namespace with its endpoints, and who reaches each on which ports."""
        sections = self._sections(show_silent=show_silent)
        lines = [(name, ports) for rows in sections.values() for name, parts in rows for ports, _ in parts]
        name_width = min(max((len(name) for name, _ in lines), default=0), _WIDEST_NAME)
        ports_width = min(max((len(ports) for _, ports in lines), default=0), _WIDEST_PORTS)
        for heading, rows in sections.items():
            yield ""
            yield self._terminal.paint(heading, "name")
            for name, parts in rows:
                head = f"  → {name:<{name_width}}"
                for ports, who in parts:
                    yield from self._line(head, ports, ports_width, who)
                    head = " " * len(head)

    def _sections(self, *, show_silent: bool) -> dict[str, list[tuple[str, list[tuple[str, str]]]]]:
        """Collect the rows of each namespace, sorted by name; nodes that are reached alike stand together."""
        found: dict[str, list[tuple[str, list[tuple[str, str]]]]] = {}
        for number in sorted((n for n in self._excerpt.numbers() if n in self._words.inside), key=self._place):
            if number in self._found.entering or (show_silent and self._excerpt.is_complete(number)):
                name = self._words.name(number, self._words.endpoints[number].namespace)
                found.setdefault(self._heading(number), []).append((name, self._rows(number)))
        alike: dict[tuple[tuple[str, str], ...], list[int]] = {}
        for number in sorted(self._words.nodes.intersection(self._found.entering)):
            alike.setdefault(tuple(self._rows(number)), []).append(number)
        for rows, nodes in alike.items():
            every = len(nodes) > 1 and len(nodes) == len(self._words.nodes)
            name = "every node" if every else self._words.names(nodes, most=2)
            found.setdefault("Nodes", []).append((name, list(rows)))
        return found

    def leaving(self) -> Iterator[str]:
        """Write what leaves the cluster, sources with the same rights together."""
        groups: dict[tuple[tuple[str, str], ...], list[int]] = {}
        for source, by_ports in self._found.leaving.items():
            if source in self._words.inside:
                groups.setdefault(self._abroad(by_ports), []).append(source)
        yield ""
        if not groups:
            nothing = "nothing." if self._excerpt.is_whole else "nothing shown."
            yield f"{self._terminal.paint('Leaving the cluster', 'name')}: {nothing}"
            return
        yield self._terminal.paint("Leaving the cluster", "name")
        named = {rights: self._leavers(sources) for rights, sources in groups.items()}
        width = max((len(who) for who in named.values() if len(who) <= _WIDEST_LEAVER), default=0)
        ports_width = min(max(len(ports) for rights in groups for ports, _ in rights), _WIDEST_PORTS)
        for rights, who in named.items():
            head = f"  {who:<{width}} →"
            if len(who) > width:
                yield from textwrap.wrap(who, self._terminal.width, initial_indent="  ", subsequent_indent="  ")
                head = f"  {'':<{width}} →"
            for ports, place in rights:
                yield from self._line(head, ports, ports_width, place)
                head = " " * (width + 4)

    def _leavers(self, sources: Sequence[int]) -> str:
        endpoints = self._words.endpoints
        noun = self._words.noun
        if len(sources) > 1 and self._words.inside == set(sources):
            return f"all {count(len(sources), noun)}"
        if len(sources) > 3 and self._words.free == set(sources):
            return f"the {count(len(sources), noun)} not isolated for egress"
        namespaces = {endpoints[number].namespace for number in sources}
        only = next(iter(namespaces)) if len(namespaces) == 1 else None
        if len(sources) > 3 and only is not None and self._words.members_of(only) == set(sources):
            return f"all {count(len(sources), noun)} in {only}"
        return self._words.names(sources, namespaces.pop() if len(self._namespaces()) == 1 else None)

    def _namespaces(self) -> set[str | None]:
        return {self._words.endpoints[number].namespace for number in self._words.inside}

    def _abroad(self, by_ports: ByPorts) -> tuple[tuple[str, str], ...]:
        """Say where some ports may be reached outside."""
        return tuple(
            sorted((ports_text(self._ports(mask)), self._words.places(targets)) for mask, targets in by_ports.items())
        )

    def _rows(self, number: int) -> list[tuple[str, str]]:
        """Write who reaches an endpoint: ports and names, one row for each list of ports."""
        by_ports = self._found.entering.get(number)
        endpoint = self._words.endpoints[number]
        if not by_ports:
            isolated = "isolated, and " if endpoint.ingress_isolated else ""
            return [("nothing", f"{isolated}{self._words.nobody(number)} reaches it")]
        complete = self._excerpt.is_complete(number)
        rows = []
        for mask, sources in by_ports.items():
            who = f"from {self._words.sources(sources, number, endpoint.namespace, complete=complete)}"
            if mask == self._excerpt.connectivity.program.ports.everything:
                who += self._freedom(number)
            rows.append((ports_text(self._ports(mask)), who))
        return sorted(rows)

    def _freedom(self, number: int) -> str:
        """Say that an endpoint reached on all ports is not isolated, or how much of a namespace is."""
        isolated = self._words.isolated(number, Direction.INGRESS)
        if number not in self._words.inside:
            return ""
        if not isolated:
            return "; not isolated for ingress"
        if self._words.noun == "namespace":
            return f"; {isolated:,} of {self._words.pods([number])} isolated for ingress"
        return ""

    def _line(self, head: str, ports: str, ports_width: int, who: str) -> Iterator[str]:
        """Write one row; what does not fit goes on below, under its own column."""
        role = "context" if ports == "nothing" else "allowed"
        painted = self._terminal.paint(f"{ports:<{ports_width}}", role)
        if len(ports) > ports_width:
            yield f"{head}  {self._terminal.paint(ports, role)}"
            head, painted = " " * len(head), " " * ports_width
        indent = len(head) + 2 + ports_width + 2
        width = max(self._terminal.width - indent, 30)
        for text in textwrap.wrap(who, width, break_long_words=False, break_on_hyphens=False) or [""]:
            yield f"{head}  {painted}  {text}".rstrip()
            head, painted = " " * len(head), " " * ports_width

    def _place(self, number: int) -> tuple[str, str]:
        return (self._heading(number), self._words.name(number))

    def _heading(self, number: int) -> str:
        return self._words.endpoints[number].namespace or "Namespaces"
