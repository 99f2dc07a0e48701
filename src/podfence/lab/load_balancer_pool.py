"""The addresses of load balancers: who has which. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from podfence.lab.address_plan import Network
from podfence.model.error import PodfenceError


class LoadBalancerPool:
    """Gives the addresses of one network away, each to one Service (its holder), upwards and then round again.

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

        Raises ``PodfenceError``.
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
        raise PodfenceError(f"{self._network} has no free address left; delete a Service of type LoadBalancer")
