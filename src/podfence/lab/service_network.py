"""Services in every node's network, and the ways to load balancers: what kube-proxy and a cloud do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from podfence.lab import orders
from podfence.lab.address_plan import POD_NETWORKS, NodeAddresses
from podfence.lab.interface import ObjectStore
from podfence.lab.node_commands import forget_flows, run_nft
from podfence.lab.services.feed import feed_proxies
from podfence.lab.services.proxy import ServiceProxy, StaleFlows, load_balancer_nodes
from podfence.lab.services.rules import ProxyNode
from podfence.lab.services.view import ServicePort
from podfence.lab.zygote_client import Zygote

_log = logging.getLogger(__name__)


class ServiceNetwork:
    """Keeps Services translated on all nodes, and load balancers' addresses routed to one that serves them."""

    def __init__(self, zygote: Zygote, nodes: Mapping[str, NodeAddresses]) -> None:
        self._zygote = zygote
        self._nodes = tuple(nodes)
        self._proxies = [self._proxy(name, place) for name, place in nodes.items()]
        self._routes: dict[str, str] = {}
        self._wanted_routes: dict[str, str] = {}
        self._routing = asyncio.Event()

    async def run(self, store: ObjectStore) -> None:
        """Follow the Services until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(feed_proxies(store, self._proxies, self._balance))
            group.create_task(self._route())

    def _proxy(self, name: str, place: NodeAddresses) -> ServiceProxy:
        node = ProxyNode(name, place.addresses, tuple(map(str, POD_NETWORKS)), tuple(map(str, place.pod_networks)))

        async def apply(text: str) -> None:
            await run_nft(self._zygote, name, text)

        async def forget(stale: Sequence[StaleFlows]) -> None:
            await forget_flows(self._zygote, name, stale)

        return ServiceProxy(node, apply, forget)

    def _balance(self, ports: Sequence[ServicePort]) -> None:
        """Choose a node for each load balancer's address: the first that serves it."""
        chosen = load_balancer_nodes(ports, self._nodes)
        self._wanted_routes = {address: nodes[0] for address, nodes in chosen.items() if nodes}
        self._routing.set()

    async def _route(self) -> None:
        while True:
            await self._routing.wait()
            self._routing.clear()
            wanted = self._wanted_routes
            for address in sorted(self._routes.keys() | wanted.keys()):
                if self._routes.get(address) != wanted.get(address):
                    network = f"{address}/{128 if ':' in address else 32}"
                    try:
                        await self._zygote.ask(orders.Route(network, wanted.get(address)))
                    except (OSError, LookupError) as error:
                        _log.warning("no route to load balancer %s: %s", address, error)
            self._routes = dict(wanted)
