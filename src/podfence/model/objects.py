"""Namespaces, pods, nodes and services as the engine sees them: only what decides a connection."""

from __future__ import annotations

import msgspec

from podfence.model.labels import Labels
from podfence.model.net import AddressRange, Protocol
from podfence.model.source import Source


class ObjectRef(msgspec.Struct, frozen=True, gc=False):
    """The identity of an object and, where known, its text; two of them are equal by identity alone."""

    kind: str
    namespace: str | None
    name: str
    source: Source | None = None

    @property
    def identity(self) -> tuple[str, str | None, str]:
        """Kind, namespace (``None`` when cluster-scoped) and name."""
        return (self.kind, self.namespace, self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectRef) and self.identity == other.identity

    def __hash__(self) -> int:
        return hash(self.identity)

    def __str__(self) -> str:
        return self.name if self.namespace is None else f"{self.namespace}/{self.name}"


class Namespace(msgspec.Struct, frozen=True, gc=False):
    """A namespace with its labels, ``kubernetes.io/metadata.name`` among them."""

    name: str
    labels: Labels


class NamedPort(msgspec.Struct, frozen=True, gc=False, order=True):
    """A container port that has a name."""

    name: str
    protocol: Protocol
    number: int


class Pod(msgspec.Struct, frozen=True, gc=False):
    """A pod, or the pods that a workload without Pod objects will have.

    ``addresses`` are on the address line (``model.net``) and empty when nothing tells them. ``workload`` is the
    kind and name of the outermost owner in the input, ``("Pod", name)`` for a pod that stands alone. ``count``
    is how many pods this one stands for: 1 for a Pod object, the replicas for a workload without any;
    ``count`` above 1 means that its pods also talk to each other.
    """

    namespace: str
    name: str
    labels: Labels = ()
    named_ports: tuple[NamedPort, ...] = ()
    addresses: tuple[int, ...] = ()
    node: str | None = None
    host_network: bool = False
    workload: tuple[str, str] = ("", "")
    count: int = 1
    from_template: bool = False


class Node(msgspec.Struct, frozen=True, gc=False):
    """A node with its labels and every address of its status; ``pod_ranges`` is where its pods' addresses are."""

    name: str
    labels: Labels = ()
    addresses: tuple[int, ...] = ()
    pod_ranges: tuple[AddressRange, ...] = ()


class ServicePort(msgspec.Struct, frozen=True, gc=False):
    """One port of a Service; ``target`` is a number or a container port's name."""

    name: str
    protocol: Protocol
    port: int
    target: int | str


class Service(msgspec.Struct, frozen=True, gc=False):
    """A Service: its selector, or ``None`` when it has none and EndpointSlices name its addresses.

    Clients of a ``headless`` one talk to its pods directly, so that nothing translates their port numbers.
    """

    namespace: str
    name: str
    selector: Labels | None
    ports: tuple[ServicePort, ...] = ()
    addresses: tuple[int, ...] = ()
    type: str = "ClusterIP"
    external_traffic_policy: str = "Cluster"
    headless: bool = False


class EndpointSlice(msgspec.Struct, frozen=True, gc=False):
    """The addresses behind a Service, as an EndpointSlice lists them."""

    namespace: str
    service: str
    addresses: tuple[int, ...] = ()
    ports: tuple[ServicePort, ...] = ()
