"""The ports that pods take of their node: two pods that want the same one cannot share a node. Pure.

The API server writes every container port of a pod in the node's network as a hostPort, so that these count too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from podfence.lab.interface import Object

_ANY: Final = "0.0.0.0"  # noqa: S104 (what a hostPort without hostIP means, not an address to listen on)


class HostPort(msgspec.Struct, frozen=True):
    """One port of a node, on one of its addresses or on all."""

    protocol: str
    port: int
    address: str

    def collides(self, other: HostPort) -> bool:
        """Tell whether both cannot be had at once (``HostPortInfo.CheckConflict`` of the scheduler)."""
        if (self.protocol, self.port) != (other.protocol, other.port):
            return False
        return self.address == other.address or _ANY in {self.address, other.address}


def host_ports(pod: Object) -> Iterator[HostPort]:
    """Give the ports that a pod takes while it runs: those of its containers, sidecars among them."""
    spec = pod["spec"]
    sidecars = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
    for container in (*spec["containers"], *sidecars):
        for port in container.get("ports") or ():
            if port.get("hostPort"):
                yield HostPort(port.get("protocol") or "TCP", port["hostPort"], port.get("hostIP") or _ANY)


def ports_are_free(pod: Object, others: Iterable[Object]) -> bool:
    """Tell whether a pod can run beside the others of a node."""
    wanted = tuple(host_ports(pod))
    return not wanted or not any(
        one.collides(taken) for other in others for taken in host_ports(other) for one in wanted
    )
