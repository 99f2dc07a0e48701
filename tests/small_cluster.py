"""A small cluster for tests of the dataplane: three pods on a node, their addresses, and short words for policies."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

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
