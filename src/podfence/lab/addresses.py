"""The address plan of a lab: pods, nodes, Services, and the zone outside; and pools that give single addresses away.

All of it lives in namespaces without a link to the machine's network, so the ranges may be anything; they are those
that kubeadm's users know, and documentation ranges (RFC 5737, RFC 3849) for the world outside.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

import msgspec

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


class AddressesExhaustedError(Exception):
    """A network has no free address left."""


class NodeAddresses(msgspec.Struct, frozen=True):
    """What one node has: its own addresses, and the networks of its pods, IPv4 first."""

    addresses: tuple[str, str]
    pod_networks: tuple[Network, Network]


def node_addresses(number: int) -> NodeAddresses:
    """Give the addresses of a node; the first is number 0. Raises ``AddressesExhaustedError`` beyond 256 nodes."""
    own = tuple(str(network[_FIRST_NODE + number]) for network in NODE_NETWORKS)
    pods = tuple(_part(network, prefix, number) for network, prefix in zip(POD_NETWORKS, _POD_PREFIXES, strict=True))
    return NodeAddresses((own[0], own[1]), (pods[0], pods[1]))


class AddressPool:
    """Gives the addresses of one network away, each to one holder, upwards and then round again.

    The network's first address and, for IPv4, its last are nobody's.
    """

    def __init__(self, network: Network, reserved: Iterable[str] = ()) -> None:
        self._network = network
        self._held: dict[str, str] = {}
        self._holders = dict.fromkeys((str(ipaddress.ip_address(one)) for one in reserved), "")
        self._next = 1
        self._last = network.num_addresses - (2 if network.version == 4 else 1)

    def contains(self, address: str) -> bool:
        """Tell whether an address belongs to the pool's network."""
        try:
            return ipaddress.ip_address(address) in self._network
        except ValueError:
            return False

    def take(self, holder: str, wanted: str | None = None) -> str:
        """Give a holder its address: the one it has, else the wanted one if that is free, else a new one.

        Raises ``AddressesExhaustedError``.
        """
        if holder in self._held:
            return self._held[holder]
        normal = str(ipaddress.ip_address(wanted)) if wanted and self.contains(wanted) else ""
        address = normal if normal and normal not in self._holders else self._free()
        self._held[holder], self._holders[address] = address, holder
        return address

    def give_back(self, holder: str) -> None:
        """Make a holder's address free again."""
        address = self._held.pop(holder, None)
        if address is not None:
            del self._holders[address]

    def _free(self) -> str:
        """Go round the network, so that an address that was given back rests for a while."""
        for _ in range(min(self._last, len(self._holders) + 1)):
            address = str(self._network[self._next])
            self._next = self._next % self._last + 1
            if address not in self._holders:
                return address
        raise AddressesExhaustedError(f"{self._network} has no free address left")


def _part(network: Network, prefix: int, number: int) -> Network:
    """Give the subnet of a number without listing those before it."""
    size = 1 << (network.max_prefixlen - prefix)
    if number * size >= network.num_addresses:
        raise AddressesExhaustedError(f"{network} has no network for node {number}")
    return ipaddress.ip_network((int(network.network_address) + number * size, prefix))
