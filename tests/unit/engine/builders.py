"""Clusters in a few words, and questions that both evaluators must answer alike.

The standing cast is the one of Kubernetes' own end-to-end tests: namespaces x, y and z with the label ``ns``, in
each of them pods a, b and c with the label ``pod``. Pod a of x is 10.0.1.1, pod b of y 10.0.2.2, and so on; each
declares the ports ``serve-80-tcp``, ``serve-81-udp`` and so on. Policies are written as YAML and read by the
converters, so that a case reads like the manifest it is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from podfence.engine.compile import Program
from podfence.engine.frame import Frame
from podfence.engine.judge import Domain, Outside, Party, judge
from podfence.engine.reach import Reach
from podfence.manifests.convert.cluster_policies import ADMIN, BASELINE_ADMIN, CLUSTER, Dialect, cluster_policy
from podfence.manifests.convert.fields import FieldProblem
from podfence.manifests.convert.network_policies import network_policy
from podfence.model.labels import EVERYTHING, NAMESPACE_NAME_LABEL, label_set
from podfence.model.net import AddressRange, Protocol, parse_address, parse_cidr
from podfence.model.objects import NamedPort, Namespace, Node, ObjectRef, Pod
from podfence.model.policy import Action, DomainPeer, PodPeer, Policy, Rule, Tier
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import Verdict
from tests.properties.pairs import is_own_node

PORT_NUMBERS = (80, 81)
SERVED = tuple(
    NamedPort(f"serve-{number}-{protocol.value.lower()}", protocol, number)
    for protocol in (Protocol.SCTP, Protocol.TCP, Protocol.UDP)
    for number in PORT_NUMBERS
)


def namespace(name: str, **labels: str) -> Namespace:
    """Make a namespace with the label that every namespace has."""
    return Namespace(name, label_set({**labels, NAMESPACE_NAME_LABEL: name}))


def pod(
    where: str,
    labels: Mapping[str, str] | None = None,
    *,
    ip: str = "",
    ports: Iterable[NamedPort] = SERVED,
    node: str | None = None,
    host_network: bool = False,
    count: int = 1,
) -> Pod:
    """Make a pod out of ``NAMESPACE/NAME``; ``ip`` may hold several addresses, none at all means unknown."""
    home, name = where.split("/")
    return Pod(
        namespace=home,
        name=name,
        labels=label_set(labels or {"pod": name}),
        named_ports=tuple(ports),
        addresses=tuple(map(parse_address, ip.split())),
        node=node,
        host_network=host_network,
        workload=("Pod", name),
        count=count,
    )


def node(name: str, ip: str = "", **labels: str) -> Node:
    """Make a node; ``ip`` may hold several addresses."""
    return Node(name, label_set(labels), tuple(map(parse_address, ip.split())))


NAMESPACES = tuple(namespace(name, ns=name) for name in "xyz")
PODS = tuple(
    pod(f"{home}/{name}", ip=f"10.0.{third}.{fourth}")
    for third, home in enumerate("xyz", start=1)
    for fourth, name in enumerate("abc", start=1)
)
EVERY_POD = {"x/a", "x/b", "x/c", "y/a", "y/b", "y/c", "z/a", "z/b", "z/c"}


def np(home: str, spec: str, name: str = "np", *, readable: bool = True) -> Policy:
    """Read the spec of a NetworkPolicy; with ``readable=False`` it must hold something that cannot be read."""
    problems: list[FieldProblem] = []
    ref = ObjectRef("NetworkPolicy", home, name)
    policy = network_policy({"metadata": {}, "spec": yaml.safe_load(spec)}, ref, problems)
    assert bool(problems) is not readable, problems
    return policy


def cnp(spec: str, name: str = "cnp", *, readable: bool = True) -> Policy:
    """Read the spec of a ClusterNetworkPolicy; ``Admin``, priority 10 and all pods unless it says otherwise."""
    defaults = {"tier": "Admin", "priority": 10, "subject": {"namespaces": {}}}
    return _cluster_policy("ClusterNetworkPolicy", CLUSTER, defaults, spec, name, readable=readable)


def anp(spec: str, name: str = "anp") -> Policy:
    """Read the spec of an AdminNetworkPolicy; priority 10 and all pods unless it says otherwise."""
    defaults = {"priority": 10, "subject": {"namespaces": {}}}
    return _cluster_policy("AdminNetworkPolicy", ADMIN, defaults, spec, name)


def banp(spec: str, *, readable: bool = True) -> Policy:
    """Read the spec of the BaselineAdminNetworkPolicy; all pods unless it says otherwise."""
    defaults: dict[str, Any] = {"subject": {"namespaces": {}}}
    return _cluster_policy("BaselineAdminNetworkPolicy", BASELINE_ADMIN, defaults, spec, "default", readable=readable)


def _cluster_policy(
    kind: str, dialect: Dialect, defaults: dict[str, Any], spec: str, name: str, *, readable: bool = True
) -> Policy:
    problems: list[FieldProblem] = []
    value = {"metadata": {}, "spec": {**defaults, **yaml.safe_load(spec)}}
    policy = cluster_policy(value, ObjectRef(kind, None, name), dialect, problems)
    assert bool(problems) is not readable, problems
    return policy


class Cluster:
    """A cluster that answers questions, by both evaluators at once.

    Ends are written ``x/a`` for a pod, ``node/n1``, ``domain/example.com``, or as an address outside; ports
    ``80``, ``80/UDP`` and ``icmp``.
    """

    def __init__(
        self,
        *policies: Policy,
        pods: Iterable[Pod] = PODS,
        nodes: Iterable[Node] = (),
        namespaces: Iterable[Namespace] = NAMESPACES,
        pod_ranges: str = "10.0.0.0/8",
        domains: Iterable[str] = (),
    ) -> None:
        self.snapshot = Snapshot(
            namespaces=tuple(namespaces),
            pods=tuple(pods),
            nodes=tuple(nodes),
            policies=policies,
            pod_ranges=tuple(map(parse_cidr, pod_ranges.split())),
        )
        # A host that no policy names is in no class; this one names it and selects nobody.
        mention = _mention(tuple(domains))
        self._program = Program(Frame(self.snapshot, mention), self.snapshot.policies)
        self._reach = Reach(self._program)

    def verdict(self, source: str, destination: str, port: str = "80") -> Verdict:
        """Judge one connection and see that the rows say the same."""
        a, b = self._party(source), self._party(destination)
        number, _, protocol_name = port.partition("/")
        protocol = Protocol.OTHER if port == "icmp" else Protocol(protocol_name or "TCP")
        numeric = 0 if port == "icmp" else int(number)
        verdict = judge(self.snapshot, a, b, protocol, numeric, to_itself=source == destination)
        if source != destination:
            atom = self._program.ports.find(protocol, numeric)
            row = self._reach.row(self._class_of(a)).reached
            reached = any(mask >> atom & 1 and classes >> self._class_of(b) & 1 for mask, classes in row.items())
            assert (reached or is_own_node(a, b)) is verdict.allowed, "judge and the rows differ"
        return verdict

    def allows(self, source: str, destination: str, port: str = "80") -> bool:
        """Tell whether a connection is allowed."""
        return self.verdict(source, destination, port).allowed

    def who_reaches(self, destination: str, port: str = "80") -> set[str]:
        """List the other pods that may connect to an end."""
        return {name for name in self._names() if name != destination and self.allows(name, destination, port)}

    def reached_from(self, source: str, port: str = "80") -> set[str]:
        """List the other pods that an end may connect to."""
        return {name for name in self._names() if name != source and self.allows(source, name, port)}

    def ports_open(self, source: str, destination: str, *ports: str) -> list[str]:
        """List those of some ports on which a connection is allowed."""
        return [port for port in ports if self.allows(source, destination, port)]

    def _names(self) -> list[str]:
        return [f"{item.namespace}/{item.name}" for item in self.snapshot.pods]

    def _party(self, text: str) -> Party:
        kind, slash, name = text.partition("/")
        if kind == "domain":
            return Domain(name)
        if kind == "node":
            return next(item for item in self.snapshot.nodes if item.name == name)
        if slash:
            return next(item for item in self.snapshot.pods if (item.namespace, item.name) == (kind, name))
        address = parse_address(text)
        return Outside((AddressRange(address, address),))

    def _class_of(self, party: Party) -> int:
        classes = self._program.classes
        match party:
            case Pod():
                return classes.of_pod[self.snapshot.pods.index(party)]
            case Node():
                return classes.of_node[self.snapshot.nodes.index(party)]
            case Outside():
                return classes.first_atom + classes.addresses.atoms.find(party.ranges[0].first)
            case Domain():
                return classes.domains[party.name]


def _mention(domains: tuple[str, ...]) -> list[Policy]:
    nobody = PodPeer("nowhere", None, EVERYTHING)
    rule = Rule(Action.ACCEPT, (DomainPeer(domains),), None, "spec.egress[0]", "to", "protocols")
    ref = ObjectRef("ClusterNetworkPolicy", None, "mention")
    return [Policy(ref, Tier.ADMIN, 0, nobody, None, (rule,))]
