"""Where to find the objects of a snapshot by what people call them, without looking at each.

Made once for a snapshot, in time proportional to it; every question after that touches only what it names. It
also cuts a snapshot down to what can matter for some ends, so that judging them costs the same in a cluster of
any size.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

import msgspec

from podfence.engine.judge import Party, global_addresses
from podfence.model.net import AddressRange, subtract
from podfence.model.objects import EndpointSlice, Node, Pod, Service
from podfence.model.policy import Policy
from podfence.model.snapshot import Snapshot


class Directory:
    """Objects of a snapshot by name, owner and address; ``searched`` says in errors where was looked."""

    def __init__(self, snapshot: Snapshot, searched: str = "the manifests") -> None:
        self.snapshot = snapshot
        self.searched = searched
        self.pods_in: dict[str, dict[str, Pod]] = {namespace.name: {} for namespace in snapshot.namespaces}
        self.workloads_in: dict[str, dict[tuple[str, str], list[Pod]]] = {name: {} for name in self.pods_in}
        for pod in snapshot.pods:
            if not pod.from_template:
                self.pods_in.setdefault(pod.namespace, {})[pod.name] = pod
            self.workloads_in.setdefault(pod.namespace, {}).setdefault(pod.workload, []).append(pod)
        self.namespaces = {namespace.name: namespace for namespace in snapshot.namespaces}
        self.nodes = {node.name: node for node in snapshot.nodes}
        self.services = {(service.namespace, service.name): service for service in snapshot.services}
        self._policies_in: dict[str | None, list[Policy]] = defaultdict(list)
        for policy in snapshot.policies:
            self._policies_in[policy.ref.namespace].append(policy)

    def near(self, parties: Iterable[Party]) -> Snapshot:
        """Cut the snapshot down to the policies, namespaces and nodes that can matter for some ends.

        Namespaced policies select pods of their own namespace alone, and a peer looks at the labels of the
        namespaces and nodes of the ends only. Pods stay, for the families of their addresses.
        """
        pods = [party for party in parties if isinstance(party, Pod)]
        names = dict.fromkeys(pod.namespace for pod in pods)
        nodes = dict.fromkeys(pod.node for pod in pods if pod.node is not None)
        policies = [policy for name in (None, *names) for policy in self._policies_in.get(name, ())]
        return msgspec.structs.replace(
            self.snapshot,
            policies=tuple(policies),
            namespaces=tuple(self.namespaces[name] for name in names if name in self.namespaces),
            nodes=tuple(self.nodes[name] for name in nodes if name in self.nodes),
        )

    def all_pods_in(self, namespace: str) -> list[Pod]:
        """List the pods of a namespace, those of templates included."""
        return [pod for pods in self.workloads_in.get(namespace, {}).values() for pod in pods]

    def slices_of(self, service: Service) -> list[EndpointSlice]:
        """List the EndpointSlices of a Service."""
        wanted = (service.namespace, service.name)
        return [item for item in self.snapshot.endpoint_slices if (item.namespace, item.service) == wanted]

    @cached_property
    def owners(self) -> dict[int, Pod | Node]:
        """Who owns each known address: a node before the hostNetwork pods that share it."""
        found: dict[int, Pod | Node] = {}
        for node in self.snapshot.nodes:
            for address in node.addresses:
                found.setdefault(address, node)
        for pod in self.snapshot.pods:
            for address in pod.addresses:
                found.setdefault(address, pod)
        return found

    @cached_property
    def service_addresses(self) -> dict[int, Service]:
        """Which Service answers on an address."""
        return {address: service for service in self.snapshot.services for address in service.addresses}

    def unowned(self, ranges: Iterable[AddressRange]) -> tuple[AddressRange, ...]:
        """Take the addresses of known pods and nodes out of ranges."""
        wanted = tuple(ranges)
        holes = [AddressRange(address, address) for address in self.owners if any(address in r for r in wanted)]
        return subtract(wanted, holes)

    @cached_property
    def internet(self) -> tuple[AddressRange, ...]:
        """Every globally routable address that nobody here owns, of the families that pods have."""
        return self.unowned(global_addresses(self.snapshot))
