"""Keeps the ports of nodes that lead to pods (``hostPort``) as the pods that are there want them."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence

from podfence.lab.interface import Object
from podfence.lab.node_commands import forget_flows, run_nft
from podfence.lab.services.host_ports import HostPortMapping, host_port_mappings, host_port_rules
from podfence.lab.services.proxy import StaleFlows
from podfence.lab.zygote_client import Zygote
from podfence.model.error import PodfenceError

_log = logging.getLogger(__name__)


class HostPortNetwork:
    """The host ports of all nodes; pods are known by their place."""

    def __init__(self, zygote: Zygote) -> None:
        self._zygote = zygote
        self._wanted: defaultdict[str, dict[str, tuple[HostPortMapping, ...]]] = defaultdict(dict)
        self._writing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def add(self, pod: Object, place: str, addresses: Sequence[str], node_addresses: Sequence[str]) -> None:
        """Let a pod's host ports lead to it, if it has any; raises ``PodfenceError`` when the machine refuses."""
        if mappings := host_port_mappings(pod, addresses):
            node = pod["spec"]["nodeName"]
            self._wanted[node][place] = mappings
            # A client that was already sending has an entry that leads nowhere, and would keep to it.
            stale = [StaleFlows("", one.host_port) for one in mappings if one.protocol == "udp"]
            try:
                await self._write(node, node_addresses, stale)
            except RuntimeError as error:
                del self._wanted[node][place]
                raise PodfenceError(f"host ports of node {node}: {error}") from None

    async def remove(self, pod: Object, place: str, node_addresses: Sequence[str]) -> None:
        """Take a pod's host ports away; a pod without any is no error."""
        node = pod["spec"]["nodeName"]
        mappings = self._wanted[node].pop(place, ())
        if mappings:
            stale = [StaleFlows("", one.host_port, one.address, one.port) for one in mappings if one.protocol == "udp"]
            try:
                await self._write(node, node_addresses, stale)
            except RuntimeError as error:
                _log.warning("host ports of node %s: %s", node, error)

    async def _write(self, node: str, node_addresses: Sequence[str], stale: Sequence[StaleFlows]) -> None:
        async with self._writing[node]:
            wanted = [one for mappings in self._wanted[node].values() for one in mappings]
            await run_nft(self._zygote, node, host_port_rules(wanted, node_addresses))
        if stale:
            await forget_flows(self._zygote, node, stale)
