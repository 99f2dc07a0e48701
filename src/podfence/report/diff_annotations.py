"""The difference for code hosts: each line of ``diff`` at the policy that caused it, as SARIF or as annotations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from podfence.engine.difference import Difference
from podfence.model.source import Position
from podfence.report.diff_entries import Entry, Names, cause_position, cause_text
from podfence.report.diff_text import sources_text
from podfence.report.github import annotation
from podfence.report.ports import ports_text
from podfence.report.possible import NOT_IN_INPUT
from podfence.report.sarif import Result, RuleText, sarif

OPENED: Final = RuleText(
    "connection-opened",
    "ConnectionOpened",
    "A change opens connections.",
    "Connections that the policies denied before are allowed now.",
)
CLOSED: Final = RuleText(
    "connection-closed",
    "ConnectionClosed",
    "A change closes connections.",
    "Connections that the policies allowed before are denied now.",
    severity="info",
)
_REVISION: Final = re.compile(r"^git:[^:]*:(\./)?")
_HEADLINES = {OPENED.id: "Connections open", CLOSED.id: "Connections close"}


class Annotated(msgspec.Struct, frozen=True):
    """What is said at one place: the rule, the text, and where."""

    rule: RuleText
    message: str
    position: Position | None


def diff_sarif(difference: Difference, found: Sequence[Entry]) -> str:
    """Write a difference as SARIF; what opens is a warning, what closes a note."""
    results = (
        Result(item.rule.id, item.rule.severity, item.message, item.position, item.message)
        for item in _annotated(difference, found)
    )
    return sarif((OPENED, CLOSED), results)


def diff_github(difference: Difference, found: Sequence[Entry]) -> Iterator[str]:
    """Write a difference as workflow commands of GitHub Actions."""
    for item in _annotated(difference, found):
        yield annotation(item.rule.severity, _HEADLINES[item.rule.id], item.message, item.position)


def _annotated(difference: Difference, found: Sequence[Entry]) -> Iterator[Annotated]:
    """Join entries with one destination, ports and causes; the place is that of the first cause."""
    names = Names(difference, NOT_IN_INPUT)
    groups: dict[tuple[object, ...], list[Entry]] = {}
    for entry in found:
        key = (entry.opened, entry.is_possible, entry.destination.id, entry.ports, entry.causes)
        groups.setdefault(key, []).append(entry)
    for group in groups.values():
        first = group[0]
        sources = sources_text([entry.source for entry in group], names)
        verb = "opens" if first.opened else "closes"
        causes = f" because of {', '.join(map(cause_text, first.causes))}" if first.causes else ""
        message = f"{sources} → {names(first.destination)} {ports_text(first.ports)} {verb}{causes}"
        place = next((where for cause in first.causes if (where := cause_position(cause)) is not None), None)
        yield Annotated(OPENED if first.opened else CLOSED, message, place and _in_repository(place))


def _in_repository(place: Position) -> Position:
    """Name the file without the revision: code hosts know it by its path in the repository."""
    return msgspec.structs.replace(place, file=_REVISION.sub("", place.file))
