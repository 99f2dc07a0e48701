"""A map read from its other end: who reaches each endpoint, and what leaves the cluster."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

import msgspec

from podfence.engine.excerpt import Excerpt

ByPorts = dict[int, list[int]]
"""Endpoints by the port atoms on which they are connected."""


class Incoming(msgspec.Struct, frozen=True):
    """The connections of an excerpt by destination; ``leaving`` is by source, for destinations outside.

    Traffic of a node to the pods it runs is left out, for it is always allowed (then ``own_node`` is true), and
    what comes from hosts known by name, for it comes from their addresses. ``pairs`` counts connections between
    two different endpoints inside the cluster.
    """

    entering: dict[int, ByPorts]
    leaving: dict[int, ByPorts]
    pairs: int
    own_node: bool


def incoming(excerpt: Excerpt, chosen: Collection[int] = ()) -> Incoming:
    """Turn an excerpt around; nothing is left out that comes from a ``chosen`` endpoint."""
    endpoints = excerpt.connectivity.endpoints
    inside = [endpoint.has_pods for endpoint in endpoints]
    outside = [endpoint.is_outside for endpoint in endpoints]
    entering: dict[int, ByPorts] = defaultdict(lambda: defaultdict(list))
    leaving: dict[int, ByPorts] = defaultdict(lambda: defaultdict(list))
    pairs = 0
    own_node = False
    for source, outgoing in excerpt.connections():
        if endpoints[source].kind == "Domain" and source not in chosen:
            continue
        is_node = endpoints[source].kind == "Node" and source not in chosen
        own = endpoints[source].host_nodes if is_node else ()
        for target, mask in outgoing:
            if outside[target]:
                leaving[source][mask].append(target)
            elif not own or own[0] not in endpoints[target].runs_on:
                entering[target][mask].append(source)
                pairs += inside[source] and inside[target] and source != target
            else:
                own_node = True
    return Incoming(entering, leaving, pairs, own_node)
