"""Decide one connection, the way the API documentation tells it.

This is the oracle: no index, no bitset, no short cut that a reader would have to believe. ``reach`` is fast,
and a property test holds the two equal. Where the documentation is silent, the corners are decided as
``docs/semantics.md`` says.

A connection has two sides. The policies that select the source judge its egress, the policies that select the
destination judge its ingress, and it is allowed only if both sides allow it. On each side the Admin tier speaks
first, then the NetworkPolicies, then the Baseline tier, and what nobody decides is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from podfence.engine.fail_closed import closed_rules, closed_subject
from podfence.model.labels import Selector
from podfence.model.net import covers
from podfence.model.objects import Node, Pod
from podfence.model.policy import (
    Action,
    AddressPeer,
    Direction,
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
)
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import DecidedIn, End, Flow, SideVerdict, Verdict

OWN_NODE = "traffic from the pod's own node is always allowed"
PERHAPS_PASSED = "the other end runs on a node that nobody knows, and this pass may be meant for it"
ITSELF = "a pod can always reach itself"


def decide(snapshot: Snapshot, flow: Flow) -> Verdict:
    """Judge one connection between two ends whose addresses are given."""
    return Verdict(
        flow,
        egress=decide_side(snapshot, flow, Direction.EGRESS),
        ingress=decide_side(snapshot, flow, Direction.INGRESS),
    )


def decide_side(snapshot: Snapshot, flow: Flow, direction: Direction) -> SideVerdict:
    """Judge one side: what the policies that select this end say about the other end."""
    subject, _ = _ends(flow, direction)
    if not is_governed(subject):
        return SideVerdict(direction, allowed=True, tier=DecidedIn.NOT_APPLICABLE)
    policies = policies_on(snapshot, subject.pod, direction)
    isolated_by = tuple(policy for policy in policies if policy.tier is Tier.NETWORK_POLICY)
    if flow.to_itself:
        return SideVerdict(direction, allowed=True, tier=DecidedIn.DEFAULT, isolated_by=isolated_by, reason=ITSELF)
    if direction is Direction.INGRESS and is_own_node(flow.source, subject.pod):
        return SideVerdict(direction, allowed=True, tier=DecidedIn.DEFAULT, isolated_by=isolated_by, reason=OWN_NODE)
    return (
        _ordered_tier(snapshot, Tier.ADMIN, policies, isolated_by, flow, direction)
        or _network_policy_tier(snapshot, isolated_by, flow, direction)
        or _ordered_tier(snapshot, Tier.BASELINE, policies, isolated_by, flow, direction)
        or SideVerdict(direction, allowed=True, tier=DecidedIn.DEFAULT, isolated_by=isolated_by)
    )


def is_governed(end: End) -> bool:
    """Tell whether policies can select this end: only pods that have a network of their own."""
    return end.pod is not None and not end.pod.host_network


def is_own_node(source: End, pod: Pod | None) -> bool:
    """Tell whether traffic comes from the node that the pod runs on, hostNetwork pods there included."""
    if pod is None or pod.node is None:
        return False
    if source.node is not None:
        return source.node.name == pod.node
    return source.pod is not None and source.pod.host_network and source.pod.node == pod.node


def policies_on(snapshot: Snapshot, pod: Pod | None, direction: Direction) -> list[Policy]:
    """List the policies that select a pod and say something about a direction, in the order of evaluation."""
    if pod is None:
        return []
    labels = dict(pod.labels)
    found = [
        policy
        for policy in snapshot.policies
        if policy.rules(direction) is not None and _selects(snapshot, closed_subject(policy), pod, labels)
    ]
    return sorted(found, key=lambda policy: policy.order)


def _ordered_tier(
    snapshot: Snapshot,
    tier: Tier,
    policies: Iterable[Policy],
    isolated_by: tuple[Policy, ...],
    flow: Flow,
    direction: Direction,
) -> SideVerdict | None:
    """Let the first rule that matches decide; ``None`` hands over to the next tier.

    In the Baseline tier only for ends that no NetworkPolicy isolates, per direction: the NetworkPolicy tier has
    decided for the others already.
    """
    for policy, rule in _rules(policies, tier, direction):
        passes = rule.action is Action.PASS
        if matches(snapshot, rule, flow, direction):
            if passes:
                return None
            allowed = rule.action is Action.ACCEPT
            return SideVerdict(direction, allowed, DecidedIn(tier.value), isolated_by, policy, rule)
        if passes and matches(snapshot, rule, flow, direction, unsure=True):
            # Nobody can tell whether the next tier or the next rule is meant to decide.
            return SideVerdict(
                direction,
                allowed=False,
                tier=DecidedIn(tier.value),
                isolated_by=isolated_by,
                policy=policy,
                rule=rule,
                reason=PERHAPS_PASSED,
            )
    return None


def _network_policy_tier(
    snapshot: Snapshot, isolated_by: tuple[Policy, ...], flow: Flow, direction: Direction
) -> SideVerdict | None:
    """Allow what any rule of any policy allows; deny the rest once a policy isolates the end."""
    if not isolated_by:
        return None
    for policy, rule in _rules(isolated_by, Tier.NETWORK_POLICY, direction):
        if matches(snapshot, rule, flow, direction):
            return SideVerdict(
                direction,
                allowed=True,
                tier=DecidedIn.NETWORK_POLICY,
                isolated_by=isolated_by,
                policy=policy,
                rule=rule,
            )
    return SideVerdict(direction, allowed=False, tier=DecidedIn.NETWORK_POLICY, isolated_by=isolated_by)


def _rules(policies: Iterable[Policy], tier: Tier, direction: Direction) -> Iterator[tuple[Policy, Rule]]:
    for policy in policies:
        if policy.tier is tier:
            for rule in closed_rules(policy, direction) or ():
                yield policy, rule


def matches(snapshot: Snapshot, rule: Rule, flow: Flow, direction: Direction, *, unsure: bool | None = None) -> bool:
    """Tell whether a rule speaks of this connection: one of its peers and one of its ports must match.

    A rule without peers speaks of everybody, one without ports of all traffic of every protocol. ``unsure`` says
    whether a peer counts that only may mean the other end; by default it does for a deny.
    """
    _, other = _ends(flow, direction)
    counts = rule.action is Action.DENY if unsure is None else unsure
    return (rule.peers is None or any(peer_matches(snapshot, peer, other, deny=counts) for peer in rule.peers)) and (
        rule.ports is None or any(port_matches(port, flow) for port in rule.ports)
    )


def peer_matches(snapshot: Snapshot, peer: Peer, end: End, *, deny: bool = False) -> bool:
    """Tell whether a peer means this end.

    A hostNetwork pod is its node: no label of its own finds it, an address or a node's label does. Where the
    node is not known, only a selector for all nodes surely finds it, and a deny finds it in any case.
    """
    match peer:
        case PodPeer():
            return end.pod is not None and is_governed(end) and _selects(snapshot, peer, end.pod, dict(end.pod.labels))
        case AddressPeer():
            return end.address is not None and covers(peer.ranges, end.address)
        case NodePeer():
            node = _node_of(snapshot, end)
            if node is not None:
                return peer.selector.matches(dict(node.labels))
            on_some_node = end.pod is not None and end.pod.host_network
            return on_some_node and (deny or peer.selector == Selector())
        case DomainPeer():
            return end.domain is not None and any(name_covers(name, end.domain) for name in peer.names)
        case _:
            return deny


def port_matches(port: PortMatch, flow: Flow) -> bool:
    """Tell whether a port item means the destination port of a connection.

    A name is looked up among the container ports of the destination pod, whichever side the rule stands on.
    """
    match port:
        case PortRange():
            return port.protocol is flow.protocol and port.first <= flow.port <= port.last
        case PortName() if is_governed(flow.destination) and flow.destination.pod is not None:
            return any(
                declared.name == port.name
                and declared.number == flow.port
                and declared.protocol is flow.protocol
                and port.protocol in (None, declared.protocol)
                for declared in flow.destination.pod.named_ports
            )
        case _:
            return False


def selects(peer: PodPeer, namespace: str, namespace_labels: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Tell whether a peer or subject means a pod that has a network of its own, by its namespace and labels."""
    if peer.namespace is not None:
        return peer.namespace == namespace and peer.pod_selector.matches(labels)
    return peer.pod_selector.matches(labels) and (peer.namespace_selector or Selector()).matches(namespace_labels)


def name_covers(pattern: str, name: str) -> bool:
    """Tell whether a domain name pattern covers a name, or all names of another pattern.

    ``*.`` stands for one or more whole labels, never for none (facts: semantics 3.5).
    """
    if not pattern.startswith("*."):
        return pattern == name
    suffix = pattern[1:]
    return name == pattern or (name.endswith(suffix) and len(name) > len(suffix))


def _ends(flow: Flow, direction: Direction) -> tuple[End, End]:
    """Name the end that is judged and the other one."""
    if direction is Direction.EGRESS:
        return flow.source, flow.destination
    return flow.destination, flow.source


def _selects(snapshot: Snapshot, peer: PodPeer, pod: Pod, labels: dict[str, str]) -> bool:
    if pod.host_network:
        return False
    in_namespace = {} if peer.namespace is not None else _namespace_labels(snapshot, pod.namespace)
    return selects(peer, pod.namespace, in_namespace, labels)


def _namespace_labels(snapshot: Snapshot, name: str) -> dict[str, str]:
    return next((dict(item.labels) for item in snapshot.namespaces if item.name == name), {})


def _node_of(snapshot: Snapshot, end: End) -> Node | None:
    if end.node is not None:
        return end.node
    if end.pod is None or not end.pod.host_network:
        return None
    return next((node for node in snapshot.nodes if node.name == end.pod.node), None)
