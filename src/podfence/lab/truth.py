"""What the engine says of every connection that can be tried in a lab, and whether the packets agree."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from podfence.dataplane.resolvers import is_resolver
from podfence.engine.decide import decide, name_covers
from podfence.engine.directory import Directory
from podfence.engine.judge import Party
from podfence.engine.vocabulary import Vocabulary
from podfence.lab.outside import HOSTS
from podfence.model.net import Family, Protocol, family_of, format_address, parse_address
from podfence.model.objects import Node, Pod
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import End, Flow

Object = dict[str, Any]
Port = tuple[Protocol, int]

NOBODY_LISTENS: Final = (Protocol.TCP, 80)
"""What is tried at a pod that declares no port: a packet that arrives there is refused, which tells as much."""

OUTSIDE: Final = "outside"
"""The place where all hosts outside the cluster are."""

_DNS_PORT: Final = 53
_HOSTS_TRIED: Final = ("dns.google", "outside.example")
_ARRIVED: Final = ("OK", "REFUSED")
_SERVED = re.compile(r"SERVE_(?:(TCP|UDP|SCTP)_)?PORT_([0-9]+)\Z")


class Question(msgspec.Struct, frozen=True):
    """One connection: from a place of the lab's network to an address and port, and whether it is to arrive.

    ``from_address`` chooses among the addresses of a place that stands for many. ``hosts`` are the names by which
    the destination may be known, to be looked up before.
    """

    place: str
    source: str
    destination: str
    address: str
    protocol: Protocol
    port: int
    expected: bool
    from_address: str = ""
    hosts: tuple[str, ...] = ()

    @property
    def connection(self) -> tuple[str, str, str, Protocol, int, tuple[str, ...]]:
        """Tell the connection from all others, whatever is expected of it."""
        return self.place, self.from_address, self.address, self.protocol, self.port, self.hosts


class Cell(msgspec.Struct, frozen=True):
    """A question with what the packets said: ``OK``, ``REFUSED``, ``TIMEOUT`` or ``OTHER: …``."""

    question: Question
    outcome: str

    @property
    def arrived(self) -> bool:
        """Tell whether the packets got there, be anybody there or not."""
        return self.outcome in _ARRIVED

    @property
    def agrees(self) -> bool:
        """Tell whether the packets did what the engine says; what is neither here nor there does not."""
        return self.arrived is self.question.expected and (self.arrived or self.outcome == "TIMEOUT")


class Ends(msgspec.Struct, frozen=True):
    """Where connections come from and go to; ``places`` and ``ports`` are by namespace and name of the pod."""

    snapshot: Snapshot
    places: Mapping[tuple[str, str], str]
    ports: Mapping[tuple[str, str], tuple[Port, ...]]


def ends_of(snapshot: Snapshot, pods: Iterable[Object]) -> Ends:
    """Collect the ends of a lab out of its snapshot and its pods as the API has them."""
    places: dict[tuple[str, str], str] = {}
    ports: dict[tuple[str, str], tuple[Port, ...]] = {}
    for pod in pods:
        if pod["metadata"].get("deletionTimestamp"):
            continue  # it is about to go, and may have gone when its turn comes
        key = (pod["metadata"]["namespace"], pod["metadata"]["name"])
        places[key] = f"pod/{pod['metadata']['uid']}"
        ports[key] = tuple(dict.fromkeys(_ports(pod["spec"]))) or (NOBODY_LISTENS,)
    return Ends(snapshot, places, ports)


def _ports(spec: Object) -> Iterator[Port]:
    sidecars = (one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always")
    for container in (*(spec.get("containers") or ()), *sidecars):
        for port in container.get("ports") or ():
            yield Protocol(port.get("protocol") or "TCP"), port["containerPort"]
        for variable in container.get("env") or ():
            if found := _SERVED.match(variable["name"]):
                yield Protocol(found[1] or "TCP"), int(found[2])


class Place(msgspec.Struct, frozen=True, eq=False):
    """Where packets come from and go to: a pod, a node, or a host outside the cluster."""

    name: str
    network: str
    addresses: tuple[int, ...]
    ports: tuple[Port, ...]
    pod: Pod | None = None
    node: Node | None = None
    domains: tuple[str, ...] = ()

    def end(self, address: int) -> End:
        """Give the end of a connection at one of its addresses."""
        return End(pod=self.pod, node=self.node, address=address)

    @property
    def namespace(self) -> str | None:
        """Tell whose policies may select it."""
        return None if self.pod is None else self.pod.namespace


def questions(ends: Ends) -> Iterator[Question]:
    """List every pair of ends with every port and address family, and what the engine says of it.

    Between two ends that are no pods there is nothing that policies say.
    """
    directory = Directory(ends.snapshot)
    resolvers = tuple(pod for pod in ends.snapshot.pods if is_resolver(pod) and not pod.host_network)
    near: dict[tuple[str | None, str | None], Snapshot] = {}
    places = [*_pods(ends), *_nodes(ends), *_outside(ends.snapshot)]
    for source in places:
        for destination in places:
            if source is destination or (source.pod is None and destination.pod is None):
                continue
            key = (source.namespace, destination.namespace)
            if key not in near:
                near[key] = _around(directory, key)
            resolves = bool(destination.domains) and _resolves(directory, source, resolvers)
            yield from _asked(near[key], source, destination, resolves=resolves)


def _pods(ends: Ends) -> Iterator[Place]:
    for pod in ends.snapshot.pods:
        key = (pod.namespace, pod.name)
        if not pod.host_network and key in ends.places:
            yield Place(name_of(pod), ends.places[key], pod.addresses, ends.ports[key], pod=pod)


def _nodes(ends: Ends) -> Iterator[Place]:
    for node in ends.snapshot.nodes:
        yield Place(name_of(node), f"node/{node.name}", node.addresses, (NOBODY_LISTENS,), node=node)


def _outside(snapshot: Snapshot) -> Iterator[Place]:
    """List hosts to try; those that a policy speaks of by name are known by it, and looked up before."""
    patterns = Vocabulary(snapshot.policies).domains
    for host in HOSTS:
        named = tuple(name for name in host.names if any(name_covers(pattern, name) for pattern in patterns))
        if named or host.names[0] in _HOSTS_TRIED:
            ports = ((Protocol.TCP, 80), *([(Protocol.UDP, 53)] if host.serves_dns else []))
            families = {family_of(one): one for one in reversed([*map(parse_address, host.addresses)])}
            name = (*named, *host.names)[0]
            yield Place(name, OUTSIDE, tuple(families.values()), ports, domains=named)


def _around(directory: Directory, namespaces: tuple[str | None, str | None]) -> Snapshot:
    """Leave only the policies of two namespaces and those of the cluster; nodes and namespaces all stay."""
    wanted = (None, *namespaces)
    policies = (policy for policy in directory.snapshot.policies if policy.ref.namespace in wanted)
    return directory.snapshot.with_policies(policies)


def _resolves(directory: Directory, source: Place, resolvers: Sequence[Pod]) -> bool:
    """Tell whether a place may ask cluster DNS; who may not is never told which host has which address."""
    if source.pod is None:
        return True
    around = _around(directory, (source.namespace, "kube-system"))
    flows = (_to_resolver(source, resolver) for resolver in resolvers)
    return all(flow is not None and decide(around, flow).allowed for flow in flows)


def _to_resolver(source: Place, resolver: Pod) -> Flow | None:
    """Give the question to a resolver: in a lab pods are told the IPv4 address of DNS."""
    own, its = (
        next((one for one in addresses if family_of(one) is Family.IPV4), None)
        for addresses in (source.addresses, resolver.addresses)
    )
    if own is None or its is None:
        return None
    return Flow(source.end(own), End(pod=resolver, address=its), Protocol.UDP, _DNS_PORT)


def _asked(near: Snapshot, source: Place, destination: Place, *, resolves: bool) -> Iterator[Question]:
    for address in destination.addresses:
        own = next((one for one in source.addresses if family_of(one) is family_of(address)), None)
        if own is None:
            continue
        for protocol, port in destination.ports:
            flow = Flow(source.end(own), destination.end(address), protocol, port)
            known_as = [End(domain=name, address=address) for name in destination.domains] if resolves else []
            named = (msgspec.structs.replace(flow, destination=end) for end in known_as)
            allowed = any(decide(near, one).allowed for one in (flow, *named))
            yield Question(
                place=source.network,
                source=source.name,
                destination=destination.name,
                address=format_address(address),
                protocol=protocol,
                port=port,
                expected=allowed,
                from_address=format_address(own) if source.network == OUTSIDE else "",
                hosts=destination.domains if source.pod is not None else (),
            )


def name_of(party: Party) -> str:
    """Name an end as people do."""
    return f"{party.namespace}/{party.name}" if isinstance(party, Pod) else f"node/{getattr(party, 'name', '')}"


def by_source(asked: Sequence[Question]) -> dict[tuple[str, str], list[int]]:
    """Group questions by the place and address that they are tried from; gives their numbers."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, question in enumerate(asked):
        found[question.place, question.from_address].append(number)
    return found
