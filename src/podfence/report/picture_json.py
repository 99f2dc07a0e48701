"""A picture as the compact JSON that its page reads: every set of groups, of ports and every policy is there once.

Sets are written as the difference to a set before them, since what two groups reach is nearly the same; so a page
grows with what differs. ``html/data.js`` is the reader of this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from podfence.engine import bitset
from podfence.engine.attribution import Attribution, Match, SideOfPolicy
from podfence.engine.connectivity import Connectivity
from podfence.engine.endpoints import Endpoint
from podfence.engine.picture import Picture
from podfence.model.policy import Direction, PortRange
from podfence.model.source import Source
from podfence.report.addresses import ranges_text
from podfence.report.ports import ports_text

_NEAREST = 48
"""Sets before that are tried as the base of the next one."""

_LONGEST_CHAIN = 24
"""Bases behind each other, so that a reader of one set reads few others."""

_MOST_LABELS = 12


class Sets:
    """Sets of groups, each once, as ``[base, members that differ]``; ``base`` -1 is the empty set.

    ``numbers`` gives each group its number in the page.
    """

    def __init__(self, numbers: dict[int, int]) -> None:
        self._numbers = numbers
        self._known: dict[int, int] = {}
        self._bits: list[int] = []
        self._chain: list[int] = []
        self.written: list[list[Any]] = []

    def add(self, groups: int) -> int:
        """Give the number of a set, written if it is new."""
        known = self._known.get(groups)
        if known is not None:
            return known
        base, changed = -1, groups
        fewest = groups.bit_count()
        for number in range(len(self._bits) - 1, max(len(self._bits) - _NEAREST, 0) - 1, -1):
            if self._chain[number] < _LONGEST_CHAIN:
                difference = self._bits[number] ^ groups
                if difference.bit_count() < fewest:
                    base, changed, fewest = number, difference, difference.bit_count()
        number = self._known[groups] = len(self._bits)
        self._bits.append(groups)
        self._chain.append(0 if base < 0 else self._chain[base] + 1)
        self.written.append([base, *runs(self._numbers[group] for group in bitset.members(changed))])
        return number


def runs(numbers: Iterable[int]) -> list[int]:
    """Write ascending numbers as runs: how many are left out, how many follow, and so on."""
    found: list[int] = []
    end = 0
    for number in numbers:
        if found and number == end:
            found[-1] += 1
        else:
            found += [number - end, 1]
        end = number + 1
    return found


class PortSets:
    """Sets of ports, each once, for people and as ranges; ``ranges`` ``None`` is all traffic."""

    def __init__(self, connectivity: Connectivity) -> None:
        self._connectivity = connectivity
        self._known: dict[int, int] = {}
        self._of_ranges: dict[tuple[PortRange, ...] | None, int] = {}
        self.written: list[dict[str, Any]] = []

    def add(self, mask: int) -> int:
        """Give the number of a set of port atoms."""
        known = self._known.get(mask)
        if known is None:
            known = self._known[mask] = self.add_ranges(self._connectivity.ports(mask))
        return known

    def add_ranges(self, ranges: tuple[PortRange, ...] | None) -> int:
        """Give the number of a set of port ranges."""
        known = self._of_ranges.get(ranges)
        if known is None:
            known = self._of_ranges[ranges] = len(self.written)
            pieces = ranges and [[piece.protocol.value, piece.first, piece.last] for piece in ranges]
            self.written.append({"text": ports_text(ranges), "ranges": pieces})
        return known


class Files:
    """Names of files, each once."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    @property
    def written(self) -> list[str]:
        """List the files."""
        return list(self._known)

    def place(self, source: Source | None, path: str = "") -> list[int] | None:
        """Give the number of the file and the line of a field."""
        if source is None:
            return None
        position = source.position(path)
        return [self._known.setdefault(position.file, len(self._known)), position.line]


def picture_json(
    picture: Picture,
    ports: PortSets | None = None,
    files: Files | None = None,
    possible: Mapping[int, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """Write a picture; endpoints, sets and ports are named by their position in their list.

    ``ports`` and ``files`` may hold some that something else than the picture names as well. ``possible`` are what
    endpoints are called, by their position, that the input does not hold.
    """
    dense = {group: number for number, group in enumerate(sorted(picture.members))}
    sets, ports, files = Sets(dense), ports or PortSets(picture.connectivity), files or Files()
    position = picture.positions
    rows = [
        [value for part in parts for value in (ports.add(part.ports), sets.add(part.groups))]
        for _, parts in picture.rows()
    ]
    connectivity = picture.connectivity
    endpoints = [connectivity.endpoints[number] for number in picture.numbers]
    places = sum(endpoint.kind == "External" for endpoint in endpoints)
    sides = Attribution(connectivity.program).sides(connectivity.snapshot.policies)
    policies = _policies(picture, sides, sets, ports, files)
    return {
        "endpoints": [
            endpoint_row(endpoint, places) | ({"name": possible[at], "possible": 1} if at in possible else {})
            for at, endpoint in enumerate(endpoints)
        ],
        "groups": [[position[number] for number in picture.members[group]] for group in dense],
        "rows": rows,
        "near": [[position[source], [position[number] for number in found]] for source, found in picture.near()],
        "policies": policies,
        "sets": sets.written,
        "ports": ports.written,
        "files": files.written,
    }


def endpoint_row(endpoint: Endpoint, places: int) -> dict[str, Any]:
    """Write an endpoint with no field that says nothing; ``places`` is how many blocks outside are shown."""
    row: dict[str, Any] = {"id": endpoint.id, "kind": endpoint.kind, "name": endpoint.name}
    if endpoint.kind == "External":
        addresses = ranges_text(endpoint.ranges)
        is_rest = places == 1 or " except " in addresses
        row["name"] = addresses if not is_rest else "anywhere" if places == 1 else "everywhere else"
        if is_rest:
            row["rest"] = 1
        row["labels"] = [addresses]
    if endpoint.namespace is not None:
        row["namespace"] = endpoint.namespace
    if endpoint.has_pods:
        row["pods"] = endpoint.pods
        row["isolated"] = 2 * endpoint.ingress_isolated + endpoint.egress_isolated
    if endpoint.repeated:
        row["repeated"] = 1
    if endpoint.labels:
        row["labels"] = [f"{key}={value}" if value else key for key, value in endpoint.labels[:_MOST_LABELS]]
    return row


def _match(picture: Picture, match: Match, sets: Sets, ports: PortSets) -> list[int]:
    """Write ports, subjects and peers, and last the peers that are sure where those are others; else nothing."""
    subjects, peers, surely = (picture.spread(found) for found in (match.subjects, match.peers, match.surely))
    if not subjects or not peers:
        return []
    return [
        ports.add(match.ports),
        sets.add(subjects),
        sets.add(peers),
        *([sets.add(surely)] if surely != peers else ()),
    ]


def _policies(
    picture: Picture, sides: Iterable[SideOfPolicy], sets: Sets, ports: PortSets, files: Files
) -> list[dict[str, Any]]:
    written = []
    for side in sides:
        subjects = picture.spread(side.subjects)
        if not subjects:
            continue
        source = side.policy.ref.source
        rules = []
        for number, found in enumerate(side.rules, start=1):
            matches = [row for match in found.matches if (row := _match(picture, match, sets, ports))]
            if matches:
                rule: dict[str, Any] = {"number": number, "action": found.rule.action.value, "matches": matches}
                rule["at"] = files.place(source, found.rule.path)
                rules.append(rule | ({"name": found.rule.name} if found.rule.name else {}))
        ref = side.policy.ref
        written.append(
            {
                "kind": ref.kind,
                "name": ref.name,
                "tier": side.policy.tier.value,
                "ingress": side.direction is Direction.INGRESS,
                "at": files.place(source),
                "subjects": sets.add(subjects),
                "rules": rules,
            }
            | ({} if ref.namespace is None else {"namespace": ref.namespace})
        )
    return written
