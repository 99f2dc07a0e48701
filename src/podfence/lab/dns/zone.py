"""Names and their records, whoever they are for; pure. What a zone does not hold is not there, or somebody else's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

import msgspec

TTL_S: Final = 30
"""Of answers and of their absence; kubeadm's CoreDNS has the same."""


class Record(msgspec.Struct, frozen=True, order=True):
    """One record without its name: ``Record("A", "10.96.0.1")``, data as zone files write it."""

    kind: str
    data: str


class Found(msgspec.Struct, frozen=True):
    """What a zone knows of a name: its records of all kinds; none when there are only names below it."""

    records: tuple[Record, ...] = ()


class Zone(Protocol):
    """A part of the name space that somebody answers for; names are in lower case and have no final dot."""

    def origin_of(self, name: str) -> str | None:
        """Give the domain with authority over a name, ``None`` when the zone has none over it."""

    def find(self, name: str) -> Found | None:
        """Give what there is under a name, ``None`` for a name that does not exist."""


class Records(msgspec.Struct, frozen=True):
    """A zone that is a table."""

    origins: tuple[str, ...]
    """Its domains; the empty one is authority over everything."""
    table: Mapping[str, tuple[Record, ...]]
    parents: frozenset[str]
    """Names above those of the table."""

    def origin_of(self, name: str) -> str | None:
        """Give the longest of the domains that a name is in."""
        fit = [one for one in self.origins if not one or name == one or name.endswith(f".{one}")]
        return max(fit, key=len, default=None)

    def find(self, name: str) -> Found | None:
        """Give the records of a name."""
        records = self.table.get(name)
        if records is not None:
            return Found(records)
        return Found() if name in self.parents else None


def records(origins: Iterable[str], named: Iterable[tuple[str, Record]], also: Iterable[str] = ()) -> Records:
    """Make a zone of names with their records, and of names that exist without any."""
    table: dict[str, set[Record]] = {}
    for name, record in named:
        table.setdefault(name.lower(), set()).add(record)
    parents = {parent for name in table for parent in _parents(name)}
    known = tuple(origins)
    return Records(
        known, {name: tuple(sorted(found)) for name, found in table.items()}, frozenset({*parents, *known, *also})
    )


def _parents(name: str) -> Iterable[str]:
    while "." in name:
        _, _, name = name.partition(".")
        yield name
