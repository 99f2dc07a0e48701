"""Connections as lines of text, a million of them in less than a second.

Endpoints of one class share what they reach, so what stands behind the name of the source is written once for the
class; the lines of a source are its name joined between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from podfence.engine.connectivity import Outgoing, Targets
from podfence.engine.endpoints import Endpoint
from podfence.engine.excerpt import Excerpt
from podfence.model.policy import PortRange

Ports = tuple[PortRange, ...] | None
"""The ports of a connection; ``None`` is all traffic."""

_KEPT = 16
"""Lists of targets whose text is kept: replicas are neighbours."""


class Rows:
    """Writes the connections of an excerpt.

    ``head`` writes the part of a line that names the source, ``tail`` that which names the destination,
    ``ports`` that which follows it.
    """

    def __init__(
        self,
        excerpt: Excerpt,
        head: Callable[[Endpoint], str],
        tail: Callable[[Endpoint], str],
        ports: Callable[[Ports], str],
    ) -> None:
        self._excerpt = excerpt
        self._head = head
        self._endpoints = excerpt.connectivity.endpoints
        self._tails = [tail(endpoint) for endpoint in self._endpoints]
        self._write_ports = ports
        self._ports: dict[int, str] = {}
        self._kept: dict[int, tuple[Targets, list[str]]] = {}

    def chunks(self, between: str) -> Iterator[str]:
        """Give the lines of each source that has any, as one text, with ``between`` between two lines."""
        for source, outgoing in self._excerpt.connections():
            tails = self._tails_of(outgoing)
            if tails:
                head = self._head(self._endpoints[source])
                yield head + (between + head).join(tails)

    def _tails_of(self, outgoing: Outgoing) -> list[str]:
        tails = self._shared_tails(outgoing.targets)
        if outgoing.left_out is None:
            return tails
        return tails[: outgoing.left_out] + tails[outgoing.left_out + 1 :]

    def _shared_tails(self, targets: Targets) -> list[str]:
        known = self._kept.get(id(targets))
        if known is None:
            if len(self._kept) >= _KEPT:
                self._kept.pop(next(iter(self._kept)))
            # The list is kept with its text, so that no other list can take its id.
            known = self._kept[id(targets)] = (targets, self._write_tails(targets))
        return known[1]

    def _write_tails(self, targets: Targets) -> list[str]:
        ports = self._ports
        for mask in {mask for _, mask in targets}.difference(ports):
            ports[mask] = self._write_ports(self._excerpt.connectivity.ports(mask))
        names = self._tails
        return [names[number] + ports[mask] for number, mask in targets]
