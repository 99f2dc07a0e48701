"""A cluster as the watches tell it, kept up to date: streams of objects in, snapshots and changes out.

Pure: no clock, no connection. What depends on several objects is settled here: whose an address is that two pods
list, which namespaces are named, whether nodes matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from podfence.kube.entries import Entry, Kept, Key
from podfence.kube.kinds import Kind
from podfence.kube.table import Table
from podfence.manifests.convert import cluster
from podfence.manifests.convert.assembly import claim, claims_addresses, pod_of
from podfence.manifests.convert.ownership import workload_by_name
from podfence.manifests.convert.pods import PodRecord
from podfence.model.change import Change
from podfence.model.net import PRIVATE_IPV4, AddressRange
from podfence.model.objects import EndpointSlice, Namespace, Node, Pod, Service
from podfence.model.policy import DomainPeer, NodePeer, Policy
from podfence.model.snapshot import Snapshot


class Contents:
    """Holds what is known. ``pod_ranges`` is where pods live that have no address yet."""

    def __init__(self, pod_ranges: tuple[AddressRange, ...] = PRIVATE_IPV4) -> None:
        self._pod_ranges = pod_ranges
        self._namespaces: Table[str, Namespace] = Table()
        self._pods: Table[Key, Pod] = Table()
        self._nodes: Table[str, Node] = Table()
        self._services: Table[Key, Service] = Table()
        self._endpoint_slices: Table[Key, EndpointSlice] = Table()
        self._policies: Table[tuple[str, str, str], Policy] = Table()
        self._known: dict[str, dict[Key, Kept]] = {}
        self._named: Counter[str] = Counter()
        self._claimants: dict[int, Key | list[Key]] = {}
        self._with_node_peers: set[tuple[str, Key]] = set()

    def replace(self, kind: Kind, entries: Iterable[Entry]) -> None:
        """Take everything there is of a kind; what was known and is not among it is gone."""
        gone = set(self._known.get(kind.name, ()))
        for entry in entries:
            gone.discard(entry.key)
            self.put(kind, entry)
        for key in sorted(gone):
            self.drop(kind, key)

    def put(self, kind: Kind, entry: Entry) -> None:
        """Take an object that came or changed."""
        if entry.value is None:
            self.drop(kind, entry.key)
        else:
            self._set(kind, entry.key, entry.value)

    def drop(self, kind: Kind, key: Key) -> None:
        """Let an object go; one that was not known is no error."""
        if key in self._known.get(kind.name, ()):
            self._set(kind, key, None)

    @property
    def needs_all_nodes(self) -> bool:
        """Tell whether a policy speaks of nodes, or of hosts by name, which no node is: then all nodes matter."""
        return bool(self._with_node_peers)

    def count(self, kind: Kind) -> int:
        """Count the objects that are known of a kind."""
        return len(self._known.get(kind.name, ()))

    def snapshot(self) -> Snapshot:
        """Give the cluster as it is known now; equal parts are shared with snapshots before."""
        return Snapshot(
            namespaces=self._namespaces.values(),
            pods=self._pods.values(),
            nodes=self._nodes.values(),
            services=self._services.values(),
            endpoint_slices=self._endpoint_slices.values(),
            policies=self._policies.values(),
            pod_ranges=self._pod_ranges,
        )

    def has_changes(self) -> bool:
        """Tell whether ``changes`` has anything to tell, or may have."""
        return any(table.has_changes() for table in self._tables)

    def changes(self) -> tuple[Change, ...]:
        """Give what is other than at the last call: what others refer to first, each object once."""
        return tuple(change for table in self._tables for change in table.changes())

    @property
    def _tables(self) -> tuple[Table[Any, Any], ...]:
        return (
            self._namespaces,
            self._nodes,
            self._services,
            self._endpoint_slices,
            self._policies,
            self._pods,
        )

    def _set(self, kind: Kind, key: Key, value: Kept) -> None:
        known = self._known.setdefault(kind.name, {})
        before = known.get(key)
        if value is None:
            del known[key]
        else:
            known[key] = value
        namespace, name = key
        if namespace and (before is None) != (value is None):
            self._name(namespace, 1 if before is None else -1)
        match kind.name:
            case "Pod":
                self._set_pod(key, before, value)
            case "Namespace":
                self._settle_namespace(name)
            case "Node":
                self._nodes.set(name, value if isinstance(value, Node) else None)
            case "Service":
                self._services.set(key, value if isinstance(value, Service) else None)
            case "EndpointSlice":
                self._endpoint_slices.set(key, value if isinstance(value, EndpointSlice) else None)
            case _:
                self._set_policy(kind, key, value)

    def _set_policy(self, kind: Kind, key: Key, value: Kept) -> None:
        policy = value if isinstance(value, Policy) else None
        if policy is not None and _has_node_peer(policy):
            self._with_node_peers.add((kind.name, key))
        else:
            self._with_node_peers.discard((kind.name, key))
        self._policies.set((*key, kind.name), policy)

    def _name(self, namespace: str, more: int) -> None:
        """Count who names a namespace: it exists, although its own object may come later."""
        self._named[namespace] += more
        if not self._named[namespace]:
            del self._named[namespace]
        self._settle_namespace(namespace)

    def _settle_namespace(self, name: str) -> None:
        written = self._known.get("Namespace", {}).get(("", name))
        if isinstance(written, Namespace):
            self._namespaces.set(name, written)
        else:
            self._namespaces.set(name, cluster.namespace(name) if name in self._named else None)

    def _set_pod(self, key: Key, before: Kept, after: Kept) -> None:
        """Settle a pod, and the pods that list an address with it: one of them may lose or win it."""
        touched: dict[Key, None] = {key: None}
        if isinstance(before, PodRecord) and claims_addresses(before):
            for address in before.addresses:
                self._unclaim(address, key)
                touched.update(dict.fromkeys(self._claimants_of(address)))
        if isinstance(after, PodRecord) and claims_addresses(after):
            for address in after.addresses:
                touched.update(dict.fromkeys(self._claimants_of(address)))
                self._claim(address, key)
        for pod in touched:
            self._settle_pod(pod)

    def _settle_pod(self, key: Key) -> None:
        record = self._known["Pod"].get(key)
        if not isinstance(record, PodRecord):
            self._pods.set(key, None)
            return
        lost: tuple[int, ...] = ()
        if claims_addresses(record):
            lost = tuple(address for address in record.addresses if self._holder(address) != key)
        workload = workload_by_name(record.owner, key[1], record.labels)
        self._pods.set(key, pod_of(*key, record, workload, lost))

    def _claimants_of(self, address: int) -> list[Key]:
        found = self._claimants.get(address)
        return found if isinstance(found, list) else [] if found is None else [found]

    def _claim(self, address: int, key: Key) -> None:
        others = self._claimants_of(address)
        self._claimants[address] = [*others, key] if others else key

    def _unclaim(self, address: int, key: Key) -> None:
        others = [other for other in self._claimants_of(address) if other != key]
        if not others:
            del self._claimants[address]
        else:
            self._claimants[address] = others if len(others) > 1 else others[0]

    def _holder(self, address: int) -> Key:
        claimants = self._claimants_of(address)
        if len(claimants) == 1:
            return claimants[0]
        return min(claimants, key=self._rank)

    def _rank(self, key: Key) -> tuple[bool, str, str]:
        record = self._known["Pod"][key]
        assert isinstance(record, PodRecord)  # noqa: S101 (only pods claim addresses)
        return claim(*key, record)


def _has_node_peer(policy: Policy) -> bool:
    return any(
        isinstance(peer, NodePeer | DomainPeer)
        for rule in (*(policy.ingress or ()), *(policy.egress or ()))
        for peer in rule.peers or ()
    )
