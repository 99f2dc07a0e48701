"""Which pods are on which nodes, as the scheduler sees them at one moment; finished ones take no room. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from podfence.lab.controllers.pods import is_finished
from podfence.lab.interface import Object


class Occupancy:
    """The nodes, and the pods that are on them."""

    def __init__(self, nodes: Iterable[Object], pods: Iterable[Object]) -> None:
        self.nodes = {node["metadata"]["name"]: node for node in nodes}
        self._by_node: defaultdict[str, list[Object]] = defaultdict(list)
        self._repelling: list[tuple[Object, str]] = []
        for pod in pods:
            if (name := pod["spec"].get("nodeName")) and not is_finished(pod):
                self._by_node[name].append(pod)
                if (pod["spec"].get("affinity") or {}).get("podAntiAffinity"):
                    self._repelling.append((pod, name))

    def pods_on(self, node: str) -> Sequence[Object]:
        """Give the pods of a node."""
        return self._by_node.get(node, ())

    def count(self, node: str) -> int:
        """Count the pods of a node."""
        return len(self.pods_on(node))

    def pods_in(self, topology_key: str, domain: str) -> Iterable[Object]:
        """Give the pods of all nodes that have a value of a label."""
        for name, node in self.nodes.items():
            if domain_of(node, topology_key) == domain:
                yield from self.pods_on(name)

    def placed(self) -> Iterable[tuple[Object, Object]]:
        """Give every pod with its node."""
        for name, node in self.nodes.items():
            for pod in self.pods_on(name):
                yield pod, node

    def repelling(self) -> Iterable[tuple[Object, Object]]:
        """Give every pod that wants some others to stay away, with its node."""
        return ((pod, self.nodes[name]) for pod, name in self._repelling if name in self.nodes)


def domain_of(node: Object, topology_key: str) -> str | None:
    """Give the part of the cluster that a node is in, by the value of a label; ``None`` for one without it."""
    value: str | None = (node["metadata"].get("labels") or {}).get(topology_key)
    return value
