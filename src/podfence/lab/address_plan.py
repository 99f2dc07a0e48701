"""The address plan of a lab: pods, nodes, Services, and the zone outside.

All of it lives in namespaces without a link to the machine's network, so the ranges may be anything; they are those
that kubeadm's users know, and documentation ranges (RFC 5737, RFC 3849) for the world outside.
"""

from __future__ import annotations

import ipaddress
from typing import Final

import msgspec

from podfence.model.error import PodfenceError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

POD_NETWORKS: Final[tuple[Network, Network]] = (
    ipaddress.IPv4Network("10.244.0.0/16"),
    ipaddress.IPv6Network("fd00:10:244::/56"),
)
SERVICE_NETWORKS: Final = (ipaddress.IPv4Network("10.96.0.0/16"), ipaddress.IPv6Network("fd00:10:96::/112"))
NODE_NETWORKS: Final = (ipaddress.IPv4Network("172.18.0.0/16"), ipaddress.IPv6Network("fc00:f853:ccd:e793::/64"))
LOAD_BALANCER_NETWORKS: Final = (
    ipaddress.IPv4Network("198.51.100.0/25"),
    ipaddress.IPv6Network("2001:db8:51:100::/112"),
)
DNS_SERVICE_ADDRESSES: Final = ("10.96.0.10", "fd00:10:96::a")

_POD_PREFIXES = (24, 64)
_FIRST_NODE = 2


class NodeAddresses(msgspec.Struct, frozen=True):
    """What one node has: its own addresses, and the networks of its pods, IPv4 first."""

    addresses: tuple[str, str]
    pod_networks: tuple[Network, Network]


def node_addresses(number: int) -> NodeAddresses:
    """Give the addresses of a node; the first is number 0. Raises ``PodfenceError`` beyond 256 nodes."""
    own = tuple(str(network[_FIRST_NODE + number]) for network in NODE_NETWORKS)
    pods = tuple(_part(network, prefix, number) for network, prefix in zip(POD_NETWORKS, _POD_PREFIXES, strict=True))
    return NodeAddresses((own[0], own[1]), (pods[0], pods[1]))


def _part(network: Network, prefix: int, number: int) -> Network:
    """Give the subnet of a number without listing those before it."""
    size = 1 << (network.max_prefixlen - prefix)
    if number * size >= network.num_addresses:
        raise PodfenceError(f"{network} has no pods' network for node {number}; use fewer nodes")
    return ipaddress.ip_network((int(network.network_address) + number * size, prefix))
