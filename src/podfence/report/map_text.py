"""The map for people: the answer first, then each endpoint with its ports and whom it lets in.

Beyond some sixty endpoints a list of everybody helps nobody; then namespaces stand for what is in them
(``map_summary``).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

import msgspec

from podfence.engine.endpoints import Grouping
from podfence.engine.excerpt import Excerpt
from podfence.report.incoming import ByPorts, Incoming, incoming
from podfence.report.map_summary import summary
from podfence.report.overview import overview
from podfence.report.ports import ports_text
from podfence.report.term import Terminal
from podfence.report.words import Words, count

MOST_ENDPOINTS = 60
_MOST_LINES = 200
_WIDEST_NAME, _WIDEST_PORTS, _WIDEST_LEAVER = 36, 30, 44


class Asked(msgspec.Struct, frozen=True):
    """What was asked, for the first line and for what is suggested in the last."""

    focus: tuple[str, ...] = ()
    focused: frozenset[int] = frozenset()
    exposed: bool = False
    namespace: str | None = None


def map_text(excerpt: Excerpt, terminal: Terminal, asked: Asked | None = None) -> Iterator[str]:
    """Write a map as lines of text."""
    asked = asked or Asked()
    words = Words(excerpt.connectivity)
    if not words.inside:
        yield "No pods and no workloads: there is nobody to connect."
        return
    shown = [number for number in excerpt.numbers() if number in words.inside]
    if len(shown) > MOST_ENDPOINTS:
        yield from summary(excerpt, terminal, words)
    else:
        yield from _in_full(excerpt, terminal, asked, words)
    yield ""
    yield terminal.paint(f"Look closer: {' · '.join(_suggestions(excerpt, asked, words, shown))}", "context")


def _in_full(excerpt: Excerpt, terminal: Terminal, asked: Asked, words: Words) -> Iterator[str]:
    found = incoming(excerpt)
    yield terminal.paint(_answer(excerpt, asked, words, found), "name")
    page = _Page(excerpt, terminal, words, found)
    lines = [*page.entering(show_silent=not asked.exposed), *page.leaving()]
    if len(lines) > _MOST_LINES:
        left_out = len(lines) - _MOST_LINES
        lines = [*lines[:_MOST_LINES], terminal.paint(f"… and {left_out:,} more lines; -o csv has them all", "context")]
    yield from lines


def _answer(excerpt: Excerpt, asked: Asked, words: Words, found: Incoming) -> str:
    """Answer in one line what was asked."""
    if asked.exposed:
        return _exposed_answer(words, found)
    if asked.focused:
        return _focus_answer(asked, words, found)
    return overview(excerpt, words, found.pairs)


def _exposed_answer(words: Words, found: Incoming) -> str:
    entered = sum(1 for target in found.entering if target in words.inside)
    left = sum(1 for source in found.leaving if source in words.inside)
    of_all = f"{entered:,} of {count(len(words.inside), words.noun)}"
    return f"{of_all} can be reached from outside the cluster; {left:,} can leave it."


def _focus_answer(asked: Asked, words: Words, found: Incoming) -> str:
    inside = asked.focused & words.inside
    reaches = {
        target
        for target, by_ports in found.entering.items()
        if target not in inside and any(inside.intersection(sources) for sources in by_ports.values())
    }
    reached_from = {
        source
        for target in asked.focused
        for sources in found.entering.get(target, {}).values()
        for source in sources
        if source in words.inside and source not in inside
    }
    who = ", ".join(words.name(number) for number in sorted(asked.focused)[:3])
    more = f" and {len(asked.focused) - 3} more" if len(asked.focused) > 3 else ""
    border = [
        "is reached from outside the cluster"
        if any(words.outside.intersection(s) for t in inside for s in found.entering.get(t, {}).values())
        else "is not reached from outside the cluster",
        "can leave it" if any(number in found.leaving for number in inside) else "cannot leave it",
    ]
    tail = f"; it {border[0]} and {border[1]}" if len(inside) == 1 else ""
    others = len(words.inside - inside)
    verbs = ("reaches", "is reached from") if len(asked.focused) == 1 else ("reach", "are reached from")
    return (
        f"{who}{more} {verbs[0]} {len(reaches):,} of {count(others, 'other ' + words.noun)} and {verbs[1]} "
        f"{len(reached_from):,}{tail}."
    )


def _suggestions(excerpt: Excerpt, asked: Asked, words: Words, shown: Sequence[int]) -> Iterator[str]:
    grouping = excerpt.connectivity.grouping
    if len(shown) > MOST_ENDPOINTS and asked.namespace is None:
        namespaces = sorted({words.endpoints[number].namespace or "" for number in shown})
        yield f"-n {namespaces[0]}" if namespaces[0] else f"--focus {words.endpoints[shown[0]].id}"
    if not asked.focused and shown:
        example = words.endpoints[shown[0]]
        yield f"--focus {example.namespace}/{words.name(shown[0], example.namespace)}".replace("None/", "namespace/")
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
            yield f"{self._terminal.paint('Leaving the cluster', 'name')}: nothing."
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
        shown = [number for number in self._excerpt.numbers() if number in self._words.inside]
        free = {number for number in shown if not endpoints[number].egress_isolated}
        noun = self._words.noun
        if len(sources) > 1 and set(sources) == set(shown):
            return f"all {count(len(sources), noun)}"
        if len(sources) > 3 and set(sources) == free:
            return f"the {count(len(sources), noun)} not isolated for egress"
        namespaces = {endpoints[number].namespace for number in sources}
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
            return [("nothing", f"{isolated}nobody reaches it")]
        rows = []
        for mask, sources in by_ports.items():
            who = self._words.sources(sources, number)
            if mask == self._excerpt.connectivity.program.ports.everything and not endpoint.ingress_isolated:
                free = "not isolated for ingress" if endpoint.has_pods else ""
                who = f"from {who}" + (f"; {free}" if free else "")
            else:
                who = f"from {who}"
            rows.append((ports_text(self._ports(mask)), who))
        return sorted(rows)

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
