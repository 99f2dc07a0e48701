"""The corners of the semantics, each as a test of one judged connection: this very thing decided it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from podfence.engine.decide import OWN_NODE, matches, peer_matches, policies_on, port_matches
from podfence.engine.fail_closed import closed_rules
from podfence.engine.judge import Domain, Outside
from podfence.model.labels import Operator, Requirement
from podfence.model.net import Family, Protocol, family_of
from podfence.model.objects import Node, Pod
from podfence.model.policy import (
    Action,
    AddressPeer,
    Direction,
    DomainPeer,
    NodePeer,
    Peer,
    PodPeer,
    PortMatch,
    PortName,
    PortRange,
    Rule,
    Tier,
    Unreadable,
)
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import DecidedIn, End, SideVerdict
from tests.properties.pairs import Asked


class Seen(msgspec.Struct, frozen=True):
    """One side of a judged connection: its end (``subject``), the ``other`` end, and what decided.

    ``peers`` and ``ports`` are those items of the deciding rule that match; ``written`` is that rule before what
    cannot be read was taken out.
    """

    snapshot: Snapshot
    asked: Asked
    side: SideVerdict
    subject: End
    other: End
    peers: tuple[Peer, ...]
    ports: tuple[PortMatch, ...]
    written: Rule | None

    @property
    def rule(self) -> Rule | None:
        """The rule that decided."""
        return self.side.rule

    @property
    def is_in(self) -> bool:
        """Whether this is the side of the destination."""
        return self.side.direction is Direction.INGRESS

    def rules(self, tier: Tier) -> Iterator[Rule]:
        """List the rules of a tier that apply, as they take effect, in their order."""
        for policy in policies_on(self.snapshot, self.subject.pod, self.side.direction):
            if policy.tier is tier:
                yield from closed_rules(policy, self.side.direction) or ()

    def says(self, rule: Rule) -> bool:
        """Tell whether a rule speaks of this connection."""
        return matches(self.snapshot, rule, self.asked.verdict.flow, self.side.direction)


def sides(snapshot: Snapshot, asked: Asked) -> Iterator[Seen]:
    """Look at both sides of a judged connection, those that policies can select."""
    flow = asked.verdict.flow
    for side, subject, other in (
        (asked.verdict.egress, flow.source, flow.destination),
        (asked.verdict.ingress, flow.destination, flow.source),
    ):
        if side.tier is DecidedIn.NOT_APPLICABLE:
            continue
        rule = side.rule
        peers: tuple[Peer, ...] = ()
        ports: tuple[PortMatch, ...] = ()
        written = None
        if rule is not None and side.policy is not None:
            deny = rule.action is Action.DENY
            peers = tuple(peer for peer in rule.peers or () if peer_matches(snapshot, peer, other, deny=deny))
            ports = tuple(port for port in rule.ports or () if port_matches(port, flow))
            all_written = side.policy.rules(side.direction) or ()
            written = next(item for item in all_written if item.path == rule.path)
        yield Seen(snapshot, asked, side, subject, other, peers, ports, written)


def _all_are(items: tuple[object, ...], kind: type) -> bool:
    return bool(items) and all(isinstance(item, kind) for item in items)


def _ordered(tier: Tier, action: Action) -> Callable[[Seen], bool]:
    def corner(seen: Seen) -> bool:
        return seen.side.tier.value == tier.value and seen.rule is not None and seen.rule.action is action

    return corner


def _passed(tier: Tier, then: DecidedIn) -> Callable[[Seen], bool]:
    def corner(seen: Seen) -> bool:
        if seen.side.tier is not then or seen.side.reason:
            return False
        first = next((rule for rule in seen.rules(tier) if seen.says(rule)), None)
        return first is not None and first.action is Action.PASS

    return corner


def _by_ports_of(protocol: Protocol) -> Callable[[Seen], bool]:
    return lambda seen: bool(seen.ports) and seen.asked.protocol is protocol


def _icmp(seen: Seen) -> bool:
    rule = seen.rule
    return seen.asked.protocol is Protocol.OTHER and rule is not None and rule.ports is None


def _no_icmp(seen: Seen) -> bool:
    rules = seen.rules(Tier.NETWORK_POLICY)
    return (
        seen.asked.protocol is Protocol.OTHER
        and not seen.side.allowed
        and any(seen.says(msgspec.structs.replace(rule, ports=None)) for rule in rules if rule.ports)
    )


def _end_port(seen: Seen) -> bool:
    return bool(seen.ports) and all(
        isinstance(port, PortRange) and port.first < port.last == seen.asked.port < 65535 for port in seen.ports
    )


def _several_numbers(seen: Seen) -> bool:
    pod = seen.asked.destination
    if not _all_are(seen.ports, PortName) or not isinstance(pod, Pod):
        return False
    numbers = {
        port.number
        for port in pod.named_ports
        for name in seen.ports
        if isinstance(name, PortName) and port.name == name.name and port.protocol is seen.asked.protocol
    }
    return len(numbers) > 1


def _wrong_protocol(seen: Seen) -> bool:
    if seen.side.allowed or seen.side.tier is not DecidedIn.NETWORK_POLICY:
        return False
    for rule in seen.rules(Tier.NETWORK_POLICY):
        names = tuple(PortName(port.name, None) for port in rule.ports or () if isinstance(port, PortName))
        if names and seen.says(msgspec.structs.replace(rule, ports=names)):
            return True
    return False


def _name_and_block(seen: Seen) -> bool:
    return (
        not seen.is_in
        and _all_are(seen.ports, PortName)
        and _all_are(seen.peers, AddressPeer)
        and isinstance(seen.asked.destination, Pod)
    )


def _outside(family: Family, *, is_in: bool) -> Callable[[Seen], bool]:
    def corner(seen: Seen) -> bool:
        end = seen.asked.source if is_in else seen.asked.destination
        return (
            seen.is_in is is_in
            and isinstance(end, Outside)
            and family_of(end.ranges[0].first) is family
            and _all_are(seen.peers, AddressPeer)
        )

    return corner


def _hole(seen: Seen) -> bool:
    address = seen.other.address
    if seen.side.tier is not DecidedIn.NETWORK_POLICY or seen.side.allowed or address is None:
        return False
    return any(
        isinstance(peer, AddressPeer) and peer.ranges and peer.ranges[0].first < address < peer.ranges[-1].last
        for rule in seen.rules(Tier.NETWORK_POLICY)
        for peer in rule.peers or ()
    )


def _domain(*, wild: bool) -> Callable[[Seen], bool]:
    def corner(seen: Seen) -> bool:
        domain = seen.asked.destination
        if not isinstance(domain, Domain) or not _all_are(seen.peers, DomainPeer):
            return False
        exact = any(isinstance(peer, DomainPeer) and domain.name in peer.names for peer in seen.peers)
        return exact is not wild

    return corner


def _host(*, known: bool) -> Callable[[Seen], bool]:
    def corner(seen: Seen) -> bool:
        pod = seen.other.pod
        if pod is None or not pod.host_network or not _all_are(seen.peers, NodePeer):
            return False
        return any(node.name == pod.node for node in seen.snapshot.nodes) is known

    return corner


def _host_has_no_labels(seen: Seen) -> bool:
    pod = seen.other.pod
    if pod is None or not pod.host_network or seen.side.allowed:
        return False
    own = End(pod=msgspec.structs.replace(pod, host_network=False))
    rules = seen.rules(Tier.NETWORK_POLICY)
    return any(peer_matches(seen.snapshot, peer, own) for rule in rules for peer in rule.peers or ())


def _own_node(seen: Seen) -> bool:
    return seen.side.reason == OWN_NODE and bool(seen.side.isolated_by)


def _out_to_own_node(seen: Seen) -> bool:
    source, node = seen.asked.source, seen.asked.destination
    own = isinstance(source, Pod) and isinstance(node, Node) and source.node == node.name
    return own and not seen.is_in and not seen.side.allowed


def _replicas(seen: Seen) -> bool:
    return seen.asked.source is seen.asked.destination and seen.rule is not None


def _depends(seen: Seen) -> bool:
    parties = (seen.asked.source, seen.asked.destination)
    unknown = any(isinstance(party, Pod) and not party.addresses and not party.host_network for party in parties)
    return unknown and "address" in seen.asked.verdict.depends


def _families_differ(seen: Seen) -> bool:
    parties = (seen.asked.source, seen.asked.destination)
    dual = any(isinstance(party, Pod) and len({family_of(a) for a in party.addresses}) == 2 for party in parties)
    return dual and bool(seen.asked.verdict.depends)


def _unknown_pod(seen: Seen) -> bool:
    pod = seen.other.pod
    return pod is not None and not pod.addresses and not pod.host_network


def _in_whole_block(seen: Seen) -> bool:
    return _unknown_pod(seen) and _all_are(seen.peers, AddressPeer) and seen.asked.verdict.allowed


def _nowhere(seen: Seen) -> bool:
    blocks = (peer for rule in seen.rules(Tier.NETWORK_POLICY) for peer in rule.peers or ())
    return (
        not seen.snapshot.pod_ranges
        and _unknown_pod(seen)
        and not seen.side.allowed
        and any(isinstance(peer, AddressPeer) for peer in blocks)
    )


def _in_ipv6_range(seen: Seen) -> bool:
    address = seen.other.address
    return (
        _unknown_pod(seen)
        and address is not None
        and family_of(address) is Family.IPV6
        and _all_are(seen.peers, AddressPeer)
    )


def _unreadable_subject(seen: Seen) -> bool:
    deciding = (seen.side.policy,) if seen.side.policy is not None else seen.side.isolated_by
    return not seen.side.allowed and any(isinstance(policy.subject, Unreadable) for policy in deciding)


def _unreadable(field: str, action: Action) -> Callable[[Seen], bool]:
    def corner(seen: Seen) -> bool:
        if action is not Action.ACCEPT:
            parts = getattr(seen.written, field, None) or ()
            return seen.written is not None and seen.written.action is action and _has_unreadable(parts)
        rules = (
            rule
            for policy in seen.side.isolated_by
            for rule in policy.rules(seen.side.direction) or ()
            if _has_unreadable(getattr(rule, field) or ())
        )
        return not seen.side.allowed and any(
            seen.says(msgspec.structs.replace(rule, **{field: None})) for rule in rules
        )

    return corner


def _has_unreadable(parts: tuple[object, ...]) -> bool:
    return any(isinstance(part, Unreadable) for part in parts)


def _by_name(seen: Seen) -> bool:
    policy = seen.side.policy
    if policy is None or policy.tier is Tier.NETWORK_POLICY or seen.rule is None:
        return False
    stand = seen.snapshot.policies
    return any(
        other.tier is policy.tier
        and other.priority == policy.priority
        and stand.index(other) < stand.index(policy)
        and any(
            seen.says(rule) and rule.action is not seen.rule.action
            for rule in closed_rules(other, seen.side.direction) or ()
        )
        for other in policies_on(seen.snapshot, seen.subject.pod, seen.side.direction)
    )


def _label(meets: Callable[[Requirement, dict[str, str]], bool]) -> Callable[[Seen], bool]:
    """Make a corner of a condition on labels that every peer that matches relies on."""

    def corner(seen: Seen) -> bool:
        pod = seen.other.pod
        if pod is None or not _all_are(seen.peers, PodPeer):
            return False
        labels = dict(pod.labels)
        return all(
            isinstance(peer, PodPeer) and any(meets(item, labels) for item in peer.pod_selector.requirements)
            for peer in seen.peers
        )

    return corner


def _per_direction(seen: Seen) -> bool:
    other = Direction.EGRESS if seen.is_in else Direction.INGRESS
    elsewhere = policies_on(seen.snapshot, seen.subject.pod, other)
    middle = any(policy.tier is Tier.NETWORK_POLICY for policy in elsewhere)
    return seen.side.tier is DecidedIn.BASELINE and not seen.side.allowed and middle


CORNERS: dict[str, Callable[[Seen], bool]] = {
    **{
        f"{action.value} in {tier.value}": _ordered(tier, action)
        for tier in (Tier.ADMIN, Tier.BASELINE)
        for action in (Action.ACCEPT, Action.DENY)
    },
    **{
        f"Pass in Admin, then {then.value}": _passed(Tier.ADMIN, then)
        for then in (DecidedIn.NETWORK_POLICY, DecidedIn.BASELINE, DecidedIn.DEFAULT)
    },
    "Pass in Baseline": _passed(Tier.BASELINE, DecidedIn.DEFAULT),
    "Baseline for one direction only": _per_direction,
    "one priority, the name decides": _by_name,
    "accepted by a NetworkPolicy": lambda seen: seen.side.tier is DecidedIn.NETWORK_POLICY and seen.side.allowed,
    "isolated": lambda seen: seen.side.tier is DecidedIn.NETWORK_POLICY and not seen.side.allowed,
    **{f"ports of {protocol.value}": _by_ports_of(protocol) for protocol in Protocol if protocol is not Protocol.OTHER},
    "another protocol, by a rule without ports": _icmp,
    "another protocol, missed for a rule's ports": _no_icmp,
    "endPort": _end_port,
    "a named port": lambda seen: _all_are(seen.ports, PortName),
    "several numbers under one name": _several_numbers,
    "a named port of another protocol": _wrong_protocol,
    "a named port behind a block": _name_and_block,
    "from IPv4 outside": _outside(Family.IPV4, is_in=True),
    "from IPv6 outside": _outside(Family.IPV6, is_in=True),
    "to IPv4 outside": _outside(Family.IPV4, is_in=False),
    "to IPv6 outside": _outside(Family.IPV6, is_in=False),
    "a hole in a block": _hole,
    "a domain by its name": _domain(wild=False),
    "a domain by a wildcard": _domain(wild=True),
    "a node by its labels": lambda seen: seen.other.node is not None and _all_are(seen.peers, NodePeer),
    "a node by its address": lambda seen: seen.other.node is not None and _all_are(seen.peers, AddressPeer),
    "hostNetwork on a known node": _host(known=True),
    "hostNetwork on an unknown node": _host(known=False),
    "hostNetwork pods have no labels": _host_has_no_labels,
    "from the own node": _own_node,
    "to the own node": _out_to_own_node,
    "from one replica to another": _replicas,
    "it depends on an unknown address": _depends,
    "it depends on the family": _families_differ,
    "an unknown address, in a block as a whole": _in_whole_block,
    "an unknown address, nowhere": _nowhere,
    "an unknown address, IPv6": _in_ipv6_range,
    "an unreadable subject": _unreadable_subject,
    **{
        f"unreadable {field} of {action.value}": _unreadable(field, action)
        for field in ("peers", "ports")
        for action in Action
    },
    "NotIn, the key is missing": _label(
        lambda item, labels: item.operator is Operator.NOT_IN and item.key not in labels
    ),
    "Exists, the value is empty": _label(
        lambda item, labels: item.operator is Operator.EXISTS and labels.get(item.key) == ""
    ),
    "In, the value is empty": _label(lambda item, labels: item.operator is Operator.IN and labels.get(item.key) == ""),
    "DoesNotExist": _label(lambda item, _: item.operator is Operator.DOES_NOT_EXIST),
}
"""Every corner that one side of one verdict can show; those that only several verdicts show are among the mutants."""
