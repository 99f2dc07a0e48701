"""The part of a map that was asked for: around some endpoints, of one namespace, to and from outside.

A connection is shown when every scope has its source among its sources or its destination among its
destinations; without any scope everything is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from podfence.engine.connectivity import Connectivity, Outgoing
from podfence.engine.endpoints import Endpoint


class Scope(msgspec.Struct, frozen=True):
    """What to look at: connections from ``sources`` and connections to ``destinations``, by number of endpoint.

    ``named`` are endpoints that are shown even if nothing connects with them.
    """

    sources: frozenset[int]
    destinations: frozenset[int]
    named: frozenset[int]


class Excerpt:
    """A connectivity as far as some scopes show it."""

    def __init__(self, connectivity: Connectivity, scopes: Sequence[Scope] = ()) -> None:
        self.connectivity = connectivity
        self.scopes = tuple(scopes)
        self._numbers: list[int] | None = None

    @property
    def is_whole(self) -> bool:
        """Tell whether everything is shown."""
        return not self.scopes

    def is_complete(self, number: int) -> bool:
        """Tell whether everybody who reaches an endpoint is shown."""
        return all(number in scope.destinations for scope in self.scopes)

    def is_complete_source(self, number: int) -> bool:
        """Tell whether everybody whom an endpoint reaches is shown."""
        return all(number in scope.sources for scope in self.scopes)

    def numbers(self) -> list[int]:
        """List the endpoints that are shown, in order: those named, and all that have a connection shown."""
        if self._numbers is None:
            self._numbers = self._find_numbers()
        return self._numbers

    def endpoints(self) -> Iterator[Endpoint]:
        """Give the endpoints that are shown, in order."""
        return (self.connectivity.endpoints[number] for number in self.numbers())

    def connections(self) -> Iterator[tuple[int, Outgoing]]:
        """Give what each endpoint reaches, in order, as far as it is shown."""
        for source in range(len(self.connectivity.endpoints)):
            if self._may_show(source):
                yield source, self.outgoing(source)

    def outgoing(self, source: int) -> Outgoing:
        """Give what one endpoint reaches, as far as it is shown."""
        found = self.connectivity.outgoing(source)
        wanted = [scope.destinations for scope in self.scopes if source not in scope.sources]
        if not wanted:
            return found
        return Outgoing([target for target in found if all(target[0] in numbers for numbers in wanted)])

    def _may_show(self, source: int) -> bool:
        return all(source in scope.sources or scope.destinations for scope in self.scopes)

    def _find_numbers(self) -> list[int]:
        if self.is_whole:
            return list(range(len(self.connectivity.endpoints)))
        found = set(frozenset.intersection(*(scope.named for scope in self.scopes)))
        for source, outgoing in self.connections():
            reached = [number for number, _ in outgoing]
            if reached:
                found.add(source)
                found.update(reached)
        return sorted(found)


def where(connectivity: Connectivity, wanted: Callable[[Endpoint], bool]) -> frozenset[int]:
    """Find endpoints by what they are."""
    return frozenset(number for number, endpoint in enumerate(connectivity.endpoints) if wanted(endpoint))


def of_namespace(connectivity: Connectivity, namespace: str) -> Scope:
    """Look at the endpoints of one namespace and whatever they connect with."""
    inside = where(connectivity, lambda item: item.namespace == namespace or item.id == f"namespace/{namespace}")
    return Scope(inside, inside, inside)


def of_outside(connectivity: Connectivity) -> Scope:
    """Look at what crosses the border of the cluster, either way."""
    outside = where(connectivity, lambda endpoint: endpoint.is_outside)
    return Scope(outside, outside, frozenset())


def around(connectivity: Connectivity, chosen: Iterable[int], depth: int = 1) -> Scope:
    """Look at what some endpoints reach and at who reaches them, over up to ``depth`` connections in a row.

    No path leads through the outside: what two endpoints have in common there does not connect them.
    """
    start = frozenset(chosen)
    inside = where(connectivity, lambda endpoint: not endpoint.is_outside)
    sources, destinations = start, start
    for _ in range(depth - 1):
        forward = {number for source in sources for number, _ in connectivity.outgoing(source)}
        backward = {
            source
            for source, outgoing in connectivity.connections()
            if any(number in destinations for number, _ in outgoing)
        }
        grown = sources | (forward & inside), destinations | (backward & inside)
        if grown == (sources, destinations):
            break
        sources, destinations = grown
    return Scope(sources, destinations, start)
