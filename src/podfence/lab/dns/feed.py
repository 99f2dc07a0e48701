"""Keeps the zone of a DNS server equal to what the store holds."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

from podfence.lab.changes import changes
from podfence.lab.controllers.endpointslices import SERVICES, SLICES
from podfence.lab.controllers.namespaces import NAMESPACES
from podfence.lab.dns.cluster import ClusterZone, cluster_zone
from podfence.lab.dns.server import DnsServer
from podfence.lab.interface import ObjectStore


def zone_of(store: ObjectStore, dns_addresses: Sequence[str]) -> ClusterZone:
    """Make the zone of what a store holds now."""
    namespaces = [one["metadata"]["name"] for one in store.list(NAMESPACES)]
    return cluster_zone(store.list(SERVICES), store.list(SLICES), namespaces, dns_addresses)


async def feed_zone(store: ObjectStore, server: DnsServer, dns_addresses: Sequence[str]) -> None:
    """Exchange the server's zone whenever something in it has changed, until cancelled."""
    async with aclosing(changes(store, (SERVICES, SLICES, NAMESPACES))) as changed:
        async for _ in changed:
            server.zone = zone_of(store, dns_addresses)
