"""What every output of ``diff`` tells, in the order of risk: what opened from outside first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from podfence.engine.causes import Cause, Causes, changed_policies
from podfence.engine.difference import Difference, Link
from podfence.engine.endpoints import Endpoint
from podfence.model.net import ALL_ADDRESSES, subtract
from podfence.model.objects import ObjectRef
from podfence.model.policy import PortRange
from podfence.model.source import Position
from podfence.report.addresses import ranges_text
from podfence.report.ports import ports_text

_MOST_OWNED = 1 << 16
"""Addresses that pods and nodes take out of a family which is still called anywhere."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """Connections that opened or closed; endpoints as they are now. ``ports`` ``None`` is all traffic."""

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
    def risk(self) -> tuple[bool, bool, bool, str, str]:
        """Sort key: opened before closed, from outside first, then to outside, then by id."""
        outside = self.source.is_outside, self.destination.is_outside
        return (not self.opened, not outside[0], not outside[1], self.destination.id, self.source.id)


def entries(difference: Difference) -> list[Entry]:
    """List all that opened and closed with its causes, the riskiest first."""
    causes = Causes(difference)

    def entry(link: Link, *, opened: bool) -> Entry:
        why = causes.opened(link) if opened else causes.closed(link)
        return Entry(opened, link.source.after, link.destination.after, difference.ports(link), why)

    found = [entry(link, opened=True) for link in difference.opened]
    found += [entry(link, opened=False) for link in difference.closed]
    return sorted(found, key=lambda item: item.risk)


def without_effect(difference: Difference, found: Iterable[Entry]) -> list[ObjectRef]:
    """List the policies that changed and caused nothing of what was found, in order of their names.

    They may be the same in other words, or speak of pods that neither side holds: those are not compared.
    """
    before, after = difference.joint.before.snapshot, difference.joint.after.snapshot
    changed = changed_policies(before, after)
    blamed = {cause.ref.identity for entry in found for cause in entry.causes}
    refs = {policy.ref.identity: policy.ref for policy in (*before.policies, *after.policies)}
    return [refs[identity] for identity in sorted(changed.keys() - blamed, key=str)]


class Names:
    """Names endpoints of a difference for people: the kind only where the name alone is not enough."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._kinds: dict[tuple[str | None, str], set[str]] = defaultdict(set)
        for endpoint in endpoints:
            self._kinds[endpoint.namespace, endpoint.name].add(endpoint.kind)

    def __call__(self, endpoint: Endpoint) -> str:
        """Name one endpoint."""
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
    """Say in a sentence or two what changed."""
    if difference.is_empty:
        return "No difference: the same connections are allowed before and after."
    opened = sum(entry.opened for entry in found)
    closed = len(found) - opened
    sentences = [_counts(opened, closed)]
    outside = sum(entry.opened and entry.from_outside for entry in found)
    if outside:
        sentences.append(f"{_are(outside, 'of those that open')} from outside the cluster.")
    for endpoints, what in ((difference.added, "new"), (difference.removed, "gone")):
        if endpoints:
            noun = "endpoint" if len(endpoints) == 1 else "endpoints"
            sentences.append(f"{_are(len(endpoints), noun)} {what}.")
    return " ".join(sentences)


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
