"""Who reaches whom, between endpoints that people know: pods, workloads or namespaces, nodes, the outside.

An endpoint stands for ends that are alike to every policy, except for a namespace, which stands for the union of
its pods. Here the two rules are added that classes cannot know: a pod is always reached from its own node, and
talking to oneself is no connection between two ends.
"""

from __future__ import annotations

import enum
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from podfence.engine import bitset
from podfence.engine.compile import Program
from podfence.engine.frame import Frame
from podfence.engine.reach import Reach
from podfence.model.labels import Labels
from podfence.model.net import AddressRange, subtract, union
from podfence.model.objects import Pod
from podfence.model.policy import Direction, PortRange
from podfence.model.snapshot import Snapshot

_KEPT_SOURCES = 64
"""Source classes whose targets are remembered: replicas are neighbours in every order that people read."""


class Grouping(enum.Enum):
    """What an endpoint inside the cluster is."""

    POD = "pod"
    WORKLOAD = "workload"
    NAMESPACE = "namespace"


class Endpoint(msgspec.Struct, frozen=True, gc=False):
    """One end of connections; ``classes`` are its classes, ``ranges`` the addresses of an outside endpoint.

    ``nodes`` are the nodes its pods run on, empty when one of them is unknown; ``on_host`` tells that it is, or
    consists of pods on, the network of its node. ``repeated`` are the classes of which it holds more than one.
    """

    id: str
    kind: str
    namespace: str | None
    name: str
    classes: tuple[int, ...]
    pods: int = 0
    labels: Labels = ()
    ingress_isolated: bool = False
    egress_isolated: bool = False
    ranges: tuple[AddressRange, ...] = ()
    nodes: tuple[str, ...] = ()
    on_host: bool = False
    repeated: tuple[int, ...] = ()

    @property
    def has_pods(self) -> bool:
        """Tell whether pods are behind this endpoint."""
        return self.kind not in ("Node", "External", "Domain")


Targets = list[tuple[int, int]]
"""Destinations of one source: the number of the endpoint and the port atoms, in order of endpoints."""


class Connectivity:
    """All endpoints of a snapshot, sorted by id, and what each reaches.

    Connections between two ends of which neither is a pod are no business of any policy and are left out.
    """

    def __init__(self, snapshot: Snapshot, grouping: Grouping, program: Program | None = None) -> None:
        self.snapshot = snapshot
        self.grouping = grouping
        self.program = program or Program(Frame(snapshot))
        self._reach = Reach(self.program)
        inside = {
            Grouping.POD: self._pod_endpoints,
            Grouping.WORKLOAD: self._workload_endpoints,
            Grouping.NAMESPACE: self._namespace_endpoints,
        }[grouping]()
        others = [*self._node_endpoints(), *self._outside_endpoints(), *self._domain_endpoints()]
        self.endpoints: tuple[Endpoint, ...] = (
            *sorted(inside, key=_inside_order),
            *others,
        )
        self._endpoints_of: dict[int, list[int]] = defaultdict(list)
        for number, endpoint in enumerate(self.endpoints):
            for found in endpoint.classes:
                self._endpoints_of[found].append(number)
        self._on_node: dict[str, list[int]] = defaultdict(list)
        for number, endpoint in enumerate(self.endpoints):
            if endpoint.has_pods and self._counts_as_on_node(endpoint):
                for node in endpoint.nodes:
                    self._on_node[node].append(number)
        self._kept: OrderedDict[tuple[int, ...], Targets] = OrderedDict()
        self._namespace_ends = self._last_classes()

    def ports(self, mask: int) -> tuple[PortRange, ...] | None:
        """Write port atoms as ranges; ``None`` is all traffic of every protocol."""
        return None if mask == self.program.ports.everything else self.program.ports.ranges(mask)

    def connections(self) -> Iterator[tuple[int, Targets]]:
        """Give, for each endpoint in order, what it reaches."""
        for number in range(len(self.endpoints)):
            yield number, self.targets(number)

    def targets(self, source: int) -> Targets:
        """Give what one endpoint reaches, itself included when it stands for more than one pod."""
        endpoint = self.endpoints[source]
        found = self._shared_targets(endpoint)
        if endpoint.kind != "Namespace" and not endpoint.repeated:
            found = [target for target in found if target[0] != source]
        own = [number for number in self._own_node_targets(endpoint) if number != source or endpoint.repeated]
        if own:
            found = sorted({**dict(found), **dict.fromkeys(own, self.program.ports.everything)}.items())
        return found

    def _shared_targets(self, endpoint: Endpoint) -> Targets:
        """Give what the classes of an endpoint reach, remembered for the next endpoint of the same class."""
        if endpoint.kind == "Namespace":
            return self._find(endpoint)
        known = self._kept.get(endpoint.classes)
        if known is None:
            known = self._kept[endpoint.classes] = self._find(endpoint)
            if len(self._kept) > _KEPT_SOURCES:
                self._kept.popitem(last=False)
        return known

    def _find(self, endpoint: Endpoint) -> Targets:
        reached: dict[int, int] = {}
        for number in endpoint.classes if endpoint.kind == "Namespace" else endpoint.classes[:1]:
            single = endpoint.kind == "Namespace" and number not in endpoint.repeated
            for mask, classes in self._reach.row(number).reached.items():
                rest = classes & ~(1 << number) if single else classes
                if rest:
                    reached[mask] = reached.get(mask, 0) | rest
        by_number: dict[int, int] = {}
        for mask, classes in reached.items():
            for number in self._numbers_in(classes):
                by_number[number] = by_number.get(number, 0) | mask
        if not endpoint.has_pods:
            by_number = {n: mask for n, mask in by_number.items() if self.endpoints[n].has_pods}
        return sorted(by_number.items())

    def _numbers_in(self, classes: int) -> Iterable[int]:
        """List the endpoints that have one of the classes."""
        if self.grouping is not Grouping.NAMESPACE:
            return [number for found in bitset.members(classes) for number in self._endpoints_of.get(found, ())]
        pods = self.program.classes.pods
        hit: dict[int, None] = {}
        text = bin(classes & bitset.span(0, pods))[:1:-1]
        found = text.find("1")
        while found >= 0:
            hit.update(dict.fromkeys(self._endpoints_of[found]))
            found = text.find("1", self._namespace_ends[found])
        for found in bitset.members(classes >> pods):
            hit.update(dict.fromkeys(self._endpoints_of.get(found + pods, ())))
        return hit

    def _own_node_targets(self, endpoint: Endpoint) -> list[int]:
        """List the endpoints whose pods all run on the node that the source is (any of them, for a namespace)."""
        if not endpoint.on_host or not endpoint.nodes:
            return []
        if self.grouping is not Grouping.NAMESPACE and len(endpoint.nodes) > 1:
            return []
        return [number for node in endpoint.nodes for number in self._on_node.get(node, ())]

    def _counts_as_on_node(self, endpoint: Endpoint) -> bool:
        return endpoint.kind == "Namespace" or (len(endpoint.nodes) == 1 and not endpoint.on_host)

    def _pod_endpoints(self) -> Iterator[Endpoint]:
        for pod, found in zip(self.snapshot.pods, self.program.classes.of_pod, strict=True):
            names = [f"{pod.name}-{index}" for index in range(pod.count)] if pod.from_template else [pod.name]
            for name in names:
                yield self._endpoint(f"{pod.namespace}/Pod/{name}", ("Pod", name), [pod], found, count=1)

    def _workload_endpoints(self) -> Iterator[Endpoint]:
        members: dict[tuple[str, str, str], dict[int, list[Pod]]] = defaultdict(lambda: defaultdict(list))
        for pod, found in zip(self.snapshot.pods, self.program.classes.of_pod, strict=True):
            members[pod.namespace, *pod.workload][found].append(pod)
        for (namespace, kind, name), by_class in members.items():
            for index, (found, pods) in enumerate(by_class.items(), start=1):
                suffix = f"#{index}" if len(by_class) > 1 else ""
                identity = f"{namespace}/{kind}/{name}{suffix}"
                yield self._endpoint(identity, (kind, name), pods, found, count=sum(pod.count for pod in pods))

    def _endpoint(self, identity: str, owner: tuple[str, str], pods: list[Pod], found: int, count: int) -> Endpoint:
        return Endpoint(
            id=identity,
            kind=owner[0],
            namespace=pods[0].namespace,
            name=owner[1],
            classes=(found,),
            pods=count,
            labels=_shared_labels(pods),
            ingress_isolated=self._isolated(Direction.INGRESS, found),
            egress_isolated=self._isolated(Direction.EGRESS, found),
            nodes=_nodes_of(pods),
            on_host=all(pod.host_network for pod in pods),
            repeated=(found,) if count > 1 else (),
        )

    def _namespace_endpoints(self) -> Iterator[Endpoint]:
        members: dict[str, dict[int, list[Pod]]] = {item.name: defaultdict(list) for item in self.snapshot.namespaces}
        for pod, found in zip(self.snapshot.pods, self.program.classes.of_pod, strict=True):
            members.setdefault(pod.namespace, defaultdict(list))[found].append(pod)
        labels = {item.name: item.labels for item in self.snapshot.namespaces}
        for name, by_class in members.items():
            pods = [pod for found in by_class.values() for pod in found]
            yield Endpoint(
                id=f"namespace/{name}",
                kind="Namespace",
                namespace=None,
                name=name,
                classes=tuple(sorted(by_class)),
                pods=sum(pod.count for pod in pods),
                labels=labels.get(name, ()),
                ingress_isolated=bool(by_class) and all(self._isolated(Direction.INGRESS, c) for c in by_class),
                egress_isolated=bool(by_class) and all(self._isolated(Direction.EGRESS, c) for c in by_class),
                nodes=tuple(sorted({pod.node for pod in pods if pod.node is not None})),
                on_host=any(pod.host_network for pod in pods),
                repeated=tuple(c for c, found in by_class.items() if sum(pod.count for pod in found) > 1),
            )

    def _isolated(self, direction: Direction, found: int) -> bool:
        return bool(self.program.isolated[direction] >> found & 1)

    def _node_endpoints(self) -> Iterator[Endpoint]:
        for node, found in zip(self.snapshot.nodes, self.program.classes.of_node, strict=True):
            yield Endpoint(
                id=f"node/{node.name}",
                kind="Node",
                namespace=None,
                name=node.name,
                classes=(found,),
                labels=node.labels,
                nodes=(node.name,),
                on_host=True,
            )

    def _outside_endpoints(self) -> Iterator[Endpoint]:
        """Group the address atoms that the same blocks hold, without the addresses that somebody owns."""
        addresses = self.program.classes.addresses
        owned = self._owned_by_atom()
        groups: dict[int, list[int]] = defaultdict(list)
        for number, atom in enumerate(addresses.atoms.atoms):
            groups[atom.blocks & addresses.block_mask].append(number)
        for numbers in sorted(groups.values(), key=lambda numbers: addresses.atoms.atoms[numbers[0]].ranges[0].first):
            ranges = union(piece for number in numbers for piece in addresses.atoms.atoms[number].ranges)
            holes = [AddressRange(a, a) for number in numbers for a in owned.get(number, ())]
            left = subtract(ranges, holes) if holes else ranges
            if left:
                classes = tuple(self.program.classes.first_atom + number for number in numbers)
                name = str(left[0])
                yield Endpoint(f"external/{name}", "External", None, name, classes, ranges=left)

    def _owned_by_atom(self) -> dict[int, list[int]]:
        atoms = self.program.classes.addresses.atoms
        owned: dict[int, list[int]] = defaultdict(list)
        known = [pod.addresses for pod in self.snapshot.pods] + [node.addresses for node in self.snapshot.nodes]
        for address in {address for addresses in known for address in addresses}:
            owned[atoms.find(address)].append(address)
        return owned

    def _domain_endpoints(self) -> Iterator[Endpoint]:
        for name, found in self.program.classes.domains.items():
            yield Endpoint(f"domain/{name}", "Domain", None, name, (found,))

    def _last_classes(self) -> list[int]:
        """Give, for each class of governed pods, the first class of the next namespace."""
        profiles = self.program.classes.profiles
        ends = [len(profiles)] * len(profiles)
        for number in range(len(profiles) - 2, -1, -1):
            same = profiles[number].namespace == profiles[number + 1].namespace
            ends[number] = ends[number + 1] if same else number + 1
        return ends


def _inside_order(endpoint: Endpoint) -> tuple[str, str, str, str]:
    return (endpoint.namespace or "", endpoint.kind, endpoint.name, endpoint.id)


def _shared_labels(pods: list[Pod]) -> Labels:
    first = pods[0].labels
    if all(pod.labels == first for pod in pods):
        return first
    shared = set(first).intersection(*(pod.labels for pod in pods))
    return tuple(sorted(shared))


def _nodes_of(pods: list[Pod]) -> tuple[str, ...]:
    """Give the nodes that pods run on, nothing when one of them is unknown."""
    nodes = {pod.node for pod in pods}
    return tuple(sorted(node for node in nodes if node is not None)) if None not in nodes else ()
