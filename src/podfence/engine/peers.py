"""Whom some endpoints reach and who reaches them, in the whole map or as far as a part of it shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import reduce
from operator import or_

import msgspec

from podfence.engine.connectivity import Targets
from podfence.engine.excerpt import Excerpt

_KEPT = 64
"""Lists of targets whose part among the chosen endpoints is remembered; endpoints of one class are neighbours."""


class Peers(msgspec.Struct, frozen=True):
    """The other ends of all connections of some ``chosen`` endpoints, each with its port atoms taken together.

    What connects two of the chosen is in neither. ``entered`` are those of the chosen that something outside the
    cluster reaches, ``leaving`` those that reach something there; what a host known by name reaches is left out,
    for that comes from its addresses.
    """

    chosen: frozenset[int]
    reaches: dict[int, int]
    reached_from: dict[int, int]
    entered: frozenset[int]
    leaving: frozenset[int]


def peers(excerpt: Excerpt, chosen: frozenset[int]) -> Peers:
    """Find the peers of some endpoints by the connections of an excerpt, which may be everything."""
    endpoints = excerpt.connectivity.endpoints
    reaches: dict[int, int] = defaultdict(int)
    leaving = set()
    for source in chosen:
        for target, mask in excerpt.outgoing(source):
            if target not in chosen:
                reaches[target] |= mask
            if endpoints[target].is_outside:
                leaving.add(source)
    reached_from: dict[int, int] = {}
    entered: set[int] = set()
    for source, found in _into(excerpt, chosen):
        if endpoints[source].kind == "External":
            entered.update(number for number, _ in found)
        if source not in chosen:
            reached_from[source] = reduce(or_, (mask for _, mask in found))
    return Peers(chosen, dict(reaches), reached_from, frozenset(entered), frozenset(leaving))


def _into(excerpt: Excerpt, chosen: frozenset[int]) -> Iterator[tuple[int, Targets]]:
    """Give the endpoints that reach any of the chosen, and which of them."""
    known: dict[int, tuple[Targets, Targets]] = {}
    for source, outgoing in excerpt.connections():
        targets = outgoing.targets
        # The list is kept with its part, so that no other list can take its id.
        if id(targets) not in known:
            known[id(targets)] = (targets, [target for target in targets if target[0] in chosen])
            if len(known) > _KEPT:
                known.pop(next(iter(known)))
        found = known[id(targets)][1]
        if found and excerpt.connectivity.endpoints[source].kind != "Domain":
            yield source, found
