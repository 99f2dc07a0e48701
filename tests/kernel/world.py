"""A small cluster for tests with packets: four pods on the node, an outside, and short words for policies."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from itertools import count

import msgspec

from podfence.dataplane.compiler import compile_snapshot
from podfence.dataplane.enforcer import Enforcer
from podfence.dataplane.runner import Runner
from podfence.dataplane.settings import Settings
from podfence.model.labels import EVERYTHING, NAMESPACE_NAME_LABEL, Selector, label_set, selector
from podfence.model.net import Family, Protocol, parse_address, parse_cidr
from podfence.model.objects import NamedPort, Namespace, Node, ObjectRef, Pod
from podfence.model.policy import (
    Action,
    AddressPeer,
    Peer,
    PodPeer,
    Policy,
    PortMatch,
    PortName,
    PortRange,
    Rule,
    Tier,
)
from podfence.model.snapshot import Snapshot
from tests.kernel.forest import Forest, probe
from tests.kernel.forest import Namespace as Place

FAMILIES = tuple(Family)
ADDRESSES = {
    "web": ("10.9.0.1", "fd09::1"),
    "api": ("10.9.0.2", "fd09::2"),
    "db": ("10.9.0.3", "fd09::3"),
    "late": ("10.9.0.4", "fd09::4"),
    "node": ("10.9.255.254", "fd09::ffff"),
    "outside": ("203.0.113.9", "2001:db8::9"),
}
PODS = ("web", "api", "db", "late")
POD_CIDRS = (parse_cidr("10.9.0.0/16"), parse_cidr("fd09::/64"))
NODE = "n1"


def address(name: str, family: Family = Family.IPV4) -> int:
    return parse_address(ADDRESSES[name][FAMILIES.index(family)])


def pod(name: str, namespace: str = "shop", **changes: object) -> Pod:
    """Make a pod with the label ``app`` and two named ports."""
    plain = Pod(
        namespace,
        name,
        label_set({"app": name}),
        (NamedPort("http", Protocol.TCP, 8080), NamedPort("http", Protocol.UDP, 5353)),
        tuple(address(name, family) for family in FAMILIES) if name in ADDRESSES else (),
        NODE,
        workload=("Pod", name),
    )
    return msgspec.structs.replace(plain, **changes)


def cluster(*policies: Policy, pods: Iterable[Pod] | None = None) -> Snapshot:
    """Make a snapshot of pods (web, api and db) and policies."""
    found = tuple(pods) if pods is not None else tuple(pod(name) for name in PODS[:3])
    names = sorted({"shop", "other", *(item.namespace for item in found)})
    return Snapshot(
        namespaces=tuple(Namespace(name, label_set({NAMESPACE_NAME_LABEL: name, "team": name})) for name in names),
        nodes=(Node(NODE, (), tuple(address("node", family) for family in FAMILIES)),),
        pods=found,
        policies=policies,
    )


def pods_of(app: str | None = None, namespace: str | None = "shop", **labels: str) -> PodPeer:
    """Mean pods by their app, in a namespace or in all of them."""
    chosen = selector({**({"app": app} if app else {}), **labels})
    return PodPeer(namespace, None if namespace else EVERYTHING, chosen)


def block(*cidrs: str) -> AddressPeer:
    return AddressPeer(tuple(parse_cidr(cidr) for cidr in cidrs), ", ".join(cidrs))


def tcp(first: int, last: int | None = None) -> PortRange:
    return PortRange(Protocol.TCP, first, last or first)


def udp(first: int, last: int | None = None) -> PortRange:
    return PortRange(Protocol.UDP, first, last or first)


def named(name: str, protocol: Protocol | None = Protocol.TCP) -> PortName:
    return PortName(name, protocol)


class Allow(msgspec.Struct):
    """A rule: who, on which ports, and what happens to them."""

    peers: tuple[Peer, ...] | None = None
    ports: tuple[PortMatch, ...] | None = None
    action: Action = Action.ACCEPT


def deny(peers: tuple[Peer, ...] | None = None, ports: tuple[PortMatch, ...] | None = None) -> Allow:
    return Allow(peers, ports, Action.DENY)


def policy(
    name: str,
    app: str | None,
    *,
    ingress: Iterable[Allow] | None = None,
    egress: Iterable[Allow] | None = None,
    namespace: str = "shop",
) -> Policy:
    """Make a NetworkPolicy."""
    chosen = Selector() if app is None else selector({"app": app})
    ref = ObjectRef("NetworkPolicy", namespace, name)
    subject = PodPeer(namespace, None, chosen)
    return Policy(ref, Tier.NETWORK_POLICY, 0, subject, _rules("ingress", ingress), _rules("egress", egress))


def cluster_policy(
    name: str,
    app: str | None,
    *,
    tier: Tier = Tier.ADMIN,
    priority: int = 0,
    ingress: Iterable[Allow] | None = None,
    egress: Iterable[Allow] | None = None,
) -> Policy:
    """Make a ClusterNetworkPolicy."""
    subject = PodPeer(None, EVERYTHING, Selector() if app is None else selector({"app": app}))
    ref = ObjectRef("ClusterNetworkPolicy", None, name)
    return Policy(ref, tier, priority, subject, _rules("ingress", ingress), _rules("egress", egress))


def _rules(word: str, rules: Iterable[Allow] | None) -> tuple[Rule, ...] | None:
    if rules is None:
        return None
    field = "from" if word == "ingress" else "to"
    return tuple(
        Rule(rule.action, rule.peers, rule.ports, f"spec.{word}[{n}]", field, "ports") for n, rule in enumerate(rules)
    )


class World:
    """The cluster with packets: who is where, what is enforced, and who gets through."""

    def __init__(self) -> None:
        self.forest = Forest(len(PODS))
        places = {n: [address(name, family) for family in FAMILIES] for n, name in enumerate(PODS)}
        self.forest.settle_in(places, [address("node", family) for family in FAMILIES])
        self.numbers = count(1)
        self.start()

    def start(self, runner: Runner | None = None) -> None:
        """Begin with an enforcer that knows nothing yet."""
        self.enforcer = Enforcer(runner or self.forest.runner())

    def reset(self) -> None:
        """Take all rules away, of others too, and forget every connection."""
        self.forest.node.run("nft", "flush", "ruleset")
        self.forest.forget_connections()
        self.forest.arrived()
        self.start()

    def enforce(self, *policies: Policy, pods: Iterable[Pod] | None = None, **settings: object) -> None:
        """Enforce policies upon the pods web, api and db, or upon others."""
        self.enforce_snapshot(cluster(*policies, pods=pods), **settings)

    def enforce_snapshot(self, snapshot: Snapshot, **settings: object) -> None:
        """Enforce what a snapshot holds."""
        chosen = msgspec.structs.replace(Settings(NODE), **settings)
        self.enforcer.apply(compile_snapshot(snapshot, chosen))

    def place(self, name: str) -> Place:
        """Give the namespace in which a name lives."""
        if name in PODS:
            return self.forest.pods[PODS.index(name)]
        return self.forest.node if name == "node" else self.forest.outside

    def send(self, source: str, destination: str, port: int, protocol: Protocol, family: Family, **changes: int) -> int:
        """Send what opens a connection; gives the number that it is known by."""
        number = next(self.numbers)
        ends = (address(source, family), address(destination, family))
        data = probe(*ends, protocol, port, number, **changes)
        self.place(source).send(data, ends[1])
        return number

    def passes(self, source: str, destination: str, port: int = 80, protocol: Protocol = Protocol.TCP) -> bool:
        """Tell whether a connection can be opened; it must be the same in both families.

        A node's own process sends something to the same place behind it, which nothing stops: when that has arrived,
        what has not arrived was dropped.
        """
        sent = {family: self.send(source, destination, port, protocol, family) for family in FAMILIES}
        arrived = self.behind(destination)
        answers = {sent[family] in arrived for family in FAMILIES}
        assert len(answers) == 1, f"{source} -> {destination} {protocol} {port}: {sent} of which arrived {arrived}"
        return answers.pop()

    def behind(self, destination: str) -> set[int]:
        """Give all that has arrived before something sent now, that nobody may stop."""
        witness = "node" if destination != "node" else "outside"
        last = {self.send(witness, destination, 9, Protocol.UDP, family) for family in FAMILIES}
        return self.forest.settled(last)

    def open_socket(self, name: str, family: Family, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """Make a socket where a name lives, bound to its address when that is a pod."""
        word = socket.AF_INET if family is Family.IPV4 else socket.AF_INET6
        found = self.place(name).open_socket(word, kind)
        found.settimeout(5)
        return found

    def connected(
        self, source: str, destination: str, port: int, family: Family
    ) -> tuple[socket.socket, socket.socket]:
        """Open a TCP connection; gives both of its ends."""
        text = ADDRESSES[destination][FAMILIES.index(family)]
        with self.open_socket(destination, family) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((text, port))
            listener.listen()
            client = self.open_socket(source, family)
            try:
                client.connect((text, port))
                return client, listener.accept()[0]
            except OSError:
                client.close()
                raise
