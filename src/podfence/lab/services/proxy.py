"""Keeps one node's table equal to the Services: one transaction for each change, all of it when one fails."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from podfence.lab.services.rules import ProxyNode, ruleset, skeleton
from podfence.lab.services.ruleset import Ruleset, difference, full
from podfence.lab.services.view import ServicePort

Apply = Callable[[str], Awaitable[None]]
"""Runs one nftables transaction in the node's namespace; raises when it is refused."""

_log = logging.getLogger(__name__)


class StaleFlows(msgspec.Struct, frozen=True, order=True):
    """Connections that must be forgotten: those to one endpoint, or (without one) those never translated at all.

    Only UDP has them: a client that goes on sending keeps its entry, and with it an endpoint that is no more.
    """

    service_address: str
    service_port: int
    endpoint_address: str = ""
    endpoint_port: int = 0


Forget = Callable[[Sequence[StaleFlows]], Awaitable[None]]
"""Deletes connection tracking entries in the node's namespace."""


class ServiceProxy:
    """One node's translation of Services."""

    def __init__(self, node: ProxyNode, apply: Apply, forget: Forget) -> None:
        self._node, self._apply, self._forget = node, apply, forget
        self._present: Ruleset | None = None
        self._ports: Sequence[ServicePort] = ()

    async def update(self, ports: Sequence[ServicePort]) -> None:
        """Bring the node to these ports; raises what ``apply`` raises when even a full load is refused."""
        wanted = ruleset(ports, self._node)
        if self._present != wanted:
            await self._load(wanted)
        stale = stale_flows(self._ports, ports)
        self._ports = ports
        if stale:
            await self._forget(stale)

    async def _load(self, wanted: Ruleset) -> None:
        present, self._present = self._present, None
        if present is not None:
            try:
                await self._apply(difference(present, wanted))
            except Exception:  # noqa: BLE001 - whatever it was, the table is no longer what we think
                _log.warning("node %s: a change of Services was refused; the table is written anew", self._node.name)
            else:
                self._present = wanted
                return
        await self._apply(full(skeleton(self._node), wanted))
        self._present = wanted


def stale_flows(before: Sequence[ServicePort], after: Sequence[ServicePort]) -> list[StaleFlows]:
    """Give the flows that a change of endpoints leaves behind (``pkg/proxy/conntrack``)."""
    now = {_key(port): port for port in after}
    stale = set()
    for port in before:
        if port.protocol != "UDP":
            continue
        kept = set(now[_key(port)].endpoints) if _key(port) in now else set()
        for endpoint in set(port.endpoints) - kept:
            for address, number in _addresses(port):
                stale.add(StaleFlows(address, number, endpoint.address, endpoint.port))
    served = {_key(port) for port in before if port.endpoints}
    for port in after:
        if port.protocol == "UDP" and port.endpoints and _key(port) not in served:
            stale |= {StaleFlows(address, number) for address, number in _addresses(port)}
    return sorted(stale)


def load_balancer_nodes(ports: Sequence[ServicePort], nodes: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Give for each external address the nodes that a load balancer would send to, as its health check finds them.

    With ``externalTrafficPolicy: Local`` those that have an endpoint, else all.
    """
    found: dict[str, set[str]] = {}
    for port in ports:
        fit = {one.node for one in port.endpoints} if port.external_is_local else set(nodes)
        for address in port.external_addresses:
            found[address] = found.get(address, set()) | fit
    return {address: tuple(node for node in nodes if node in fit) for address, fit in sorted(found.items())}


def _key(port: ServicePort) -> tuple[str, str, str, int, str]:
    return port.namespace, port.name, port.port_name, port.family, port.protocol


def _addresses(port: ServicePort) -> list[tuple[str, int]]:
    """Give the addresses that flows were sent to; any address of a node, written empty, for a node port."""
    external = [(address, port.port) for address in (port.cluster_ip, *port.external_addresses)]
    return external + ([("", port.node_port)] if port.node_port else [])
