"""What every output of ``diff`` tells, in the order of risk: what opened from outside first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from podfence.engine.causes import Cause, Causes
from podfence.engine.difference import Difference, Link
from podfence.engine.endpoints import Endpoint
from podfence.engine.witnesses import witnesses
from podfence.model.net import ALL_ADDRESSES, subtract
from podfence.model.policy import PortRange
from podfence.model.source import Position
from podfence.report.addresses import ranges_text
from podfence.report.ports import ports_text
from podfence.report.possible import possible_noun, possible_text

_MOST_OWNED = 1 << 16
"""Addresses that pods and nodes take out of a family which is still called anywhere."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """Connections that opened or closed; endpoints as they are now. ``ports`` ``None`` is all traffic.

    With a possible end it is an example: the change means alike pods and nodes, too.
    """

    opened: bool
    source: Endpoint
    destination: Endpoint
    ports: tuple[PortRange, ...] | None
    causes: tuple[Cause, ...]

    @property
    def from_outside(self) -> bool:
        """Tell whether the connections come from outside the cluster."""
        return self.source.is_outside

    @property
    def is_possible(self) -> bool:
        """Tell whether one of the ends is not in the input."""
        return self.source.is_possible or self.destination.is_possible

    @property
    def risk(self) -> tuple[bool, bool, bool, bool, str, str]:
        """Sort key: what the input holds, opened before closed, from outside first, then to outside, then by id."""
        outside = self.source.is_outside, self.destination.is_outside
        ids = self.destination.id, self.source.id
        return (self.is_possible, not self.opened, not outside[0], not outside[1], *ids)


def entries(difference: Difference) -> list[Entry]:
    """List all that opened and closed with its causes, the riskiest first, and examples of what the input lacks."""
    causes = Causes(difference)

    def entry(link: Link, why: tuple[Cause, ...], *, opened: bool) -> Entry:
        return Entry(opened, link.source.after, link.destination.after, difference.ports(link), why)

    found = [entry(link, causes.opened(link), opened=True) for link in difference.opened]
    found += [entry(link, causes.closed(link), opened=False) for link in difference.closed]
    shown = {opened: {item.causes for item in found if item.opened is opened} for opened in (True, False)}
    found += [entry(item.link, item.causes, opened=item.opened) for item in witnesses(difference, causes, shown)]
    return sorted(found, key=lambda item: item.risk)


def of_input(found: Iterable[Entry]) -> list[Entry]:
    """List the entries of which both ends are in the input."""
    return [entry for entry in found if not entry.is_possible]


def examples(found: Iterable[Entry]) -> list[Entry]:
    """List the entries of which one end is not in the input."""
    return [entry for entry in found if entry.is_possible]


class Names:
    """Names endpoints of a difference for people: the kind only where the name alone is not enough."""

    def __init__(self, difference: Difference, mark: str = "") -> None:
        """``mark`` is said behind each end that the input does not hold."""
        self._mark = mark
        self._kinds: dict[tuple[str | None, str], set[str]] = defaultdict(set)
        for pair in difference.pairs:
            self._kinds[pair.after.namespace, pair.after.name].add(pair.after.kind)
        self._possible = difference.joint.possible

    def __call__(self, endpoint: Endpoint) -> str:
        """Name one endpoint."""
        if endpoint.is_possible:
            return possible_text(endpoint, self._possible) + self._mark
        if endpoint.kind == "External":
            return "outside (anywhere)" if _is_all(endpoint) else f"outside {ranges_text(endpoint.ranges)}"
        if endpoint.namespace is None:
            return endpoint.id
        unclear = len(self._kinds[endpoint.namespace, endpoint.name]) > 1
        return f"{endpoint.namespace}/{endpoint.kind if unclear else ''}/{endpoint.name}".replace("//", "/")


def _is_all(endpoint: Endpoint) -> bool:
    """Tell whether a whole family is there but for the few addresses that pods and nodes own."""
    missing = [subtract([whole], endpoint.ranges) for whole in ALL_ADDRESSES]
    return any(sum(piece.last - piece.first + 1 for piece in found) <= _MOST_OWNED for found in missing)


def cause_position(cause: Cause) -> Position | None:
    """Give the place in a text that a cause speaks of, ``None`` where the policy comes from no text."""
    return None if cause.ref.source is None else cause.ref.source.position(cause.path)


def cause_text(cause: Cause) -> str:
    """Name a cause with its place: ``redis-ingress modified (manifests/redis.yaml:9)``."""
    where = cause_position(cause)
    return f"{cause.ref.name} {cause.change.value}" + (f" ({where.file}:{where.line})" if where else "")


def summary(difference: Difference, found: Sequence[Entry]) -> str:
    """Say in a few sentences what changed."""
    if difference.is_empty:
        return "No difference: the same connections are allowed before and after."
    return " ".join([*_of_input(difference, of_input(found)), *_of_others(examples(found))])


def _of_input(difference: Difference, found: Sequence[Entry]) -> Iterator[str]:
    opened = sum(entry.opened for entry in found)
    yield _counts(opened, len(found) - opened)
    outside = sum(entry.opened and entry.from_outside for entry in found)
    if outside:
        yield f"{_are(outside, 'of those that open')} from outside the cluster."
    for endpoints, what in ((difference.added, "new"), (difference.removed, "gone")):
        if endpoints:
            noun = "endpoint" if len(endpoints) == 1 else "endpoints"
            yield f"{_are(len(endpoints), noun)} {what}."


def _of_others(found: Sequence[Entry]) -> Iterator[str]:
    """Say what happens for what the input does not hold; no number, since these are examples."""
    if found:
        verbs = [verb for verb, opened in (("some open", True), ("some close", False)) if _any(found, opened=opened)]
        yield f"For {possible_noun(found)} that the input does not hold, {' and '.join(verbs)}."


def _any(found: Iterable[Entry], *, opened: bool) -> bool:
    return any(entry.opened is opened for entry in found)


def examples_title(found: Iterable[Entry]) -> str:
    """Say what follows: connections of what the input does not hold."""
    return f"With {possible_noun(found)} that the input does not hold, for example:"


def _counts(opened: int, closed: int) -> str:
    if not opened and not closed:
        return "No connection opens or closes."
    noun = "connection" if (opened or closed) == 1 else "connections"
    verbs = ("opens" if opened == 1 else "open"), ("closes" if closed == 1 else "close")
    if not opened:
        return f"{closed:,} {noun} {verbs[1]}."
    return f"{opened:,} {noun} {verbs[0]}{f', {closed:,} {verbs[1]}' if closed else ''}."


def _are(number: int, noun: str) -> str:
    return f"{number:,} {noun} {'is' if number == 1 else 'are'}"


def witness(entry: Entry, names: Names) -> str:
    """Show one connection that changed, with its causes."""
    verb = "opens" if entry.opened else "closes"
    causes = f", because of {', '.join(map(cause_text, entry.causes))}" if entry.causes else ""
    return f"{names(entry.source)} → {names(entry.destination)} {ports_text(entry.ports)} {verb}{causes}"
