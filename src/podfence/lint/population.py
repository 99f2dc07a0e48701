"""Who is there: the pods, Services and namespaces of an input by name and labels, each found without a walk over all.

Pods that stand in the snapshot for what the input lacks are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

from podfence.engine import bitset
from podfence.engine.index import LabelIndex
from podfence.lint.dns import is_assumed
from podfence.manifests.write import cidrs
from podfence.model.labels import Labels, Selector, selector
from podfence.model.net import AddressRange, Protocol, union
from podfence.model.objects import Namespace, ObjectRef, Pod, Service
from podfence.model.policy import PodPeer
from podfence.model.snapshot import Snapshot
from podfence.model.surroundings import PodDetails, Surroundings


class Population:
    """The objects of a snapshot, and what stands around them."""

    def __init__(self, snapshot: Snapshot, surroundings: Surroundings) -> None:
        self.snapshot = snapshot
        self.surroundings = surroundings

    @cached_property
    def pods_in(self) -> dict[str, list[Pod]]:
        """List the pods of the input by namespace, hostNetwork pods included."""
        found: dict[str, list[Pod]] = defaultdict(list)
        for pod in self.snapshot.pods:
            if not is_assumed(pod):
                found[pod.namespace].append(pod)
        return found

    @cached_property
    def pods_by_labels(self) -> dict[str, dict[Labels, list[Pod]]]:
        """List the pods by namespace and labels, in the order of the snapshot."""
        return {name: _by_labels(pods) for name, pods in self.pods_in.items()}

    @cached_property
    def host_pods(self) -> dict[str, dict[Labels, list[Pod]]]:
        """List the hostNetwork pods by namespace and labels."""
        return {name: _by_labels(pod for pod in pods if pod.host_network) for name, pods in self.pods_in.items()}

    @cached_property
    def namespaces(self) -> dict[str, Namespace]:
        """Give the namespaces by name."""
        return {namespace.name: namespace for namespace in self.snapshot.namespaces}

    @cached_property
    def services_in(self) -> dict[str, list[Service]]:
        """List the Services by namespace."""
        found: dict[str, list[Service]] = defaultdict(list)
        for service in self.snapshot.services:
            found[service.namespace].append(service)
        return found

    @cached_property
    def ports_of_workloads(self) -> dict[tuple[str, tuple[str, str]], frozenset[tuple[Protocol, int]]]:
        """Give the ports that each workload (namespace; kind and name) of the input declares."""
        return {
            (key[0], (key[1], key[2])): frozenset(details.ports)
            for key, details in self.surroundings.details.items()
            if details.ports
        }

    def own_node_has(self, addresses: Iterable[int]) -> Callable[[Pod], bool]:
        """Make a test for pods whose own node has all of some addresses, from which traffic is always let in."""
        wanted = frozenset(addresses)
        nodes = {node.name for node in self.snapshot.nodes if wanted.issubset(node.addresses)}
        return lambda pod: pod.node in nodes

    def details(self, pod: Pod) -> PodDetails | None:
        """Give the details of a pod: its own, or those of its workload."""
        known = self.surroundings.details
        return known.get((pod.namespace, "Pod", pod.name)) or known.get((pod.namespace, *pod.workload))

    def blocks_of_hosts(self, pods: Iterable[Pod]) -> list[dict[str, Any]]:
        """Write the nodes of hostNetwork pods as ``ipBlock`` peers, nothing where a node's address is not known."""
        nodes = {node.name: node for node in self.snapshot.nodes}
        addresses = {a for pod in pods if pod.node in nodes for a in nodes[pod.node].addresses}
        return [{"ipBlock": {"cidr": text}} for text in cidrs(union(AddressRange(a, a) for a in addresses))]

    def ref_of(self, pod: Pod) -> ObjectRef | None:
        """Give the object that a pod comes from, with its text."""
        details = self.details(pod)
        return details.ref if details is not None else None

    def behind(self, service: Service) -> list[Pod]:
        """List the pods behind a Service."""
        if service.selector is None or service.namespace not in self.pods_by_labels:
            return []
        return self.pods_with(service.namespace, selector(dict(service.selector)))

    def pods_with(self, namespace: str, wanted: Selector) -> list[Pod]:
        """List the pods of a namespace that have the labels which a selector asks for."""
        groups = list(self.pods_by_labels.get(namespace, {}).values())
        index = self._label_index.get(namespace)
        if index is None:
            index = self._label_index[namespace] = LabelIndex([pods[0].labels for pods in groups])
        return [pod for number in bitset.members(index.select(wanted)) for pod in groups[number]]

    def services_with(self, namespace: str, wanted: Selector) -> list[Service]:
        """List the Services of a namespace that have the labels which a selector asks for."""
        services = self.services_in.get(namespace, [])
        index = self._service_index.get(namespace)
        if index is None:
            known = self.surroundings.services
            labels = [
                known[namespace, item.name].labels if (namespace, item.name) in known else () for item in services
            ]
            index = self._service_index[namespace] = LabelIndex(labels)
        return [services[number] for number in bitset.members(index.select(wanted))]

    @cached_property
    def _label_index(self) -> dict[str, LabelIndex]:
        return {}

    @cached_property
    def _service_index(self) -> dict[str, LabelIndex]:
        return {}

    def services_of(self, pod: Pod) -> list[Service]:
        """List the Services that a pod is behind, remembered for all pods with its labels."""
        key = (pod.namespace, pod.labels)
        known = self._services_of.get(key)
        if known is None:
            mine = set(pod.labels)
            services = self.services_in.get(pod.namespace, ())
            known = [item for item in services if item.selector and mine.issuperset(item.selector)]
            self._services_of[key] = known
        return known

    @cached_property
    def _services_of(self) -> dict[tuple[str, Labels], list[Service]]:
        return {}

    def is_complete(self, namespace: str) -> bool:
        """Tell whether the input shows the pods of a namespace: it has some, and nothing there makes more."""
        return bool(self.pods_in.get(namespace)) and namespace not in self.surroundings.made_elsewhere

    def selected_namespaces(self, peer: PodPeer) -> list[str]:
        """List the namespaces that a peer looks into."""
        if peer.namespace is not None:
            return [peer.namespace]
        wanted = peer.namespace_selector or Selector()
        known = self._namespaces_of.get(wanted)
        if known is None:
            known = [name for name, item in self.namespaces.items() if wanted.matches(dict(item.labels))]
            self._namespaces_of[wanted] = known
        return known

    @cached_property
    def _namespaces_of(self) -> dict[Selector, list[str]]:
        return {}


def _by_labels(pods: Iterable[Pod]) -> dict[Labels, list[Pod]]:
    found: dict[Labels, list[Pod]] = {}
    for pod in pods:
        found.setdefault(pod.labels, []).append(pod)
    return found
