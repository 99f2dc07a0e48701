"""One input seen as one kind of cluster: everything that rules ask, made once and only when asked.

Rules see policies through the engine: classes of ends that no policy tells apart, bitsets of them, and what each
side lets through. Pods that the profile assumes (the DNS pods that no chart contains) are in the snapshot as well,
and marked, so that no rule takes them for the user's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import msgspec

from podfence.engine import bitset
from podfence.engine.compile import Program
from podfence.engine.frame import Frame
from podfence.engine.reach import Reach
from podfence.lint.dns import KnownDns, is_assumed, known_dns
from podfence.lint.names import Names, pods_text
from podfence.lint.population import Population
from podfence.lint.profiles import Profile
from podfence.manifests.loaded import Identity
from podfence.model.labels import NAMESPACE_NAME_LABEL
from podfence.model.net import PRIVATE_IPV4, AddressRange, Protocol, intersect, subtract, union
from podfence.model.objects import Pod, ServicePort
from podfence.model.policy import (
    Action,
    AddressPeer,
    Direction,
    Peer,
    PodPeer,
    Policy,
    PortName,
    PortRange,
    Rule,
    Tier,
    Unreadable,
)
from podfence.model.snapshot import Snapshot
from podfence.model.surroundings import Surroundings

_MESH_LABEL = "istio.io/dataplane-mode"
_OUTSIDE_MESH = ("kube-system", "istio-system")
"""Namespaces that Istio's CNI chart leaves out of the mesh (excludeNamespaces), or that only its own parts live in."""

AMBIENT_PROBES = "169.254.7.127"
"""Where probes come from in Istio's ambient mode (ambient mode's documentation on NetworkPolicy)."""


class Placed(msgspec.Struct, frozen=True, gc=False):
    """A rule of a policy in one direction."""

    policy: Policy
    direction: Direction
    rule: Rule


class Inspection(Population):
    """A snapshot with its surroundings, as a cluster of one profile; ``None`` for a cluster of any kind.

    ``refused`` are the policies that the API server refuses: they are judged by what it says, not by lint.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        surroundings: Surroundings,
        documents: Mapping[Identity, Mapping[str, Any]],
        profile: Profile | None = None,
        refused: frozenset[Identity] = frozenset(),
        limit: int | None = None,
    ) -> None:
        super().__init__(snapshot, surroundings)
        self.documents = documents
        self.profile = profile
        self.refused = refused
        self.limit = limit
        self.kept: dict[str, Any] = {}
        self.dns: KnownDns = known_dns(snapshot, profile)
        self.snapshot = self.dns.completed(snapshot)
        if profile is not None and profile.pod_ranges and snapshot.pod_ranges == PRIVATE_IPV4:
            self.snapshot = msgspec.structs.replace(self.snapshot, pod_ranges=profile.pod_ranges)

    @property
    def policies(self) -> Iterator[Policy]:
        """List the policies that the API server takes and that could be read."""
        for policy in self.snapshot.policies:
            if policy.ref.identity not in self.refused and not isinstance(policy.subject, Unreadable):
                yield policy

    @cached_property
    def frame(self) -> Frame:
        """Give the frame of all policies. Raises ``TooLargeError`` when it would take more than ``limit`` bytes."""
        return Frame(self.snapshot, limit=self.limit)

    @cached_property
    def reach(self) -> Reach:
        """Give what each class reaches."""
        return Reach(Program(self.frame))

    @cached_property
    def names(self) -> Names:
        """Give the names of classes."""
        return Names(self.frame)

    @cached_property
    def members(self) -> list[list[Pod]]:
        """List the pods of each class of pods, those that are assumed left out."""
        found: list[list[Pod]] = [[] for _ in range(self.frame.classes.total)]
        for pod, number in zip(self.snapshot.pods, self.frame.classes.of_pod, strict=True):
            if not is_assumed(pod):
                found[number].append(pod)
        return found

    @cached_property
    def known(self) -> int:
        """Give the classes that hold a pod of the input."""
        pods = self.frame.classes.pods
        return bitset.make([number for number, members in enumerate(self.members[:pods]) if members])

    @cached_property
    def class_of(self) -> dict[tuple[str, str, str], list[int]]:
        """Give the classes of each workload (namespace, kind, name)."""
        found: dict[tuple[str, str, str], dict[int, None]] = defaultdict(dict)
        for pod, number in zip(self.snapshot.pods, self.frame.classes.of_pod, strict=True):
            if not is_assumed(pod):
                found[pod.namespace, *pod.workload][number] = None
        return {key: list(numbers) for key, numbers in found.items()}

    @cached_property
    def selecting(self) -> dict[Direction, list[list[Policy]]]:
        """List, for each direction and class of pods, the policies that speak of it, in order of evaluation."""
        found: dict[Direction, list[list[Policy]]] = {
            direction: [[] for _ in range(self.frame.classes.pods)] for direction in Direction
        }
        for policy in sorted(self.snapshot.policies, key=lambda policy: policy.order):
            for direction in Direction:
                if policy.rules(direction) is not None:
                    for number in bitset.members(self.subjects(policy)):
                        found[direction][number].append(policy)
        return found

    def isolating(self, number: int, direction: Direction) -> list[Policy]:
        """List the NetworkPolicies that isolate a class."""
        return [policy for policy in self.selecting[direction][number] if policy.tier is Tier.NETWORK_POLICY]

    def is_isolated(self, number: int, direction: Direction) -> bool:
        """Tell whether a class is isolated in a direction."""
        return bool(self.reach.program.isolated[direction] >> number & 1)

    def to_blame(self, numbers: Iterable[int], direction: Direction) -> list[tuple[Policy, list[int]]]:
        """Sort isolated classes by the NetworkPolicy that isolates them and the fewest others."""
        found: dict[Identity, tuple[Policy, list[int]]] = {}
        numbers = list(numbers)
        wanted = bitset.make(numbers)
        for number in numbers:
            policy = self.narrowest(number, direction, wanted)
            found.setdefault(policy.ref.identity, (policy, []))[1].append(number)
        return list(found.values())

    def narrowest(self, number: int, direction: Direction, wanted: int) -> Policy:
        """Choose the NetworkPolicy that isolates a class and, besides those ``wanted``, the fewest pods of the input.

        Among several it is the one about the most of the wanted, then one that has rules in this direction.
        """

        def breadth(policy: Policy) -> tuple[int, int, bool]:
            missed = wanted & ~self.subjects(policy)
            return self.others_selected(policy, wanted).bit_count(), missed.bit_count(), not policy.rules(direction)

        return min(self.isolating(number, direction), key=breadth)

    def others_selected(self, policy: Policy, wanted: int) -> int:
        """Give the classes of the input's pods that a policy is about, those ``wanted`` left out."""
        return self.subjects(policy) & self.known & ~wanted

    def isolated(self, direction: Direction) -> list[int]:
        """List the classes of the input's pods that are isolated in a direction."""
        return bitset.members(self.known & self.reach.program.isolated[direction])

    def subjects(self, policy: Policy) -> int:
        """Give the classes that a policy is about."""
        return self.frame.classes.select(self.frame.vocabulary.closed(policy).subject)

    def accepts(self, number: int, direction: Direction) -> Iterator[Placed]:
        """List the rules that accept something for a class, of every tier."""
        for policy in self.selecting[direction][number]:
            for rule in self.frame.vocabulary.closed(policy).rules(direction) or ():
                if rule.action is Action.ACCEPT:
                    yield Placed(policy, direction, rule)

    def rules(self, *directions: Direction) -> Iterator[Placed]:
        """List every rule of every policy that lint judges, and that can be read in all its parts."""
        for policy in self.policies:
            for direction in directions or tuple(Direction):
                for rule in readable_rules(policy, direction):
                    yield Placed(policy, direction, rule)

    def pods(self, classes: int) -> list[Pod]:
        """List the pods of the input in some classes, in the order of the snapshot."""
        found = [pod for number in bitset.members(classes & self.known) for pod in self.members[number]]
        return sorted(found, key=lambda pod: (pod.namespace, pod.name))

    def text(self, classes: int) -> str:
        """Name the pods of some classes."""
        return pods_text(self.pods(classes))

    def peers(self, rule: Rule) -> int:
        """Give the classes that a rule's peers surely mean, in any view."""
        found = 0
        for classes in self.frame.peers_of(rule):
            found |= classes
        return found

    def may_mean(self, rule: Rule, pods: Iterable[Pod]) -> bool:
        """Tell whether a rule may mean one of some pods, by what the input lacks: pods' addresses, namespaces' labels.

        A block may mean pods of unknown address where it holds a whole range that pods live in. What is sure is told
        by ``peers``.
        """
        return any(self._peer_may_mean(peer, pod) for pod in pods for peer in rule.peers or ())

    def _peer_may_mean(self, peer: Peer, pod: Pod) -> bool:
        if isinstance(peer, AddressPeer):
            whole = any(not subtract((pods,), peer.ranges) for pods in self.snapshot.pod_ranges)
            return whole and not pod.addresses and not pod.host_network
        if not isinstance(peer, PodPeer) or peer.namespace_selector is None or self.knows_labels_of(pod.namespace):
            return False
        named = {NAMESPACE_NAME_LABEL: pod.namespace}
        unknown = [item for item in peer.namespace_selector.requirements if item.key != NAMESPACE_NAME_LABEL]
        known = [item for item in peer.namespace_selector.requirements if item.key == NAMESPACE_NAME_LABEL]
        is_meant = all(item.matches(named) for item in known) and peer.pod_selector.matches(dict(pod.labels))
        return bool(unknown) and is_meant and not pod.host_network

    def knows_labels_of(self, namespace: str) -> bool:
        """Tell whether all labels of a namespace are known: the input has it, or the profile says what it is."""
        assumed = self.profile is not None and self.dns.servers.namespace == namespace
        return namespace in self.surroundings.declared or assumed

    def leaving(self, number: int, protocol: Protocol, port: int) -> int:
        """Give the classes that the egress side of a class lets through on a port."""
        return self._of_port(self.reach.leaving(number), protocol, port)

    def lets_in(self, source: int, number: int, protocol: Protocol, port: int) -> bool:
        """Tell whether a class lets another in on a port."""
        return bool(self._of_port(self.entering(source), protocol, port) >> number & 1)

    def entering(self, source: int) -> list[tuple[int, int]]:
        """Give whom a source may enter, remembered."""
        known = self._entering.get(source)
        if known is None:
            known = self._entering[source] = self.reach.entering(source)
        return known

    @cached_property
    def _entering(self) -> dict[int, list[tuple[int, int]]]:
        return {}

    def reaches(self, source: int, destination: int, protocol: Protocol, port: int) -> bool:
        """Tell whether both sides let a connection through."""
        leaves = self.leaving(source, protocol, port) >> destination & 1
        return bool(leaves) and self.lets_in(source, destination, protocol, port)

    def _of_port(self, parts: Iterable[tuple[int, int]], protocol: Protocol, port: int) -> int:
        atom = 1 << self.frame.ports.find(protocol, port)
        found = 0
        for ports, classes in parts:
            if ports & atom:
                found |= classes
        return found

    def class_of_address(self, address: int) -> int:
        """Give the class of an address that nobody owns."""
        return self.frame.classes.first_atom + self.frame.classes.addresses.atoms.find(address)

    def classes_within(self, ranges: Iterable[AddressRange]) -> int:
        """Give the classes of the addresses of which some lie in ranges."""
        wanted = union(ranges)
        atoms = enumerate(self.frame.classes.addresses.atoms.atoms)
        found = [self.frame.classes.first_atom + number for number, atom in atoms if intersect(atom.ranges, wanted)]
        return bitset.make(found)

    def is_in_mesh(self, pod: Pod) -> bool:
        """Tell whether a pod is in Istio's ambient mesh: by its label, its namespace's, or the profile."""
        mode = dict(pod.labels).get(_MESH_LABEL)
        if mode is None:
            space = self.namespaces.get(pod.namespace)
            mode = dict(space.labels).get(_MESH_LABEL) if space is not None else None
        if mode is None:
            assumed = self.profile is not None and self.profile.ambient and pod.namespace not in _OUTSIDE_MESH
            return assumed and not pod.host_network
        return mode == "ambient" and not pod.host_network

    def probes_from(self, pod: Pod) -> str:
        """Give the address that probes of a pod come from where it is not the node's, else an empty text."""
        if not self.is_in_mesh(pod):
            return ""
        return (self.profile.probes_from if self.profile is not None else "") or AMBIENT_PROBES


def readable_rules(policy: Policy, direction: Direction) -> Iterator[Rule]:
    """List the rules of a policy that can be read in all their parts."""
    for rule in policy.rules(direction) or ():
        if not any(isinstance(part, Unreadable) for part in (*(rule.peers or ()), *(rule.ports or ()))):
            yield rule


def target_ports(port: ServicePort, pods: Iterable[Pod]) -> dict[tuple[Protocol, int], list[Pod]]:
    """Give the pods' ports that a Service's port means, each with the pods that have it."""
    found: dict[tuple[Protocol, int], list[Pod]] = defaultdict(list)
    for pod in pods:
        if isinstance(port.target, int):
            found[port.protocol, port.target].append(pod)
            continue
        for declared in pod.named_ports:
            if declared.name == port.target and declared.protocol is port.protocol:
                found[declared.protocol, declared.number].append(pod)
    return found


def speaks_of(rule: Rule, protocol: Protocol, port: int, pods: Iterable[Pod] = ()) -> bool:
    """Tell whether a rule's ports hold a port; a name counts when one of the pods declares it so."""
    if rule.ports is None:
        return True
    for item in rule.ports:
        match item:
            case PortRange():
                if item.protocol is protocol and item.first <= port <= item.last:
                    return True
            case PortName():
                if any(
                    named.name == item.name and named.number == port and named.protocol is protocol
                    for pod in pods
                    for named in pod.named_ports
                ):
                    return True
            case _:
                continue
    return False
