"""The ends of connections that people know: pods, workloads or namespaces, nodes, addresses and names outside.

An endpoint stands for ends that are alike to every policy, except for a namespace, which stands for the union of
its pods. Its id is what it is called in every format (design: ids).
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from podfence.engine.compile import Program
from podfence.engine.pod_names import names_of_all
from podfence.engine.possible import POSSIBLE_NODE, POSSIBLE_POD
from podfence.model.labels import Labels
from podfence.model.net import AddressRange, subtract, union
from podfence.model.objects import Node, Pod
from podfence.model.policy import Direction
from podfence.model.snapshot import Snapshot


class Grouping(enum.Enum):
    """What an endpoint inside the cluster is."""

    POD = "pod"
    WORKLOAD = "workload"
    NAMESPACE = "namespace"


class Endpoint(msgspec.Struct, frozen=True, gc=False):
    """One end of connections; ``classes`` are its classes, ``ranges`` the addresses of an outside endpoint.

    ``repeated`` are the classes of which it holds more than one pod. ``host_nodes`` are the nodes on whose
    network it is, ``runs_on`` those whose traffic always enters it: any of its pods for a namespace; for the
    others all of its pods, so that more than one node is none.
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
    repeated: tuple[int, ...] = ()
    host_nodes: tuple[str, ...] = ()
    runs_on: tuple[str, ...] = ()

    @property
    def has_pods(self) -> bool:
        """Tell whether this endpoint is made of pods."""
        return self.kind not in ("Node", POSSIBLE_NODE, "External", "Domain")

    @property
    def is_possible(self) -> bool:
        """Tell whether nothing in the input is this endpoint (``possible``)."""
        return self.kind in (POSSIBLE_POD, POSSIBLE_NODE)

    @property
    def is_outside(self) -> bool:
        """Tell whether this endpoint is outside the cluster."""
        return self.kind in ("External", "Domain")


def endpoints(snapshot: Snapshot, grouping: Grouping, program: Program) -> tuple[Endpoint, ...]:
    """List all endpoints of a snapshot, sorted by id; ``program`` must be written in the snapshot's frame."""
    inside = {
        Grouping.POD: lambda: pod_endpoints(_classed(snapshot, program), program),
        Grouping.WORKLOAD: lambda: workload_endpoints(_classed(snapshot, program), program),
        Grouping.NAMESPACE: lambda: _namespace_endpoints(snapshot, program),
    }[grouping]()
    outside = outside_endpoints(snapshot, program)
    nodes = node_endpoints(zip(snapshot.nodes, program.classes.of_node, strict=True))
    return tuple(sorted((*inside, *nodes, *outside), key=lambda endpoint: endpoint.id))


def outside_endpoints(snapshot: Snapshot, program: Program) -> tuple[Endpoint, ...]:
    """List the endpoints outside the cluster: addresses that nobody in it owns, and names."""
    return (*_address_endpoints(snapshot, program), *_domain_endpoints(program))


def pod_endpoints(classed: Iterable[tuple[Pod, int]], program: Program) -> Iterator[Endpoint]:
    """Give an endpoint for each pod; ``classed`` are the pods with their classes in the program."""
    listed = list(classed)
    for (pod, found), names in zip(listed, names_of_all(pod for pod, _ in listed), strict=True):
        for name in names:
            yield _endpoint(program, f"{pod.namespace}/Pod/{name}", ("Pod", name), [pod], found, count=1)


def workload_endpoints(classed: Iterable[tuple[Pod, int]], program: Program) -> Iterator[Endpoint]:
    """Give an endpoint for each workload, several where policies tell its pods apart."""
    members: dict[tuple[str, str, str], dict[int, list[Pod]]] = defaultdict(lambda: defaultdict(list))
    for pod, found in classed:
        members[pod.namespace, *pod.workload][found].append(pod)
    for (namespace, kind, name), by_class in members.items():
        for number, (found, pods) in enumerate(by_class.items(), start=1):
            suffix = f"#{number}" if len(by_class) > 1 else ""
            identity = f"{namespace}/{kind}/{name}{suffix}"
            count = sum(pod.count for pod in pods)
            yield _endpoint(program, identity, (kind, name + suffix), pods, found, count)


def _endpoint(
    program: Program, identity: str, owner: tuple[str, str], pods: list[Pod], found: int, count: int
) -> Endpoint:
    nodes = {pod.node for pod in pods}
    only_node = tuple(node for node in nodes if node is not None) if len(nodes) == 1 else ()
    on_host = pods[0].host_network
    return Endpoint(
        id=identity,
        kind=owner[0],
        namespace=pods[0].namespace,
        name=owner[1],
        classes=(found,),
        pods=count,
        labels=_shared_labels(pods),
        ingress_isolated=_is_isolated(program, Direction.INGRESS, found),
        egress_isolated=_is_isolated(program, Direction.EGRESS, found),
        repeated=(found,) if count > 1 else (),
        host_nodes=only_node if on_host else (),
        runs_on=() if on_host else only_node,
    )


def _namespace_endpoints(snapshot: Snapshot, program: Program) -> Iterator[Endpoint]:
    members: dict[str, dict[int, list[Pod]]] = {item.name: defaultdict(list) for item in snapshot.namespaces}
    for pod, found in _classed(snapshot, program):
        members.setdefault(pod.namespace, defaultdict(list))[found].append(pod)
    labels = {item.name: item.labels for item in snapshot.namespaces}
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
            ingress_isolated=bool(by_class) and all(_is_isolated(program, Direction.INGRESS, c) for c in by_class),
            egress_isolated=bool(by_class) and all(_is_isolated(program, Direction.EGRESS, c) for c in by_class),
            repeated=tuple(c for c, found in by_class.items() if sum(pod.count for pod in found) > 1),
            host_nodes=_nodes(pod for pod in pods if pod.host_network),
            runs_on=_nodes(pod for pod in pods if not pod.host_network),
        )


def node_endpoints(classed: Iterable[tuple[Node, int]]) -> Iterator[Endpoint]:
    """Give an endpoint for each node."""
    for node, found in classed:
        yield Endpoint(
            id=f"node/{node.name}",
            kind="Node",
            namespace=None,
            name=node.name,
            classes=(found,),
            labels=node.labels,
            host_nodes=(node.name,),
        )


def possible_endpoints(
    pods: Iterable[tuple[Pod, int]], nodes: Iterable[tuple[Node, int]], program: Program
) -> Iterator[Endpoint]:
    """Give an endpoint for each possible pod and node; no pod of the input is in any."""
    for endpoint in workload_endpoints(pods, program):
        yield msgspec.structs.replace(endpoint, pods=0)
    for endpoint in node_endpoints(nodes):
        yield msgspec.structs.replace(endpoint, kind=POSSIBLE_NODE)


def _address_endpoints(snapshot: Snapshot, program: Program) -> Iterator[Endpoint]:
    """Group the address atoms that the same blocks hold, without the addresses that somebody owns."""
    addresses = program.classes.addresses
    owned = _owned_by_atom(snapshot, program)
    groups: dict[int, list[int]] = defaultdict(list)
    for number, atom in enumerate(addresses.atoms.atoms):
        groups[atom.blocks & addresses.block_mask].append(number)
    for numbers in groups.values():
        ranges = union(piece for number in numbers for piece in addresses.atoms.atoms[number].ranges)
        holes = [AddressRange(a, a) for number in numbers for a in owned.get(number, ())]
        left = subtract(ranges, holes) if holes else ranges
        if left:
            classes = tuple(program.classes.first_atom + number for number in numbers)
            name = str(left[0])
            yield Endpoint(f"external/{name}", "External", None, name, classes, ranges=left)


def _owned_by_atom(snapshot: Snapshot, program: Program) -> dict[int, list[int]]:
    atoms = program.classes.addresses.atoms
    owned: dict[int, list[int]] = defaultdict(list)
    known = [pod.addresses for pod in snapshot.pods] + [node.addresses for node in snapshot.nodes]
    for address in {address for addresses in known for address in addresses}:
        owned[atoms.find(address)].append(address)
    return owned


def _domain_endpoints(program: Program) -> Iterator[Endpoint]:
    for name, found in program.classes.domains.items():
        yield Endpoint(f"domain/{name}", "Domain", None, name, (found,))


def _classed(snapshot: Snapshot, program: Program) -> Iterator[tuple[Pod, int]]:
    return zip(snapshot.pods, program.classes.of_pod, strict=True)


def _is_isolated(program: Program, direction: Direction, found: int) -> bool:
    return bool(program.isolated[direction] >> found & 1)


def _shared_labels(pods: list[Pod]) -> Labels:
    first = pods[0].labels
    if all(pod.labels == first for pod in pods):
        return first
    shared = set(first).intersection(*(pod.labels for pod in pods))
    return tuple(sorted(shared))


def _nodes(pods: Iterable[Pod]) -> tuple[str, ...]:
    return tuple(sorted({pod.node for pod in pods if pod.node is not None}))
