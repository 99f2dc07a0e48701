"""Where the API server listens: as an EndpointSlice of the input says, else as the profile does."""

from __future__ import annotations

import msgspec

from podfence.lint.inspection import Inspection
from podfence.model.labels import NAMESPACE_NAME_LABEL
from podfence.model.net import AddressRange, format_address, intersect
from podfence.model.policy import AddressPeer, Peer, PodPeer

SERVICE_PORT = 443

_AGENT_NAMESPACE = "kube-system"
_AGENT_LABELS = {"k8s-app": "konnectivity-agent"}
"""How GKE, AKS and the project's own manifests name the agents of the API server's network proxy."""


class ApiServer(msgspec.Struct, frozen=True):
    """The addresses of the API server and the ports behind its Service; ``ranges`` where only these are known."""

    addresses: tuple[int, ...] = ()
    ports: tuple[int, ...] = ()
    ranges: tuple[AddressRange, ...] = ()

    @property
    def text(self) -> str:
        """Write the first address and port as people do."""
        where = format_address(self.addresses[0]) if self.addresses else ""
        ports = "/".join(map(str, self.ports))
        return f"{where}:{ports}" if where else f"port {ports}"


def api_server(inspection: Inspection) -> ApiServer:
    """Find the API server; nothing is known where neither the input nor a profile tells."""
    known: ApiServer | None = inspection.kept.get("api-server")
    if known is None:
        known = inspection.kept["api-server"] = _find(inspection)
    return known


def may_be_server(inspection: Inspection, peer: Peer) -> bool:
    """Tell whether a peer may mean the API server by what the input lacks; what its known addresses do is sure.

    Peers of pods mean it only where it calls through pods: the agents of its network proxy, in the clusters that
    have them (https://kubernetes.io/docs/concepts/architecture/control-plane-node-communication/#konnectivity-service).
    """
    if isinstance(peer, PodPeer):
        has_agents = inspection.profile is None or inspection.profile.konnectivity
        return has_agents and _may_be_agent(inspection, peer)
    server = api_server(inspection)
    if server.addresses or not isinstance(peer, AddressPeer):
        return False
    return bool(intersect(peer.ranges, server.ranges) if server.ranges else peer.ranges)


def _may_be_agent(inspection: Inspection, peer: PodPeer) -> bool:
    if not peer.pod_selector.matches(_AGENT_LABELS):
        return False
    if peer.namespace is not None:
        return peer.namespace == _AGENT_NAMESPACE
    known = inspection.namespaces.get(_AGENT_NAMESPACE)
    labels = {**(dict(known.labels) if known is not None else {}), NAMESPACE_NAME_LABEL: _AGENT_NAMESPACE}
    is_sure = inspection.knows_labels_of(_AGENT_NAMESPACE)
    wanted = peer.namespace_selector.requirements if peer.namespace_selector is not None else ()
    return all(item.matches(labels) for item in wanted if is_sure or item.key == NAMESPACE_NAME_LABEL)


def _find(inspection: Inspection) -> ApiServer:
    slices = [
        item
        for item in inspection.snapshot.endpoint_slices
        if (item.namespace, item.service) == ("default", "kubernetes") and item.addresses
    ]
    if slices:
        addresses = tuple(dict.fromkeys(address for item in slices for address in item.addresses))
        ports = tuple(dict.fromkeys(port.port for item in slices for port in item.ports)) or (SERVICE_PORT,)
        return ApiServer(addresses, ports)
    profile = inspection.profile
    if profile is None:
        return ApiServer()
    return ApiServer(ports=profile.api_ports, ranges=profile.api_ranges)
