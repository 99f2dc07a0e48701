"""Made-up clusters of any size, the same for the same seed, as a snapshot and as the text that kubectl would print.

Meant to be hard: labels that policies use are spread over many values, a good share of the pods is isolated,
blocks have excepts, ports come as numbers, ranges and names, and an admin tier stands above it all.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import msgspec

from podfence.model.labels import (
    EVERYTHING,
    NAMESPACE_NAME_LABEL,
    Labels,
    Operator,
    Requirement,
    Selector,
    label_set,
    selector,
)
from podfence.model.net import Protocol, parse_cidr, subtract
from podfence.model.objects import NamedPort, Namespace, ObjectRef, Pod
from podfence.model.policy import Action, AddressPeer, Peer, PodPeer, Policy, PortMatch, PortName, PortRange, Rule, Tier
from podfence.model.snapshot import Snapshot

TEAMS = 40
APPS = 3000
TIERS = ("web", "api", "worker", "db", "cache")
ZONES = ("a", "b", "c")


class Shape(msgspec.Struct, frozen=True):
    """How large a cluster is, and how alike its pods are (``unique``: nearly every pod has labels of its own).

    ``replicas`` is how many pods a workload has.
    """

    pods: int
    policies: int
    namespaces: int
    unique: bool = False
    seed: int = 7
    replicas: int = 8

    @property
    def name(self) -> str:
        """Name the shape in tables."""
        kind = "unique labels" if self.unique else f"{self.replicas} replicas"
        return f"{self.pods:,} pods x {self.policies:,} policies ({kind})"


def snapshot(shape: Shape) -> Snapshot:
    """Make the cluster as the engine sees it."""
    rng = Random(shape.seed)
    names = [f"ns-{number:04d}" for number in range(shape.namespaces)]
    namespaces = tuple(
        Namespace(
            name,
            label_set({NAMESPACE_NAME_LABEL: name, "team": f"team-{number % TEAMS}", "zone": ZONES[number % 3]}),
        )
        for number, name in enumerate(names)
    )
    pods = tuple(sorted(_pods(shape, names, rng), key=lambda pod: (pod.namespace, pod.name)))
    policies = (*_network_policies(shape, names, pods, rng), *_admin_policies(rng))
    return Snapshot(namespaces=namespaces, pods=pods, policies=policies)


def _pods(shape: Shape, names: list[str], rng: Random) -> Iterator[Pod]:
    templates: dict[int, tuple[Labels, tuple[NamedPort, ...], str]] = {}
    workloads = max(1, shape.pods // shape.replicas)
    for number in range(shape.pods):
        workload = number if shape.unique else number % workloads
        namespace = names[workload % len(names)]
        if workload not in templates:
            app = f"app-{rng.randrange(APPS)}"
            labels = {"app": app, "tier": rng.choice(TIERS), "version": f"v{rng.randrange(3)}"}
            if shape.unique:
                labels |= {f"feature-{rng.randrange(60)}": "on" for _ in range(4)}
            ports = (
                NamedPort("http", Protocol.TCP, rng.choice((8080, 8080, 8000, 3000))),
                NamedPort("metrics", Protocol.TCP, 9090),
            )
            templates[workload] = (label_set({**labels, "pod-template-hash": f"{workload:x}"}), ports, app)
        labels_of, ports_of, app_of = templates[workload]
        address = (10 << 24) + 65536 + number
        yield Pod(
            namespace=namespace,
            name=f"{app_of}-{workload:x}-{number:x}",
            labels=labels_of,
            named_ports=ports_of,
            addresses=(address,),
            node=f"node-{number % 500:03d}",
            workload=("Deployment", f"{app_of}-{workload:x}"),
        )


def _network_policies(shape: Shape, names: list[str], pods: tuple[Pod, ...], rng: Random) -> Iterator[Policy]:
    by_namespace: dict[str, list[Pod]] = {name: [] for name in names}
    for pod in pods:
        by_namespace[pod.namespace].append(pod)
    denied = {name for name in names if rng.random() < 0.7}
    for number in range(shape.policies):
        namespace = names[number % len(names)]
        first = number < len(names)
        if first and namespace in denied:
            yield _policy(namespace, "default-deny", selector({}), (), ())
            continue
        here = by_namespace[namespace]
        subject = dict(rng.choice(here).labels) if here else {"app": "nobody"}
        keys = rng.choice((("app",), ("app", "tier"), ("tier",), ("app", "version")))
        chosen = selector({key: subject[key] for key in keys if key in subject})
        ingress = tuple(_rule(namespace, here, rng, "ingress", index) for index in range(rng.randint(1, 2)))
        egress = tuple(_rule(namespace, here, rng, "egress", index) for index in range(rng.randint(0, 2)))
        yield _policy(namespace, f"policy-{number}", chosen, ingress, egress or None)


def _policy(
    namespace: str, name: str, chosen: Selector, ingress: tuple[Rule, ...], egress: tuple[Rule, ...] | None
) -> Policy:
    return Policy(
        ObjectRef("NetworkPolicy", namespace, name),
        Tier.NETWORK_POLICY,
        0,
        PodPeer(namespace, None, chosen),
        ingress,
        egress,
    )


def _rule(namespace: str, here: list[Pod], rng: Random, direction: str, index: int) -> Rule:
    return Rule(
        Action.ACCEPT,
        tuple(_peer(namespace, here, rng) for _ in range(rng.randint(1, 2))),
        None if rng.random() < 0.1 else tuple(_port(rng) for _ in range(rng.randint(1, 3))),
        f"spec.{direction}[{index}]",
        "from" if direction == "ingress" else "to",
        "ports",
    )


def _peer(namespace: str, here: list[Pod], rng: Random) -> Peer:
    kind = rng.random()
    if kind < 0.4:
        labels = dict(rng.choice(here).labels) if here else {"app": "nobody"}
        return PodPeer(namespace, None, selector({"app": labels["app"]}))
    if kind < 0.6:
        return PodPeer(None, selector({"team": f"team-{rng.randrange(TEAMS)}"}), EVERYTHING)
    if kind < 0.75:
        wanted = Requirement("tier", rng.choice((Operator.IN, Operator.NOT_IN)), (rng.choice(TIERS),))
        return PodPeer(None, selector({"team": f"team-{rng.randrange(TEAMS)}"}), selector({}, wanted))
    if kind < 0.85:
        return PodPeer(namespace, None, EVERYTHING)
    outer = f"{rng.choice((52, 93, 104, 185))}.{rng.randrange(8) * 32}.0.0/16"
    inner = outer.replace(".0.0/16", f".{rng.randrange(2) * 128}.0/24")
    ranges = subtract((parse_cidr(outer),), (parse_cidr(inner),))
    return AddressPeer(ranges, f"{outer} except {inner}")


def _port(rng: Random) -> PortMatch:
    kind = rng.random()
    if kind < 0.25:
        return PortName(rng.choice(("http", "metrics")), Protocol.TCP)
    if kind < 0.4:
        return PortRange(Protocol.TCP, 30000, rng.choice((30100, 32767)))
    if kind < 0.5:
        return PortRange(Protocol.UDP, 53, 53)
    number = rng.choice((80, 443, 3000, 3306, 5432, 6379, 8000, 8080, 8443, 9090, 9092, 27017))
    return PortRange(Protocol.TCP, number, number)


def _admin_policies(rng: Random) -> Iterator[Policy]:
    for number in range(20):
        subject = PodPeer(None, selector({"team": f"team-{number * 2}"}), EVERYTHING)
        monitoring = PodPeer(None, selector({"team": "team-1"}), selector({"tier": "worker"}))
        others = PodPeer(None, selector({"zone": rng.choice(ZONES)}), EVERYTHING)
        metadata = AddressPeer((parse_cidr("169.254.169.254/32"),), "169.254.169.254/32")
        scrape = (PortRange(Protocol.TCP, 9090, 9090),)
        ingress = (
            _ordered(Action.ACCEPT, (monitoring,), scrape, "ingress", 0),
            _ordered(rng.choice((Action.DENY, Action.PASS)), (others,), None, "ingress", 1),
        )
        egress = (_ordered(Action.DENY, (metadata,), None, "egress", 0),)
        tier = Tier.BASELINE if number % 4 == 3 else Tier.ADMIN
        yield Policy(ObjectRef("ClusterNetworkPolicy", None, f"rail-{number}"), tier, number, subject, ingress, egress)


def _ordered(
    action: Action, peers: tuple[Peer, ...], ports: tuple[PortMatch, ...] | None, direction: str, index: int
) -> Rule:
    field = "from" if direction == "ingress" else "to"
    return Rule(action, peers, ports, f"spec.{direction}[{index}]", field, "protocols")
