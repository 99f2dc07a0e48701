"""From what a person types after ``--focus`` to the endpoints of a map."""

from __future__ import annotations

from collections.abc import Iterator

from podfence.engine.connectivity import Connectivity
from podfence.engine.directory import Directory
from podfence.engine.endpoints import Grouping
from podfence.engine.judge import Domain, Outside, Party
from podfence.engine.resolve import resolve
from podfence.model.error import PodfenceError
from podfence.model.net import intersect
from podfence.model.objects import Node, Pod


class Focus:
    """Finds endpoints of a connectivity by their id, or by anything that names one of their pods."""

    def __init__(self, connectivity: Connectivity, searched: str = "the manifests") -> None:
        self._connectivity = connectivity
        self._directory = Directory(connectivity.snapshot, searched)
        self._numbers = {endpoint.id: number for number, endpoint in enumerate(connectivity.endpoints)}
        self._class_of = {
            (pod.namespace, pod.name, pod.workload): found
            for pod, found in zip(connectivity.snapshot.pods, connectivity.program.classes.of_pod, strict=True)
        }

    def find(self, text: str, namespace: str | None = None) -> frozenset[int]:
        """Find the endpoints that a text means; raises ``PodfenceError`` when there is none."""
        exact = self._numbers.get(text)
        if exact is not None:
            return frozenset((exact,))
        resolved = resolve(self._directory, text, namespace)
        found = frozenset(number for party in resolved.parties for number in self._endpoints_of(party))
        if not found:
            raise PodfenceError(f"{text}: the map has no endpoint for it; no policy and no manifest mentions it")
        return found

    def _endpoints_of(self, party: Party) -> Iterator[int]:
        match party:
            case Pod():
                yield from (self._numbers[name] for name in self._ids_of(party) if name in self._numbers)
            case Node():
                yield from self._known(f"node/{party.name}")
            case Domain():
                yield from self._known(f"domain/{party.name}")
            case Outside():
                for number, endpoint in enumerate(self._connectivity.endpoints):
                    if endpoint.ranges and intersect(endpoint.ranges, party.ranges):
                        yield number

    def _known(self, identity: str) -> Iterator[int]:
        if identity in self._numbers:
            yield self._numbers[identity]

    def _ids_of(self, pod: Pod) -> Iterator[str]:
        """Give the ids under which the map may have a pod."""
        match self._connectivity.grouping:
            case Grouping.NAMESPACE:
                yield f"namespace/{pod.namespace}"
            case Grouping.POD if pod.from_template and pod.name == pod.workload[1]:
                yield from (f"{pod.namespace}/Pod/{pod.name}-{number}" for number in range(pod.count))
            case Grouping.POD:
                yield f"{pod.namespace}/Pod/{pod.name}"
            case Grouping.WORKLOAD:
                yield from self._parts_of(pod)

    def _parts_of(self, pod: Pod) -> Iterator[str]:
        """Give the ids of a workload; where policies tell its pods apart, of the part that holds this one."""
        whole = "/".join((pod.namespace, *pod.workload))
        yield whole
        wanted = self._class_of.get((pod.namespace, pod.name, pod.workload))
        number = 1
        while f"{whole}#{number}" in self._numbers:
            endpoint = self._connectivity.endpoints[self._numbers[f"{whole}#{number}"]]
            if wanted is None or wanted in endpoint.classes:
                yield endpoint.id
            number += 1
