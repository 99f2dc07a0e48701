"""Which pod of a node has which address. Pure; an address rests as long as possible before it is given again."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from podfence.model.error import PodfenceError

_FIRST = 2
_MOST = 65_000


class PodAddresses:
    """Gives addresses out of the ranges of one node, one of each range at a time.

    The first two of a range stay free, as on a node with a bridge. The next is always one that was not used for the
    longest time: connection tracking may still know an old one.
    """

    def __init__(self, pod_cidrs: Sequence[str]) -> None:
        self._networks = [ipaddress.ip_network(cidr) for cidr in pod_cidrs]
        self._size = min(_MOST, *(network.num_addresses - 1 for network in self._networks))
        self._next = _FIRST
        self._taken: set[int] = set()

    def take(self) -> tuple[str, ...]:
        """Give an address of each range; raises ``PodfenceError`` when all are taken."""
        for step in range(self._size - _FIRST):
            place = _FIRST + (self._next - _FIRST + step) % (self._size - _FIRST)
            if place not in self._taken:
                self._taken.add(place)
                self._next = place + 1
                return tuple(str(network[place]) for network in self._networks)
        raise PodfenceError(f"no pod address is free in {self._networks[0]}; use more nodes or fewer pods")

    def give_back(self, addresses: Sequence[str]) -> None:
        """Take back what ``take`` gave."""
        first = int(self._networks[0].network_address)
        self._taken.discard(int(ipaddress.ip_address(addresses[0])) - first)
