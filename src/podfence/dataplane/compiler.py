"""Keeps the desired state up to date: takes changes and works out only what they touch.

Made from a snapshot and given changes, it always desires what it would if it were made from the later snapshot; a
property test holds it to that. What a policy means is the engine's to say: who is selected (``decide.selects``), what
cannot be read (``fail_closed``); here is only who must be asked again.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from podfence.dataplane.addresses import Active, Place, Profile, places
from podfence.dataplane.classes import ClassKey, CompiledClass, compile_class, numbers_at, port_names
from podfence.dataplane.content import Content
from podfence.dataplane.difference import Desired, Difference
from podfence.dataplane.hosts import Hosts
from podfence.dataplane.logs import Logs
from podfence.dataplane.lookups import Lookups
from podfence.dataplane.members import FAMILIES, Member
from podfence.dataplane.objects import Element
from podfence.dataplane.peer_index import PeerIndex
from podfence.dataplane.population import Population
from podfence.dataplane.settings import Settings
from podfence.dataplane.subjects import Subjects
from podfence.model.change import Change, Changing
from podfence.model.net import Family
from podfence.model.objects import Namespace, Node, Pod
from podfence.model.policy import Direction, NodePeer, PodPeer, Policy, PortName
from podfence.model.snapshot import Snapshot


def compile_snapshot(snapshot: Snapshot, settings: Settings) -> Desired:
    """Work out what one node shall enforce. Raises ``PodfenceError`` when two selectors share a name."""
    return Compiler(snapshot, settings).desired


class LiveClass(msgspec.Struct):
    """A class that pods of this node are of."""

    key: ClassKey
    compiled: CompiledClass
    profiles: dict[Profile, None] = {}


class Compiler:
    """The desired state of one node, and everything needed to change it.

    ``lookups`` are what pods were told by their resolvers; they outlive the compiler, whose ``hosts`` change them.
    After a ``PodfenceError`` it is worth nothing any more: another must be made from a snapshot.
    """

    def __init__(self, snapshot: Snapshot, settings: Settings, lookups: Lookups | None = None) -> None:
        self._settings, self._logs = settings, Logs(settings)
        self._content = Content(settings)
        self._population, self._subjects = Population(settings.node), Subjects()
        self._placed: dict[int, dict[Place, Element]] = {}
        self._classes: dict[str, LiveClass] = {}
        self._stale_classes: dict[str, None] = {}
        self._members: dict[tuple[Member, Family], int] = {}
        self._peers = PeerIndex()
        self._lookups = Lookups() if lookups is None else lookups
        self._active = Active(self._lookups, self._population.owners)
        self.hosts = Hosts(settings, self._content, self._population, self._active)
        parts: tuple[Iterable[Changing], ...] = (
            snapshot.namespaces,
            snapshot.nodes,
            snapshot.policies,
            snapshot.pods,
        )
        self.apply(Change(None, item) for part in parts for item in part)
        self.hosts.settle()
        self.apply(())

    @property
    def desired(self) -> Desired:
        """Give what is desired now; the next ``apply`` changes it."""
        return self._content.desired

    def apply(self, changes: Iterable[Change]) -> Difference:
        """Take changes in their order, and give what they change in the table, all together."""
        for change in changes:
            self._take(change)
        population = self._population
        for profile in population.moved_profiles:
            self._select_again(profile)
        population.moved_profiles.clear()
        for profile in population.dirty_profiles:
            self._classify(profile)
        population.dirty_profiles.clear()
        for name in list(self._stale_classes):
            self._compile_again(name)
        for address in list(population.dirty_addresses):
            # A pod or node has the address now, or gives it up: for those that were told of it this changes the host.
            for pod in self._lookups.told_of(address):
                population.mark_pod(pod)
        for address in population.dirty_addresses:
            self._place(address)
        population.dirty_addresses.clear()
        return self._content.settle()

    def _take(self, change: Change) -> None:
        is_there = change.after is not None
        match change.after or change.before:
            case Pod() as pod:
                self._population.take_pod(pod, is_there=is_there)
                if not is_there or _is_another(change.before, pod):
                    self._lookups.forget(f"{pod.namespace}/{pod.name}")
            case Policy() as policy:
                self._take_policy(policy, is_there=is_there)
            case Namespace() as namespace:
                self._population.take_namespace(namespace, is_there=is_there)
            case Node() as node:
                self._population.take_node(node, is_there=is_there)
                for peer in self._active.nodes:
                    self._active.nodes[peer] = self._population.nodes_of(peer)
            case _:
                pass  # Services are translated before a packet comes here

    def _take_policy(self, policy: Policy, *, is_there: bool) -> None:
        subjects = self._subjects.take(policy, is_there=is_there)
        for profile in self._population.profiles:
            if profile.is_local and any(self._population.selects(subject, profile) for subject in subjects):
                self._population.dirty_profiles[profile] = None
        for name, found in self._classes.items():
            if policy.ref.identity in found.key.policies:
                self._stale_classes[name] = None

    def _select_again(self, profile: Profile) -> None:
        """Find the selectors in use that mean a profile which is new, or whose namespace has other labels."""
        labels = self._population.namespace_labels(profile.namespace)
        peers = dict.fromkeys(self._peers.matching(profile.namespace, labels, profile.labels))
        if peers.keys() != profile.peers.keys():
            profile.peers = peers
            self._population.mark(profile)

    def _classify(self, profile: Profile) -> None:
        """Find the classes of a profile; it has none in a family of which it has no address on this node."""
        for direction, family in ((direction, family) for direction in Direction for family in FAMILIES):
            name = self._join(profile, direction, family) if profile.local[family] else None
            known = profile.classes.get((direction, family))
            if name == known:
                continue
            self._population.mark(profile)
            if known is not None:
                self._leave(profile, known)
                del profile.classes[direction, family]
            if name is not None:
                profile.classes[direction, family] = name
        if not profile.pods:
            self._population.forget_profile(profile)

    def _join(self, profile: Profile, direction: Direction, family: Family) -> str | None:
        """Let a profile be of its class, which is made when it is the first; ``None`` when nothing judges it."""
        labels = self._population.namespace_labels(profile.namespace)
        policies = self._subjects.on(profile, labels, direction)
        names = port_names(policies, direction) if direction is Direction.INGRESS else []
        numbers = tuple(numbers_at(names, profile.named_ports).items())
        key = ClassKey(direction, family, tuple(policy.ref.identity for policy in policies), numbers)
        name = key.name
        if name in self._stale_classes:
            self._compile_again(name)
        known = self._classes.get(name)
        compiled = known.compiled if known else compile_class(key, policies, self._logs)
        if compiled.is_open and not self._settings.log_allowed:
            return None
        if known is None:
            known = self._classes[name] = LiveClass(key, compiled)
            self._use(compiled)
            self.hosts.speak_of(compiled)
        known.profiles[profile] = None
        return name

    def _leave(self, profile: Profile, name: str) -> None:
        found = self._classes[name]
        found.profiles.pop(profile, None)
        if not found.profiles:
            del self._classes[name]
            self._content.drop_class(name)
            self.hosts.speak_of(None, found.compiled)
            self._unuse(found.compiled)

    def _compile_again(self, name: str) -> None:
        """Write a class anew of which a policy has changed, if it is still there."""
        del self._stale_classes[name]
        found = self._classes.get(name)
        if found is None:
            return
        policies = [self._subjects[identity] for identity in found.key.policies]
        known, found.compiled = found.compiled, compile_class(found.key, policies, self._logs)
        self._use(found.compiled)
        self.hosts.speak_of(found.compiled, known)
        self._unuse(known)
        for profile in found.profiles:
            self._population.mark(profile)

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
        """Fill a new set: have everybody looked at whom it may be about."""
        match member:
            case PodPeer():
                self._peers.add(member)
                for profile in self._population.profiles:
                    if self._population.selects(member, profile):
                        profile.peers[member] = None
                        self._population.mark(profile)
            case NodePeer():
                self._active.nodes[member] = self._population.nodes_of(member)
                self._population.mark_hosts()
            case PortName():
                self._active.ports[member] = None
                self._mark_named(member)
            case _:
                pass  # whoever is of the class has been told, or will be

    def _deactivate(self, member: Member) -> None:
        match member:
            case PodPeer():
                self._peers.remove(member)
                for profile in self._population.profiles:
                    if member in profile.peers:
                        del profile.peers[member]
                        self._population.mark(profile)
            case NodePeer():
                del self._active.nodes[member]
                self._population.mark_hosts()
            case PortName():
                del self._active.ports[member]
                self._mark_named(member)
            case _:
                pass

    def _mark_named(self, name: PortName) -> None:
        for profile in self._population.profiles:
            if any(port.name == name.name for port in profile.named_ports):
                self._population.mark(profile)

    def _place(self, address: int) -> None:
        found = places(address, self._population.owners.get(address, {}), self._active)
        # A selector may have a set for one family alone.
        here = self._content.desired.sets
        wanted = {place: element for place, element in found.items() if place[0] in here}
        for place in self._placed.pop(address, {}):
            if place not in wanted:
                self._content.drop(*place)
        for place, element in wanted.items():
            # Not only what is placed anew: a set may have gone and come again meanwhile, and come empty.
            self._content.put(*place, element)
        if wanted:
            self._placed[address] = wanted


def _is_another(before: Changing | None, pod: Pod) -> bool:
    """Tell whether a pod of the same name was there before: one keeps its addresses as long as it lives."""
    return isinstance(before, Pod) and bool(before.addresses) and set(before.addresses).isdisjoint(pod.addresses)
