"""Peers are the other ends of the connections of some endpoints, found one connection at a time."""

from __future__ import annotations

import pytest

from podfence.engine.endpoints import Grouping
from podfence.engine.excerpt import Excerpt, of_namespace
from podfence.engine.peers import peers
from tests.properties.clusters import random_cluster
from tests.unit.report.maps import excerpt


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("grouping", [Grouping.POD, Grouping.NAMESPACE])
def test_peers_are_the_other_ends_of_the_connections_shown(seed: int, grouping: Grouping) -> None:
    whole = excerpt(random_cluster(seed), grouping)
    endpoints = whole.connectivity.endpoints
    narrow = Excerpt(whole.connectivity, [of_namespace(whole.connectivity, "one")])
    chosen = frozenset(range(0, len(endpoints), 3))
    for shown in (whole, narrow):
        reaches: dict[int, int] = {}
        reached_from: dict[int, int] = {}
        entered, leaving = set(), set()
        for source, outgoing in shown.connections():
            for target, mask in outgoing:
                if source in chosen and target not in chosen:
                    reaches[target] = reaches.get(target, 0) | mask
                if source in chosen and endpoints[target].kind in ("External", "Domain"):
                    leaving.add(source)
                if target in chosen and source not in chosen and endpoints[source].kind != "Domain":
                    reached_from[source] = reached_from.get(source, 0) | mask
                if target in chosen and endpoints[source].kind == "External":
                    entered.add(target)
        found = peers(shown, chosen)
        assert (found.reaches, found.reached_from) == (reaches, reached_from)
        assert (set(found.entered), set(found.leaving)) == (entered, leaving)
