"""Random small clusters in which every corner of the semantics comes up, each from a seed of its own.

The pools are small on purpose: few labels, ports and addresses meet often, many would pass each other by.
``corners`` says which corners there are, and a test that each of them is reached.
"""

from __future__ import annotations

from random import Random

from podfence.model.labels import NAMESPACE_NAME_LABEL, Operator, Requirement, Selector, label_set, selector
from podfence.model.net import ALL_ADDRESSES, AddressRange, Protocol, parse_address, parse_cidr, subtract
from podfence.model.objects import NamedPort, Namespace, Node, ObjectRef, Pod
from podfence.model.policy import (
    Action,
    AddressPeer,
    DomainPeer,
    NodePeer,
    Peer,
    PodPeer,
    Policy,
    PortMatch,
    PortName,
    PortRange,
    Rule,
    Tier,
    Unreadable,
)
from podfence.model.snapshot import Snapshot

KEYS = ("app", "tier")
VALUES = ("a", "b", "")
NAMESPACES = ("one", "two", "three")
NODES = ("n1", "n2")
PORT_NAMES = ("http", "dns")
PROTOCOLS = (Protocol.TCP, Protocol.TCP, Protocol.UDP, Protocol.SCTP)
PORTS = (1, 53, 80, 81, 443, 65535)
DOMAINS = ("example.com", "*.example.com", "api.example.com", "*.api.example.com", "v1.api.example.com")
POD_ADDRESSES = (
    "10.0.0.1",
    "10.0.0.2",
    "10.1.0.1",
    "192.168.0.1",
    "8.8.8.8",
    "fd00::1",
    "fd00::2",
    "2600::1",
)
NODE_ADDRESSES = ("172.16.0.1", "172.16.0.2", "203.0.113.1", "fd01::1")
CIDRS = (
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.0.0.0/16",
    "10.0.0.1/32",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "8.0.0.0/8",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "::/0",
    "fd00::/8",
    "2000::/3",
)
POD_RANGES = (
    (parse_cidr("10.0.0.0/8"), parse_cidr("172.16.0.0/12"), parse_cidr("192.168.0.0/16")),
    (parse_cidr("10.0.0.0/16"),),
    (parse_cidr("10.0.0.0/16"), parse_cidr("fd00::/64")),
    (parse_cidr("fd00::/64"),),
    (),
)
CLUSTER_KINDS = ("AdminNetworkPolicy", "ClusterNetworkPolicy")


def random_cluster(seed: int) -> Snapshot:
    """Make a cluster of up to six pods, two nodes and six policies."""
    rng = Random(seed)
    namespaces = tuple(Namespace(name, label_set({**_labels(rng), NAMESPACE_NAME_LABEL: name})) for name in NAMESPACES)
    nodes = tuple(
        Node(name, label_set(_labels(rng)), _sample_addresses(rng, NODE_ADDRESSES))
        for name in NODES[: rng.randrange(3)]
    )
    pods = tuple(_pod(rng, f"p{number}") for number in range(rng.choice((1, 2, 3, 3, 4, 4, 5, 6))))
    return Snapshot(
        namespaces=namespaces,
        nodes=nodes,
        pods=pods,
        policies=_policies(rng),
        pod_ranges=rng.choice(POD_RANGES),
    )


def _policies(rng: Random) -> tuple[Policy, ...]:
    """Make policies whose order of names is not the order in which they stand, many of them of one sort or mixed."""
    names = [f"policy{number}" for number in range(rng.randint(0, 6))]
    rng.shuffle(names)
    share = rng.choice((0.2, 0.6, 0.8))
    return tuple(_network_policy(rng, name) if rng.random() < share else _cluster_policy(rng, name) for name in names)


def _labels(rng: Random) -> dict[str, str]:
    return {key: rng.choice(VALUES) for key in KEYS if rng.random() < 0.6}


def _sample_addresses(rng: Random, pool: tuple[str, ...]) -> tuple[int, ...]:
    count = rng.choice((0, 1, 1, 2, 2))
    return tuple(sorted(parse_address(text) for text in rng.sample(pool, count)))


def _pod(rng: Random, name: str) -> Pod:
    named = {
        NamedPort(rng.choice(PORT_NAMES), rng.choice(PROTOCOLS), rng.choice(PORTS)) for _ in range(rng.randrange(4))
    }
    return Pod(
        namespace=rng.choice(NAMESPACES),
        name=name,
        labels=label_set(_labels(rng)),
        named_ports=tuple(sorted(named, key=lambda port: (port.name, port.protocol.value, port.number))),
        addresses=_sample_addresses(rng, POD_ADDRESSES) if rng.random() < 0.5 else (),
        node=rng.choice((None, *NODES)),
        host_network=rng.random() < 0.2,
        workload=("Pod", name),
        count=rng.choice((1, 1, 1, 3)),
    )


def _selector(rng: Random) -> Selector:
    if rng.random() < 0.3:
        return Selector()
    if rng.random() < 0.1:
        return selector(_labels(rng), _requirement(rng))
    if rng.random() < 0.5:
        return selector({rng.choice(KEYS): rng.choice(VALUES)})
    return selector({}, _requirement(rng))


def _requirement(rng: Random) -> Requirement:
    operator = rng.choice(tuple(Operator))
    values = tuple(rng.sample(VALUES, rng.randint(1, 2))) if operator in (Operator.IN, Operator.NOT_IN) else ()
    return Requirement(rng.choice(KEYS), operator, values)


def _namespace_selector(rng: Random) -> Selector:
    if rng.random() < 0.3:
        return selector({NAMESPACE_NAME_LABEL: rng.choice(NAMESPACES)})
    return _selector(rng)


def _cluster_policy(rng: Random, name: str) -> Policy:
    tier = rng.choice((Tier.ADMIN, Tier.BASELINE))
    subject: PodPeer | Unreadable = PodPeer(None, _namespace_selector(rng), _selector(rng))
    if rng.random() < 0.4:
        subject = PodPeer(None, Selector(), Selector())
    if rng.random() < 0.05:
        subject = Unreadable("subject")
    directions = rng.choice(((1, 0), (0, 1), (1, 1)))
    return Policy(
        ObjectRef(rng.choice(CLUSTER_KINDS), None, name),
        tier,
        rng.randrange(2),
        subject,
        _rules(rng, None, "ingress", tuple(Action)) if directions[0] else None,
        _rules(rng, None, "egress", tuple(Action)) if directions[1] else None,
    )


def _network_policy(rng: Random, name: str) -> Policy:
    namespace = rng.choice(NAMESPACES)
    subject: PodPeer | Unreadable = PodPeer(namespace, None, _selector(rng))
    if rng.random() < 0.05:
        subject = Unreadable("subject")
    directions = rng.choice(((1, 0), (0, 1), (1, 1)))
    return Policy(
        ObjectRef("NetworkPolicy", namespace, name),
        Tier.NETWORK_POLICY,
        0,
        subject,
        _rules(rng, namespace, "ingress", (Action.ACCEPT,)) if directions[0] else None,
        _rules(rng, namespace, "egress", (Action.ACCEPT,)) if directions[1] else None,
    )


def _rules(rng: Random, namespace: str | None, direction: str, actions: tuple[Action, ...]) -> tuple[Rule, ...]:
    return tuple(_rule(rng, namespace, direction, number, actions) for number in range(rng.randrange(4)))


def _rule(rng: Random, namespace: str | None, direction: str, number: int, actions: tuple[Action, ...]) -> Rule:
    egress = direction == "egress"
    peers: tuple[Peer, ...] | None = tuple(_peer(rng, namespace, egress=egress) for _ in range(rng.randint(1, 3)))
    ports: tuple[PortMatch, ...] | None = tuple(_port(rng, cluster=namespace is None) for _ in range(rng.randint(1, 2)))
    kind = rng.random()
    if kind < 0.15:
        peers = None
    elif kind < 0.3 and (namespace is not None or egress):
        peers = _block_and_its_hole(rng)
        ports = (PortName(rng.choice(PORT_NAMES), rng.choice(PROTOCOLS)),) if rng.random() < 0.6 else ports
    if rng.random() < 0.4:
        ports = None
    return Rule(
        action=rng.choice(actions),
        peers=peers,
        ports=ports,
        path=f"spec.{direction}[{number}]",
        peers_field="to" if egress else "from",
        ports_field="ports",
    )


def _block_and_its_hole(rng: Random) -> tuple[Peer, ...]:
    """Make two blocks that only together hold all the addresses around a hole."""
    hole = parse_cidr(rng.choice(("10.0.0.0/17", "10.0.0.0/9", "172.16.0.0/12", "fd00::/65")))
    outer = next(piece for piece in ALL_ADDRESSES if hole.first in piece)
    return (AddressPeer(subtract((outer,), (hole,)), "around"), AddressPeer((hole,), "hole"))


def _peer(rng: Random, namespace: str | None, *, egress: bool) -> Peer:
    kind = rng.random()
    if kind < 0.05:
        return Unreadable("peer")
    if kind < 0.5 if namespace is not None else kind < 0.3 or not egress:
        own = namespace is not None and rng.random() < 0.4
        return PodPeer(namespace if own else None, None if own else _namespace_selector(rng), _selector(rng))
    if namespace is None and kind < 0.5:
        return NodePeer(_selector(rng))
    if namespace is None and kind < 0.8:
        return DomainPeer(tuple(rng.sample(DOMAINS, rng.randint(1, 2))))
    return AddressPeer(_ranges(rng), "cidr")


def _ranges(rng: Random) -> tuple[AddressRange, ...]:
    outer = parse_cidr(rng.choice(CIDRS))
    holes = [parse_cidr(text) for text in CIDRS if rng.random() < 0.2]
    return subtract(
        (outer,),
        [hole for hole in holes if outer.first <= hole.first and hole.last <= outer.last and hole != outer],
    )


def _port(rng: Random, *, cluster: bool) -> PortMatch:
    kind = rng.random()
    protocol = rng.choice(PROTOCOLS)
    if kind < 0.08:
        return Unreadable("port")
    if kind < 0.35:
        return PortName(rng.choice(PORT_NAMES), None if cluster else protocol)
    if kind < 0.5:
        return PortRange(protocol, 1, 65535)
    first, last = sorted((rng.choice(PORTS), rng.choice(PORTS)))
    return PortRange(protocol, first, last if rng.random() < 0.5 else first)
