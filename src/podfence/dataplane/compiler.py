"""Keeps the desired state up to date: takes changes and works out only what they touch.

Made from a snapshot and given changes, it always desires what it would if it were made from the later snapshot; a
property test holds it to that. What a policy means is the engine's to say: who is selected (``decide.selects``), what
cannot be read (``fail_closed``); here is only who must be asked again.
"""

from __future__ import annotations

from collections.abc import Iterable

from podfence.dataplane.addresses import Active, Owner, Place, Profile, places
from podfence.dataplane.classes import TIERS, ClassKey, CompiledClass, compile_class, numbers_at, port_names
from podfence.dataplane.content import Content
from podfence.dataplane.difference import Desired, Difference
from podfence.dataplane.logs import Logs
from podfence.dataplane.members import FAMILIES, Member
from podfence.dataplane.objects import Element
from podfence.dataplane.peer_index import PeerIndex
from podfence.dataplane.settings import Settings
from podfence.engine.decide import selects
from podfence.engine.fail_closed import closed_subject
from podfence.model.change import Change, Changing
from podfence.model.net import Family, family_of
from podfence.model.objects import Namespace, Node, Pod
from podfence.model.policy import Direction, NodePeer, PodPeer, Policy, PortName
from podfence.model.snapshot import Snapshot

Identity = tuple[str, str | None, str]


def compile_snapshot(snapshot: Snapshot, settings: Settings) -> Desired:
    """Work out what one node shall enforce. Raises ``PodfenceError`` when two selectors share a name."""
    return Compiler(snapshot, settings).desired


class Compiler:
    """The desired state of one node, and everything needed to change it."""

    def __init__(self, snapshot: Snapshot, settings: Settings) -> None:
        self._settings, self._logs = settings, Logs(settings)
        self._content = Content(settings)
        self._namespaces: dict[str, dict[str, str]] = {}
        self._nodes: dict[str, Node] = {}
        self._pods: dict[tuple[str, str], Pod] = {}
        self._policies: dict[Identity, Policy] = {}
        self._subjects = PeerIndex()
        self._policies_about: dict[PodPeer, dict[Identity, None]] = {}
        self._hosts_on: dict[str | None, dict[tuple[str, str], None]] = {}
        self._profiles: dict[object, Profile] = {}
        self._profiles_in: dict[str, dict[Profile, None]] = {}
        self._owners: dict[int, dict[object, Owner]] = {}
        self._placed: dict[int, dict[Place, Element]] = {}
        self._classes: dict[str, tuple[ClassKey, CompiledClass, dict[Profile, None]]] = {}
        self._members: dict[tuple[Member, Family], int] = {}
        self._peers = PeerIndex()
        self._active = Active()
        self._dirty_addresses: dict[int, None] = {}
        self._dirty_profiles: dict[Profile, None] = {}
        self._dirty_classes: dict[str, None] = {}
        parts: tuple[Iterable[Changing], ...] = (
            snapshot.namespaces,
            snapshot.nodes,
            snapshot.policies,
            snapshot.pods,
        )
        self.apply(Change(None, item) for part in parts for item in part)

    @property
    def desired(self) -> Desired:
        """Give what is desired now; the next ``apply`` changes it."""
        return self._content.desired

    def apply(self, changes: Iterable[Change]) -> Difference:
        """Take changes in their order, and give what they change in the table, all together."""
        for change in changes:
            self._take(change)
        for profile in self._dirty_profiles:
            self._classify(profile)
        self._dirty_profiles.clear()
        for name in list(self._dirty_classes):
            self._compile_again(name)
        for address in self._dirty_addresses:
            self._place(address)
        self._dirty_addresses.clear()
        return self._content.settle()

    def _take(self, change: Change) -> None:
        is_there = change.after is not None
        match change.after or change.before:
            case Pod() as pod:
                self._take_pod(pod, is_there=is_there)
            case Policy() as policy:
                self._take_policy(policy, is_there=is_there)
            case Namespace() as namespace:
                self._take_namespace(namespace, is_there=is_there)
            case Node() as node:
                self._take_node(node, is_there=is_there)
            case _:
                pass  # Services are translated before a packet comes here

    # Objects

    def _take_pod(self, pod: Pod, *, is_there: bool) -> None:
        key = (pod.namespace, pod.name)
        known = self._pods.pop(key, None)
        if known is not None:
            self._remove_pod(key, known)
        if is_there:
            self._pods[key] = pod
            self._add_pod(key, pod)

    def _add_pod(self, key: tuple[str, str], pod: Pod) -> None:
        name = f"{pod.namespace}/{pod.name}"
        if pod.host_network:
            owner = Owner(name, node=pod.node if pod.node in self._nodes else None)
            self._hosts_on.setdefault(pod.node, {})[key] = None
        else:
            local = pod.node is not None and pod.node == self._settings.node
            profile = self._profile(pod)
            profile.pods += 1
            if local:
                self._count_local(profile, pod, 1)
            owner = Owner(name, profile, is_local=local)
            for address in pod.addresses:
                profile.addresses[address] = profile.addresses.get(address, 0) + 1
        self._own(pod.addresses, ("pod", *key), owner)

    def _remove_pod(self, key: tuple[str, str], pod: Pod) -> None:
        self._disown(pod.addresses, ("pod", *key))
        if pod.host_network:
            self._hosts_on[pod.node].pop(key)
            return
        profile = self._profiles[pod.namespace, pod.labels, pod.named_ports]
        profile.pods -= 1
        for address in pod.addresses:
            profile.addresses[address] -= 1
            if not profile.addresses[address]:
                del profile.addresses[address]
        if pod.node is not None and pod.node == self._settings.node:
            self._count_local(profile, pod, -1)
        if not profile.pods:
            self._dirty_profiles[profile] = None

    def _count_local(self, profile: Profile, pod: Pod, times: int) -> None:
        """Count the addresses of a pod of this node; a family's first and last decide whether there is a class."""
        before = [family for family in FAMILIES if profile.local[family]]
        for address in pod.addresses:
            profile.local[family_of(address)] += times
        if before != [family for family in FAMILIES if profile.local[family]]:
            self._dirty_profiles[profile] = None

    def _profile(self, pod: Pod) -> Profile:
        key = (pod.namespace, pod.labels, pod.named_ports)
        profile = self._profiles.get(key)
        if profile is None:
            profile = self._profiles[key] = Profile(*key)
            self._profiles_in.setdefault(pod.namespace, {})[profile] = None
            profile.peers = self._peers_of(profile)
        return profile

    def _take_namespace(self, namespace: Namespace, *, is_there: bool) -> None:
        labels = dict(namespace.labels) if is_there else {}
        if labels == self._namespaces.get(namespace.name, {}):
            return
        self._namespaces[namespace.name] = labels
        if not is_there:
            del self._namespaces[namespace.name]
        for profile in self._profiles_in.get(namespace.name, ()):
            peers = self._peers_of(profile)
            if peers.keys() != profile.peers.keys():
                profile.peers = peers
                self._dirty_addresses.update(dict.fromkeys(profile.addresses))
            self._dirty_profiles[profile] = None

    def _take_node(self, node: Node, *, is_there: bool) -> None:
        known = self._nodes.pop(node.name, None)
        if known is not None:
            self._disown(known.addresses, ("node", node.name))
        if is_there:
            self._nodes[node.name] = node
            self._own(node.addresses, ("node", node.name), Owner(f"node {node.name}", node=node.name))
        for peer in self._active.nodes:
            self._active.nodes[peer] = self._nodes_of(peer)
        if known is None or not is_there or known.labels != node.labels:
            self._own_hosts_again(node.name)

    def _own_hosts_again(self, node: str) -> None:
        """Place the hostNetwork pods of a node that came, went, or has other labels."""
        for key in self._hosts_on.get(node, ()):
            self._disown(self._pods[key].addresses, ("pod", *key))
            self._add_pod(key, self._pods[key])

    def _take_policy(self, policy: Policy, *, is_there: bool) -> None:
        identity = policy.ref.identity
        known = self._policies.pop(identity, None)
        subjects = []
        if known is not None:
            subjects.append(self._forget_subject(identity, closed_subject(known)))
        if is_there:
            self._policies[identity] = policy
            subjects.append(self._file_subject(identity, closed_subject(policy)))
        for profile in self._profiles.values():
            if profile.is_local and any(self._selects(subject, profile) for subject in subjects):
                self._dirty_profiles[profile] = None
        for name, (key, _, _) in self._classes.items():
            if identity in key.policies:
                self._dirty_classes[name] = None

    def _file_subject(self, identity: Identity, subject: PodPeer) -> PodPeer:
        about = self._policies_about.setdefault(subject, {})
        if not about:
            self._subjects.add(subject)
        about[identity] = None
        return subject

    def _forget_subject(self, identity: Identity, subject: PodPeer) -> PodPeer:
        about = self._policies_about[subject]
        del about[identity]
        if not about:
            self._subjects.remove(subject)
            del self._policies_about[subject]
        return subject

    # Selection

    def _selects(self, peer: PodPeer, profile: Profile) -> bool:
        return selects(peer, profile.namespace, self._namespaces.get(profile.namespace, {}), profile.labels)

    def _peers_of(self, profile: Profile) -> dict[PodPeer, None]:
        labels = self._namespaces.get(profile.namespace, {})
        return dict.fromkeys(self._peers.matching(profile.namespace, labels, profile.labels))

    def _nodes_of(self, peer: NodePeer) -> frozenset[str]:
        return frozenset(name for name, node in self._nodes.items() if peer.selector.matches(dict(node.labels)))

    def _policies_on(self, profile: Profile, direction: Direction) -> list[Policy]:
        labels = self._namespaces.get(profile.namespace, {})
        found = [
            self._policies[identity]
            for subject in self._subjects.matching(profile.namespace, labels, profile.labels)
            for identity in self._policies_about[subject]
        ]
        about = (policy for policy in found if policy.rules(direction) is not None)
        return sorted(about, key=lambda policy: (TIERS.index(policy.tier), policy.order, policy.ref.namespace or ""))

    # Classes

    def _classify(self, profile: Profile) -> None:
        """Find the class of a profile for each direction; it has none without pods on this node."""
        changed = False
        for direction, family in ((direction, family) for direction in Direction for family in FAMILIES):
            name = self._join(profile, direction, family) if profile.local[family] else None
            known = profile.classes.get((direction, family))
            if name == known:
                continue
            changed = True
            if known is not None:
                self._leave(profile, known)
                del profile.classes[direction, family]
            if name is not None:
                profile.classes[direction, family] = name
        if changed:
            self._dirty_addresses.update(dict.fromkeys(profile.addresses))
        if not profile.pods:
            self._profiles.pop((profile.namespace, tuple(profile.labels.items()), profile.named_ports), None)
            self._profiles_in[profile.namespace].pop(profile, None)

    def _join(self, profile: Profile, direction: Direction, family: Family) -> str | None:
        policies = self._policies_on(profile, direction)
        numbers = {}
        if direction is Direction.INGRESS:
            numbers = dict(numbers_at(port_names(policies, direction), profile.named_ports))
        key = ClassKey(direction, family, tuple(policy.ref.identity for policy in policies), tuple(numbers.items()))
        name = key.name
        if name in self._dirty_classes:
            self._compile_again(name)
        known = self._classes.get(name)
        compiled = known[1] if known else compile_class(key, policies, self._logs)
        if compiled.is_open and not self._settings.log_allowed:
            return None
        if known is None:
            self._classes[name] = (key, compiled, {})
            self._use(compiled)
        self._classes[name][2][profile] = None
        return name

    def _leave(self, profile: Profile, name: str) -> None:
        _, compiled, profiles = self._classes[name]
        profiles.pop(profile, None)
        if not profiles:
            del self._classes[name]
            self._content.drop_class(name)
            self._unuse(compiled)

    def _compile_again(self, name: str) -> None:
        """Write a class anew of which a policy has changed, if it is still there."""
        del self._dirty_classes[name]
        if name not in self._classes:
            return
        key, known, profiles = self._classes[name]
        policies = [self._policies[identity] for identity in key.policies]
        compiled = compile_class(key, policies, self._logs)
        self._classes[name] = (key, compiled, profiles)
        self._use(compiled)
        self._unuse(known)

    def _use(self, compiled: CompiledClass) -> None:
        for name, (described, elements) in compiled.sets.items():
            self._content.use_set(name, described, elements)
        for name, chain in compiled.chains.items():
            self._content.use_chain(name, chain)
        self._content.put_class(compiled.name, compiled.clauses)
        family = compiled.needs.family
        for member in compiled.needs.members:
            self._members[member, family] = self._members.get((member, family), 0) + 1
            if self._members[member, family] == 1:
                self._activate(member)

    def _unuse(self, compiled: CompiledClass) -> None:
        family = compiled.needs.family
        for member in compiled.needs.members:
            self._members[member, family] -= 1
            if not self._members[member, family]:
                del self._members[member, family]
                if not any((member, other) in self._members for other in FAMILIES):
                    self._deactivate(member)
        for name in compiled.chains:
            self._content.leave_chain(name)
        for name in compiled.sets:
            self._content.leave_set(name)

    def _activate(self, member: Member) -> None:
        match member:
            case PodPeer():
                self._peers.add(member)
                for profile in self._profiles.values():
                    if self._selects(member, profile):
                        profile.peers[member] = None
                        self._dirty_addresses.update(dict.fromkeys(profile.addresses))
            case NodePeer():
                self._active.nodes[member] = self._nodes_of(member)
                self._dirty_hosts()
            case PortName():
                self._active.ports[member] = None
                self._dirty_named(member)
            case _:
                pass  # addresses of domain names come from whoever watches DNS

    def _deactivate(self, member: Member) -> None:
        match member:
            case PodPeer():
                self._peers.remove(member)
                for profile in self._profiles.values():
                    if profile.peers.pop(member, self) is None:
                        self._dirty_addresses.update(dict.fromkeys(profile.addresses))
            case NodePeer():
                del self._active.nodes[member]
                self._dirty_hosts()
            case PortName():
                del self._active.ports[member]
                self._dirty_named(member)
            case _:
                pass

    def _dirty_hosts(self) -> None:
        for address, owners in self._owners.items():
            if any(owner.profile is None for owner in owners.values()):
                self._dirty_addresses[address] = None

    def _dirty_named(self, name: PortName) -> None:
        for profile in self._profiles.values():
            if any(port.name == name.name for port in profile.named_ports):
                self._dirty_addresses.update(dict.fromkeys(profile.addresses))

    # Addresses

    def _own(self, addresses: Iterable[int], key: object, owner: Owner) -> None:
        for address in addresses:
            self._owners.setdefault(address, {})[key] = owner
            self._dirty_addresses[address] = None

    def _disown(self, addresses: Iterable[int], key: object) -> None:
        for address in addresses:
            owners = self._owners.get(address, {})
            owners.pop(key, None)
            if not owners:
                self._owners.pop(address, None)
            self._dirty_addresses[address] = None

    def _place(self, address: int) -> None:
        found = places(address, self._owners.get(address, {}), self._active)
        # A selector may have a set for one family alone.
        here = self._content.desired.sets
        wanted = {place: element for place, element in found.items() if place[0] in here}
        placed = self._placed.pop(address, {})
        for place in placed:
            if place not in wanted:
                self._content.drop(*place)
        for place, element in wanted.items():
            # Not only what is placed anew: a set may have gone and come again meanwhile, and come empty.
            self._content.put(*place, element)
        if wanted:
            self._placed[address] = wanted
