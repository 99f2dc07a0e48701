"""The peers of what was asked about when there are too many for a list of everybody: each namespace with who they are.

So are shown whom the endpoints in focus reach and who reaches them, and what the outside reaches and who leaves
the cluster.
"""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping

from podfence.engine.excerpt import Excerpt
from podfence.engine.peers import Peers
from podfence.report.incoming import ByPorts, Incoming
from podfence.report.ports import ports_text
from podfence.report.term import Terminal
from podfence.report.words import Words, count

_MOST_ROWS = 40
_MOST_NAMES = 6
_WIDEST_PLACE, _WIDEST_RIGHTS = 30, 44

Groups = dict[tuple[str, str], list[int]]
"""Endpoints by their place (a namespace, the nodes, the outside) and by what they are reached on or may reach."""


class PeerLists:
    """Writes sections of endpoints, grouped by namespace and rights."""

    def __init__(self, excerpt: Excerpt, terminal: Terminal, words: Words) -> None:
        self._terminal = terminal
        self._words = words
        self._ports = excerpt.connectivity.ports

    def of_focus(self, found: Peers) -> Iterator[str]:
        """Write who reaches the endpoints in focus and whom they reach."""
        several = " (any of them)" if len(found.chosen) > 1 else ""
        yield from self._section(f"Reached from{several}", self._by_ports(found.reached_from))
        yield from self._section(f"Reaching{several}", self._by_ports(found.reaches))

    def of_border(self, found: Incoming) -> Iterator[str]:
        """Write what the outside reaches and what leaves the cluster."""
        words = self._words
        entering: Groups = defaultdict(list)
        for target, by_ports in found.entering.items():
            from_outside = {mask: sorted(words.outside.intersection(sources)) for mask, sources in by_ports.items()}
            if target in words.inside and any(from_outside.values()):
                entering[words.place(target), self._rights(from_outside, "from")].append(target)
        leaving: Groups = defaultdict(list)
        for source, by_ports in found.leaving.items():
            if source in words.inside:
                leaving[words.place(source), self._rights(by_ports, "to")].append(source)
        yield from self._section("Reached from outside the cluster", entering)
        yield from self._section("Leaving the cluster", leaving)

    def _by_ports(self, found: Mapping[int, int]) -> Groups:
        groups: Groups = defaultdict(list)
        for number, mask in sorted(found.items()):
            groups[self._words.place(number), ports_text(self._ports(mask))].append(number)
        return groups

    def _rights(self, by_ports: ByPorts, way: str) -> str:
        return "; ".join(
            sorted(
                f"{ports_text(self._ports(mask))} {way} {self._words.places(places)}"
                for mask, places in by_ports.items()
                if places
            )
        )

    def _section(self, title: str, groups: Groups) -> Iterator[str]:
        yield ""
        if not groups:
            yield f"{self._terminal.paint(title, 'name')}: nothing shown."
            return
        yield self._terminal.paint(title, "name")
        rows = sorted(groups.items())
        place_width = min(max(len(place) for place, _ in groups), _WIDEST_PLACE)
        rights_width = min(max(len(rights) for _, rights in groups), _WIDEST_RIGHTS)
        before = ""
        for (place, rights), numbers in rows[:_MOST_ROWS]:
            head = f"  {place if place != before else '':<{place_width}}  "
            yield from self._row(head, rights, rights_width, self._who(place, numbers))
            before = place
        if len(rows) > _MOST_ROWS:
            left = sum(len(numbers) for _, numbers in rows[_MOST_ROWS:])
            yield self._terminal.paint(f"  … and {left:,} more; -o csv has them all", "context")

    def _row(self, head: str, rights: str, width: int, who: str) -> Iterator[str]:
        painted = self._terminal.paint(f"{rights:<{width}}", "allowed")
        if len(rights) > width:
            room = max(self._terminal.width - len(head), 30)
            for line in textwrap.wrap(rights, room, break_long_words=False, break_on_hyphens=False):
                yield f"{head}{self._terminal.paint(line, 'allowed')}"
                head = " " * len(head)
            painted = " " * width
        room = max(self._terminal.width - len(head) - width - 2, 30)
        for line in textwrap.wrap(who, room, break_long_words=False, break_on_hyphens=False) or [""]:
            yield f"{head}{painted}  {line}".rstrip()
            head, painted = " " * len(head), " " * width

    def _who(self, place: str, numbers: list[int]) -> str:
        """Name some endpoints of one place, or say that they are all of it."""
        words = self._words
        if words.abroad.issuperset(numbers):
            return words.places(numbers)
        if len(numbers) > 1 and words.nodes == set(numbers):
            return f"every node ({len(numbers):,})"
        members = words.members_of(place) if words.noun != "namespace" else words.inside
        if len(numbers) > 2 and members == set(numbers):
            return f"all {count(len(numbers), words.noun)}"
        names = words.names(numbers, place, most=_MOST_NAMES)
        total = count(len(members), words.noun)
        return f"{len(numbers):,} of {total}: {names}" if len(numbers) > _MOST_NAMES else names
