"""Who is there: pods by their profile, nodes, and the owners of each address; and who must be looked at again.

What changes is noted as dirty; whoever works it off clears it. Nothing here knows a policy.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from podfence.dataplane.addresses import Owner, Profile
from podfence.dataplane.members import FAMILIES, RESOLVERS, RESOLVERS_HERE
from podfence.dataplane.resolvers import is_openshift, is_resolver
from podfence.engine.decide import selects
from podfence.model.net import family_of
from podfence.model.objects import Namespace, Node, Pod
from podfence.model.policy import NodePeer, PodPeer

PodKey = tuple[str, str]


class PodOwner(msgspec.Struct, frozen=True):
    """A pod that has an address to itself: ``namespace/name``, and its profile."""

    name: str
    profile: Profile


class Population:
    """The namespaces, pods and nodes of a cluster as one node of it needs them.

    ``moved_profiles`` may be selected by others than before, ``dirty_profiles`` may be of other classes, and
    ``dirty_addresses`` may stand in other sets.
    """

    def __init__(self, node: str) -> None:
        self._node = node
        self._namespaces: dict[str, dict[str, str]] = {}
        self._nodes: dict[str, Node] = {}
        self._openshift_nodes: set[str] = set()
        self._pods: dict[PodKey, Pod] = {}
        self._hosts_on: dict[str | None, dict[PodKey, None]] = {}
        self._profiles: dict[object, Profile] = {}
        self._profiles_in: dict[str, dict[Profile, None]] = {}
        self.owners: dict[int, dict[object, Owner]] = {}
        self.moved_profiles: dict[Profile, None] = {}
        self.dirty_profiles: dict[Profile, None] = {}
        self.dirty_addresses: dict[int, None] = {}

    @property
    def profiles(self) -> Iterable[Profile]:
        """Give every profile."""
        return self._profiles.values()

    def namespace_labels(self, name: str) -> dict[str, str]:
        """Give the labels of a namespace; none when it is not known."""
        return self._namespaces.get(name, {})

    def selects(self, peer: PodPeer, profile: Profile) -> bool:
        """Tell whether a peer or subject means the pods of a profile."""
        return selects(peer, profile.namespace, self.namespace_labels(profile.namespace), profile.labels)

    def nodes_of(self, peer: NodePeer) -> frozenset[str]:
        """Name the nodes that a peer means."""
        return frozenset(name for name, node in self._nodes.items() if peer.selector.matches(dict(node.labels)))

    def take_pod(self, pod: Pod, *, is_there: bool) -> None:
        """Put a pod in the place of the one of its name, or take that out."""
        key = (pod.namespace, pod.name)
        known = self._pods.pop(key, None)
        if known is not None:
            self._remove_pod(key, known)
        if is_there:
            self._pods[key] = pod
            self._add_pod(key, pod)

    def take_namespace(self, namespace: Namespace, *, is_there: bool) -> None:
        """Put a namespace in the place of the one of its name, or take that out."""
        labels = dict(namespace.labels) if is_there else {}
        if labels == self.namespace_labels(namespace.name):
            return
        self._namespaces[namespace.name] = labels
        if not is_there:
            del self._namespaces[namespace.name]
        self.moved_profiles.update(self._profiles_in.get(namespace.name, {}))
        self.dirty_profiles.update(self._profiles_in.get(namespace.name, {}))

    def take_node(self, node: Node, *, is_there: bool) -> None:
        """Put a node in the place of the one of its name, or take that out."""
        known = self._nodes.pop(node.name, None)
        self._openshift_nodes.discard(node.name)
        if known is not None:
            self._disown(known.addresses, ("node", node.name))
        if is_there:
            if is_openshift(node):
                self._openshift_nodes.add(node.name)
            self._nodes[node.name] = node
            self._own(node.addresses, ("node", node.name), Owner(f"node {node.name}", node=node.name))
        if known is None or not is_there or known.labels != node.labels:
            for key in self._hosts_on.get(node.name, ()):
                self._own_host(key, self._pods[key])

    def forget_profile(self, profile: Profile) -> None:
        """Take out a profile that has no pod any more."""
        key = (profile.namespace, tuple(profile.labels.items()), profile.named_ports)
        if self._profiles.pop(key, None) is not None:
            del self._profiles_in[profile.namespace][profile]

    def mark_hosts(self) -> None:
        """Have the addresses of all nodes and hostNetwork pods looked at again."""
        for address, owners in self.owners.items():
            if any(owner.profile is None for owner in owners.values()):
                self.dirty_addresses[address] = None

    def mark(self, profile: Profile) -> None:
        """Have the addresses of a profile looked at again."""
        self.dirty_addresses.update(dict.fromkeys(profile.addresses))

    def pod_at(self, address: int) -> PodOwner | None:
        """Find the pod of this node that has an address to itself."""
        owners = self.owners.get(address, {})
        if len(owners) != 1:
            return None
        (owner,) = owners.values()
        if owner.profile is None or not owner.is_local:
            return None
        return PodOwner(owner.name, owner.profile)

    def addresses_of(self, pod: str) -> tuple[int, ...]:
        """Give the addresses of the pod ``namespace/name`` of this node, none when there is none."""
        namespace, _, name = pod.partition("/")
        found = self._pods.get((namespace, name))
        return found.addresses if found is not None and found.node == self._node else ()

    def mark_pod(self, pod: str) -> None:
        """Have the addresses of a pod looked at again."""
        self.dirty_addresses.update(dict.fromkeys(self.addresses_of(pod)))

    def _is_resolver(self, pod: Pod) -> bool:
        return is_resolver(pod, on_openshift=bool(self._openshift_nodes))

    def _add_pod(self, key: PodKey, pod: Pod) -> None:
        if pod.host_network:
            self._hosts_on.setdefault(pod.node, {})[key] = None
            self._own_host(key, pod)
            return
        profile = self._profile(pod)
        profile.pods += 1
        is_local = pod.node == self._node
        if is_local:
            self._count_local(profile, pod, 1)
        for address in pod.addresses:
            profile.addresses[address] = profile.addresses.get(address, 0) + 1
        answers = RESOLVERS if self._is_resolver(pod) else None
        owner = Owner(f"{pod.namespace}/{pod.name}", profile, is_local=is_local, answers=answers)
        self._own(pod.addresses, ("pod", *key), owner)

    def _own_host(self, key: PodKey, pod: Pod) -> None:
        node = pod.node if pod.node in self._nodes else None
        answers = RESOLVERS_HERE if pod.node == self._node and self._is_resolver(pod) else None
        owner = Owner(f"{pod.namespace}/{pod.name}", node=node, answers=answers)
        self._own(pod.addresses, ("pod", *key), owner)

    def _remove_pod(self, key: PodKey, pod: Pod) -> None:
        self._disown(pod.addresses, ("pod", *key))
        if pod.host_network:
            del self._hosts_on[pod.node][key]
            return
        profile = self._profiles[pod.namespace, pod.labels, pod.named_ports]
        profile.pods -= 1
        for address in pod.addresses:
            profile.addresses[address] -= 1
            if not profile.addresses[address]:
                del profile.addresses[address]
        if pod.node == self._node:
            self._count_local(profile, pod, -1)
        if not profile.pods:
            self.dirty_profiles[profile] = None

    def _count_local(self, profile: Profile, pod: Pod, times: int) -> None:
        """Count the addresses of a pod of this node; a family's first and last decide whether there is a class."""
        before = [family for family in FAMILIES if profile.local[family]]
        for address in pod.addresses:
            profile.local[family_of(address)] += times
        if before != [family for family in FAMILIES if profile.local[family]]:
            self.dirty_profiles[profile] = None

    def _profile(self, pod: Pod) -> Profile:
        key = (pod.namespace, pod.labels, pod.named_ports)
        profile = self._profiles.get(key)
        if profile is None:
            profile = self._profiles[key] = Profile(*key)
            self._profiles_in.setdefault(pod.namespace, {})[profile] = None
            self.moved_profiles[profile] = None
        return profile

    def _own(self, addresses: Iterable[int], key: object, owner: Owner) -> None:
        for address in addresses:
            self.owners.setdefault(address, {})[key] = owner
            self.dirty_addresses[address] = None

    def _disown(self, addresses: Iterable[int], key: object) -> None:
        for address in addresses:
            owners = self.owners.get(address, {})
            owners.pop(key, None)
            if not owners:
                self.owners.pop(address, None)
            self.dirty_addresses[address] = None
