"""From what a person types after ``--focus`` to the endpoints of a map."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from podfence.engine.connectivity import Connectivity
from podfence.engine.directory import Directory
from podfence.engine.endpoints import Grouping
from podfence.engine.judge import Domain, Outside, Party
from podfence.engine.pod_names import names_of_all
from podfence.engine.resolve import Resolved, resolve
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

    @cached_property
    def _pod_names(self) -> dict[tuple[str, str, tuple[str, str]], tuple[str, ...]]:
        """The names of all pods that each pod of the snapshot stands for."""
        pods = self._connectivity.snapshot.pods
        named = zip(pods, names_of_all(pods), strict=True)
        return {(pod.namespace, pod.name, pod.workload): names for pod, names in named if pod.from_template}

    def find(self, text: str, namespace: str | None = None) -> frozenset[int]:
        """Find the endpoints that a text means; raises ``PodfenceError`` when there is none."""
        exact = self._numbers.get(text)
        if exact is not None:
            return frozenset((exact,))
        resolved = self._resolved(text, namespace)
        if resolved.id in self._numbers:
            return frozenset((self._numbers[resolved.id],))
        found = frozenset(number for party in resolved.parties for number in self._endpoints_of(party))
        if not found:
            raise PodfenceError(f"{text}: the map has no endpoint for it; no policy and no manifest mentions it")
        return found

    def _resolved(self, text: str, namespace: str | None) -> Resolved:
        try:
            return resolve(self._directory, text, namespace)
        except PodfenceError as error:
            if text not in self._directory.namespaces:
                raise
            raise PodfenceError(f"{error}; for the namespace write namespace/{text}") from None

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
            case Grouping.POD:
                names = self._pod_names.get((pod.namespace, pod.name, pod.workload), (pod.name,))
                yield from (f"{pod.namespace}/Pod/{name}" for name in names)
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
