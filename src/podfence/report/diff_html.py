"""The difference as a page: what opens and closes with its causes, over the picture of what is allowed afterwards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from podfence.engine.causes import Cause
from podfence.engine.difference import Difference
from podfence.engine.endpoints import Endpoint, Grouping
from podfence.engine.picture import Picture, picture_after
from podfence.engine.possible import POSSIBLE_POD
from podfence.model.net import intersect
from podfence.model.policy import PortRange
from podfence.report.diff_entries import Entry, summary
from podfence.report.html_page import html_page
from podfence.report.picture_json import Files, PortSets, picture_json, runs
from podfence.report.possible import NOT_IN_INPUT, possible_name
from podfence.report.words import NOUNS

TITLE = "What the change opens and closes"


def diff_html(difference: Difference, found: Sequence[Entry], grouping: Grouping) -> Iterator[str]:
    """Write a difference in chunks; ``found`` are its entries, the riskiest first."""
    ends = {end.id: end for entry in found for end in (entry.source, entry.destination) if end.is_possible}
    picture = picture_after(difference, grouping, ends.values())
    ports, files = PortSets(picture.connectivity), Files()
    links = _Links(picture, ports, files)
    written = links.of(found)
    yield from html_page(
        f"{TITLE} · Podfence",
        {
            "title": TITLE,
            "summary": summary(difference, found),
            "noun": NOUNS[grouping],
            "changes": {
                "links": written,
                "causes": links.causes,
                "added": [endpoint.id for endpoint in difference.added],
                "removed": [endpoint.id for endpoint in difference.removed],
            },
            "picture": picture_json(picture, ports, files, links.possible(ends.values(), difference)),
        },
    )


class _Key(msgspec.Struct, frozen=True):
    """What entries have in common that are written as one."""

    opened: bool
    from_outside: bool
    destination: int
    ports: tuple[PortRange, ...] | None
    causes: tuple[Cause, ...]


class _Links:
    """Writes entries as ``[opened, destination, ports, causes, runs of sources]``, by the positions of a picture."""

    def __init__(self, picture: Picture, ports: PortSets, files: Files) -> None:
        endpoints = [picture.connectivity.endpoints[number] for number in picture.numbers]
        self._positions = {endpoint.id: position for position, endpoint in enumerate(endpoints)}
        self._addresses = [(at, endpoint) for at, endpoint in enumerate(endpoints) if endpoint.kind == "External"]
        self._ports = ports
        self._files = files
        self._known: dict[Cause, int] = {}
        self.causes: list[dict[str, Any]] = []

    def of(self, found: Sequence[Entry]) -> list[list[Any]]:
        """Write entries in their order, those that differ in their sources only as one.

        Blocks that the difference has joined fall apart again into those of the picture.
        """
        sources: dict[_Key, set[int]] = defaultdict(set)
        for entry in found:
            for destination in self._places(entry.destination):
                key = _Key(entry.opened, entry.from_outside, destination, entry.ports, entry.causes)
                sources[key].update(self._places(entry.source))
        return [
            [
                int(key.opened),
                key.destination,
                self._ports.add_ranges(key.ports),
                [self._cause(cause) for cause in key.causes],
                runs(sorted(numbers)),
            ]
            for key, numbers in sources.items()
        ]

    def possible(self, ends: Iterable[Endpoint], difference: Difference) -> dict[int, str]:
        """Name what the input does not hold, by position."""
        return {
            at: possible_name(end, difference.joint.possible) + NOT_IN_INPUT for end in ends for at in self._places(end)
        }

    def _places(self, endpoint: Endpoint) -> list[int]:
        if endpoint.kind == "External":
            return [at for at, other in self._addresses if intersect(other.ranges, endpoint.ranges)]
        if endpoint.kind == POSSIBLE_POD and endpoint.id not in self._positions:
            # By pod, each pod is an endpoint of that kind.
            return [self._positions[f"{endpoint.namespace}/Pod/{endpoint.name}"]]
        found = self._positions.get(endpoint.id, self._positions.get(endpoint.id.partition("#")[0]))
        return [] if found is None else [found]

    def _cause(self, cause: Cause) -> int:
        known = self._known.get(cause)
        if known is None:
            known = self._known[cause] = len(self.causes)
            written = {"name": cause.ref.name, "change": cause.change.value}
            if cause.ref.namespace is not None:
                written["namespace"] = cause.ref.namespace
            self.causes.append(written | {"at": self._files.place(cause.ref.source, cause.path)})
        return known
