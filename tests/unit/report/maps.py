"""A small shop for the tests of the map's formats: isolated, not isolated, reached from outside, and never."""

from __future__ import annotations

from podfence.engine.connectivity import Connectivity
from podfence.engine.endpoints import Grouping
from podfence.engine.excerpt import Excerpt
from podfence.model.labels import NAMESPACE_NAME_LABEL, Labels, label_set, selector
from podfence.model.net import Protocol, parse_cidr
from podfence.model.objects import Namespace, ObjectRef, Pod
from podfence.model.policy import Action, AddressPeer, Peer, PodPeer, Policy, PortRange, Rule, Tier
from podfence.model.snapshot import Snapshot


def namespace(name: str) -> Namespace:
    """Make a namespace."""
    return Namespace(name, label_set({NAMESPACE_NAME_LABEL: name}))


def deployment(place: str, name: str, count: int = 1) -> Pod:
    """Make the pods of a Deployment without Pod objects."""
    labels: Labels = label_set({"app": name})
    return Pod(place, name, labels, workload=("Deployment", name), count=count, from_template=True)


def ingress(place: str, name: str, *rules: Rule) -> Policy:
    """Isolate an app for ingress but for some rules."""
    subject = PodPeer(place, None, selector({"app": name}))
    return Policy(ObjectRef("NetworkPolicy", place, name), Tier.NETWORK_POLICY, 0, subject, rules, None)


def accept(port: int | None, *peers: Peer) -> Rule:
    """Accept TCP on one port, or everything, from some peers or from anybody."""
    ports = None if port is None else (PortRange(Protocol.TCP, port, port),)
    return Rule(Action.ACCEPT, peers or None, ports, "spec.ingress[0]", "from", "ports")


def app(place: str, name: str) -> PodPeer:
    """Name an app as a peer."""
    return PodPeer(place, None, selector({"app": name}))


def shop() -> Snapshot:
    """Make the shop: the front is open on 8080, the cart to the front, the vault to nobody, tools are free."""
    return Snapshot(
        namespaces=(namespace("ops"), namespace("shop")),
        pods=(
            deployment("ops", "tools"),
            deployment("shop", "cart", 2),
            deployment("shop", "front"),
            deployment("shop", "vault"),
        ),
        policies=(
            ingress("shop", "cart", accept(7070, app("shop", "front"))),
            ingress("shop", "front", accept(8080), accept(9090, AddressPeer((parse_cidr("203.0.113.0/24"),), "b"))),
            ingress("shop", "vault"),
        ),
    )


def excerpt(snapshot: Snapshot | None = None, grouping: Grouping = Grouping.WORKLOAD) -> Excerpt:
    """Make the whole map of a snapshot, the shop's by default."""
    return Excerpt(Connectivity(shop() if snapshot is None else snapshot, grouping))
