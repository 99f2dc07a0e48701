"""Deliberate faults of meaning, each of which the tests must notice.

A fault in one of the two evaluators must be noticed by the comparison with the other. What both share (labels of
nodes, failing closed, the order of policies, the addresses that an end can have, the conversion from manifests)
would go wrong in both alike: such a fault must be noticed by the tables of cases under ``tests/unit/engine``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import msgspec

from podfence.engine import decide, fail_closed, judge, reach, vocabulary
from podfence.engine.atoms import PortAtoms
from podfence.engine.classes import Addresses
from podfence.engine.compile import Program
from podfence.engine.frame import Frame
from podfence.engine.index import LabelIndex
from podfence.engine.reach import Reach
from podfence.engine.tiers import Applying
from podfence.engine.vocabulary import Projection
from podfence.manifests.convert import addresses as convert_addresses
from podfence.manifests.convert import ports as convert_ports
from podfence.model.labels import EVERYTHING, Operator, Requirement, Selector
from podfence.model.net import ALL_IPV4, AddressRange, Protocol
from podfence.model.objects import Node, Pod
from podfence.model.policy import (
    Action,
    Direction,
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
from podfence.model.verdict import DecidedIn, End, Flow, SideVerdict, Verdict

Change = tuple[Any, str, Any]
"""What is replaced, where, and by what."""


class Mutant(msgspec.Struct, frozen=True):
    """A fault: its name, what it changes, and whether both evaluators have it."""

    name: str
    changes: tuple[Change, ...]
    shared: bool = False

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Let the fault be there for a while."""
        patches = [patch.object(place, name, value) for place, name, value in self.changes]
        for one in patches:
            one.start()
        try:
            yield
        finally:
            for one in reversed(patches):
                one.stop()


def _mutants() -> Iterator[Mutant]:
    one_by_one: tuple[tuple[Any, str, Mapping[str, Any]], ...] = (
        (Requirement, "matches", _REQUIREMENTS),
        (decide, "port_matches", _PORTS),
        (decide, "peer_matches", _PEERS),
        (decide, "matches", _RULES),
        (decide, "_selects", _SELECTS),
        (decide, "_ordered_tier", _TIERS),
        (decide, "decide_side", _SIDES),
        (decide, "covers", _COVERS),
        (decide, "name_covers", _NAMES),
        (decide, "policies_on", _POLICIES),
    )
    for place, function, faults in one_by_one:
        for name, instead in faults.items():
            yield Mutant(name, ((place, function, instead),))
    yield from _OTHERS
    yield from _IN_ROWS
    yield from _SHARED


# Labels, as ``decide`` reads them.

_meets = Requirement.matches


def _not_in_needs_the_key(self: Requirement, labels: Mapping[str, str]) -> bool:
    if self.operator is Operator.NOT_IN and self.key not in labels:
        return False
    return _meets(self, labels)


def _absent_is_empty(self: Requirement, labels: Mapping[str, str]) -> bool:
    if self.operator is Operator.IN and self.key not in labels:
        return "" in self.values
    return _meets(self, labels)


def _empty_does_not_exist(self: Requirement, labels: Mapping[str, str]) -> bool:
    if self.operator is Operator.EXISTS:
        return bool(labels.get(self.key))
    return _meets(self, labels)


def _in_takes_the_first_value(self: Requirement, labels: Mapping[str, str]) -> bool:
    if self.operator is Operator.IN:
        return labels.get(self.key) == self.values[0]
    return _meets(self, labels)


_REQUIREMENTS: dict[str, Callable[..., bool]] = {
    "NotIn does not match a missing key": _not_in_needs_the_key,
    "an empty value matches an absent key": _absent_is_empty,
    "Exists is false for an empty value": _empty_does_not_exist,
    "In looks at its first value only": _in_takes_the_first_value,
}

# Ports.

_port_matches = decide.port_matches


def _end_port_excluded(port: PortMatch, flow: Flow) -> bool:
    if isinstance(port, PortRange) and port.first < port.last:
        return _port_matches(msgspec.structs.replace(port, last=port.last - 1), flow)
    return _port_matches(port, flow)


def _any_protocol(port: PortMatch, flow: Flow) -> bool:
    if isinstance(port, PortRange):
        return flow.protocol is not Protocol.OTHER and port.first <= flow.port <= port.last
    return _port_matches(port, flow)


def _tcp_opens_sctp(port: PortMatch, flow: Flow) -> bool:
    if flow.protocol is Protocol.SCTP and isinstance(port, PortRange) and port.protocol is Protocol.TCP:
        return port.first <= flow.port <= port.last
    return _port_matches(port, flow)


def _all_ports_match_icmp(port: PortMatch, flow: Flow) -> bool:
    return (flow.protocol is Protocol.OTHER and isinstance(port, PortRange) and port.last == 65535) or _port_matches(
        port, flow
    )


def _name_on_the_source(port: PortMatch, flow: Flow) -> bool:
    if isinstance(port, PortName):
        return _port_matches(port, msgspec.structs.replace(flow, destination=flow.source))
    return _port_matches(port, flow)


def _name_of_any_protocol(port: PortMatch, flow: Flow) -> bool:
    if isinstance(port, PortName):
        return _port_matches(PortName(port.name, None), flow)
    return _port_matches(port, flow)


def _first_number_of_a_name(port: PortMatch, flow: Flow) -> bool:
    pod = flow.destination.pod
    if not isinstance(port, PortName) or pod is None:
        return _port_matches(port, flow)
    named = [item for item in pod.named_ports if item.name == port.name and port.protocol in (None, item.protocol)]
    first = msgspec.structs.replace(pod, named_ports=tuple(named[:1]))
    return _port_matches(port, msgspec.structs.replace(flow, destination=End(pod=first)))


_PORTS: dict[str, Callable[..., bool]] = {
    "endPort does not belong to the range": _end_port_excluded,
    "a port is open for every protocol": _any_protocol,
    "a TCP rule opens SCTP": _tcp_opens_sctp,
    "a rule for all ports matches ICMP": _all_ports_match_icmp,
    "named ports are looked up on the source": _name_on_the_source,
    "named ports match whatever their protocol": _name_of_any_protocol,
    "of several numbers under one name the first counts": _first_number_of_a_name,
}

# Peers.

_peer_matches = decide.peer_matches


def _all_namespaces_include_the_outside(snapshot: Snapshot, peer: Peer, end: End, *, deny: bool = False) -> bool:
    everybody = isinstance(peer, PodPeer) and peer.namespace_selector == peer.pod_selector == EVERYTHING
    outside = end.pod is None and end.node is None and end.domain is None
    return (everybody and outside) or _peer_matches(snapshot, peer, end, deny=deny)


def _host_network_pods_have_labels(snapshot: Snapshot, peer: Peer, end: End, *, deny: bool = False) -> bool:
    if isinstance(peer, PodPeer) and end.pod is not None and end.pod.host_network:
        own = msgspec.structs.replace(end.pod, host_network=False)
        return _peer_matches(snapshot, peer, End(pod=own), deny=deny)
    return _peer_matches(snapshot, peer, end, deny=deny)


def _lost_nodes_match_no_deny(snapshot: Snapshot, peer: Peer, end: End, *, deny: bool = False) -> bool:
    return _peer_matches(snapshot, peer, end, deny=deny and not isinstance(peer, NodePeer))


def _nodes_match_their_pods(snapshot: Snapshot, peer: Peer, end: End, *, deny: bool = False) -> bool:
    if isinstance(peer, NodePeer) and end.pod is not None and end.pod.node is not None:
        own = msgspec.structs.replace(end.pod, host_network=True)
        return _peer_matches(snapshot, peer, End(pod=own), deny=deny)
    return _peer_matches(snapshot, peer, end, deny=deny)


_PEERS: dict[str, Callable[..., bool]] = {
    "an empty namespaceSelector includes the outside": _all_namespaces_include_the_outside,
    "hostNetwork pods are found by their labels": _host_network_pods_have_labels,
    "a deny misses nodes that nobody knows": _lost_nodes_match_no_deny,
    "a node peer means the pods on the node": _nodes_match_their_pods,
}

_matches = decide.matches


def _either_part(snapshot: Snapshot, rule: Rule, flow: Flow, direction: Direction) -> bool:
    parts = [msgspec.structs.replace(rule, peers=None), msgspec.structs.replace(rule, ports=None)]
    if rule.peers is None or rule.ports is None:
        return _matches(snapshot, rule, flow, direction)
    return any(_matches(snapshot, part, flow, direction) for part in parts)


def _no_icmp(snapshot: Snapshot, rule: Rule, flow: Flow, direction: Direction) -> bool:
    return flow.protocol is not Protocol.OTHER and _matches(snapshot, rule, flow, direction)


def _no_peers_are_anybody(snapshot: Snapshot, rule: Rule, flow: Flow, direction: Direction) -> bool:
    return _matches(snapshot, msgspec.structs.replace(rule, peers=rule.peers or None), flow, direction)


def _no_ports_are_all(
    snapshot: Snapshot, rule: Rule, flow: Flow, direction: Direction, *, unsure: bool | None = None
) -> bool:
    return _matches(snapshot, msgspec.structs.replace(rule, ports=rule.ports or None), flow, direction, unsure=unsure)


def _peers_are_the_own_side(
    snapshot: Snapshot, rule: Rule, flow: Flow, direction: Direction, *, unsure: bool | None = None
) -> bool:
    turned = msgspec.structs.replace(flow, source=flow.destination)
    return _matches(snapshot, rule, turned if direction is Direction.INGRESS else flow, direction, unsure=unsure)


_RULES: dict[str, Callable[..., bool]] = {
    "peers or ports of a rule suffice": _either_part,
    "a rule without ports does not match ICMP": _no_icmp,
    "a rule whose peers are all unreadable is for anybody": _no_peers_are_anybody,
    "a rule whose ports are all unreadable is for all traffic": _no_ports_are_all,
    "ingress peers are compared with the destination": _peers_are_the_own_side,
}

_selects = decide._selects


def _in_every_namespace(snapshot: Snapshot, peer: PodPeer, pod: Pod, labels: dict[str, str]) -> bool:
    anywhere = PodPeer(None, EVERYTHING, peer.pod_selector) if peer.namespace is not None else peer
    return _selects(snapshot, anywhere, pod, labels)


def _either_selector(snapshot: Snapshot, peer: PodPeer, pod: Pod, labels: dict[str, str]) -> bool:
    if peer.namespace_selector is None:
        return _selects(snapshot, peer, pod, labels)
    parts = (PodPeer(None, EVERYTHING, peer.pod_selector), PodPeer(None, peer.namespace_selector, EVERYTHING))
    return any(_selects(snapshot, part, pod, labels) for part in parts)


def _own_labels_for_the_namespace(snapshot: Snapshot, peer: PodPeer, pod: Pod, labels: dict[str, str]) -> bool:
    selector = peer.namespace_selector
    return _selects(snapshot, peer, pod, labels) or (
        selector is not None and selector.matches(labels) and peer.pod_selector.matches(labels)
    )


def _host_network_is_nothing_special(snapshot: Snapshot, peer: PodPeer, pod: Pod, labels: dict[str, str]) -> bool:
    return _selects(snapshot, peer, msgspec.structs.replace(pod, host_network=False), labels)


_SELECTS: dict[str, Callable[..., bool]] = {
    "a podSelector crosses namespaces": _in_every_namespace,
    "namespaceSelector or podSelector of a peer suffices": _either_selector,
    "a namespaceSelector looks at the labels of pods": _own_labels_for_the_namespace,
}

# Tiers.

_ordered_tier = decide._ordered_tier


def _tier(choose: Callable[[Sequence[tuple[Policy, Rule]]], tuple[Policy, Rule] | None]) -> Callable[..., Any]:
    """Write an ordered tier that chooses otherwise among the rules that match; ``None`` goes on to the next tier."""

    def tier_of(
        snapshot: Snapshot,
        tier: Tier,
        policies: Iterable[Policy],
        isolated_by: tuple[Policy, ...],
        flow: Flow,
        direction: Direction,
    ) -> SideVerdict | None:
        found = [
            item
            for item in decide._rules(policies, tier, direction)
            if decide.matches(snapshot, item[1], flow, direction)
        ]
        chosen = choose(found)
        if chosen is None:
            return None
        allowed = chosen[1].action is not Action.DENY
        return SideVerdict(direction, allowed, DecidedIn(tier.value), isolated_by, *chosen)

    return tier_of


def _pass_decides(found: Sequence[tuple[Policy, Rule]]) -> tuple[Policy, Rule] | None:
    return found[0] if found else None


def _pass_is_no_match(found: Sequence[tuple[Policy, Rule]]) -> tuple[Policy, Rule] | None:
    return next((item for item in found if item[1].action is not Action.PASS), None)


def _pass_skips_its_policy(found: Sequence[tuple[Policy, Rule]]) -> tuple[Policy, Rule] | None:
    passed = {id(policy) for policy, rule in found if rule.action is Action.PASS}
    return next((item for item in found if id(item[0]) not in passed), None)


def _deny_wins(found: Sequence[tuple[Policy, Rule]]) -> tuple[Policy, Rule] | None:
    denied = [item for item in found if item[1].action is Action.DENY]
    first = next(iter((*denied, *found)), None)
    return None if first is None or first[1].action is Action.PASS else first


def _last_match(found: Sequence[tuple[Policy, Rule]]) -> tuple[Policy, Rule] | None:
    return None if not found or found[-1][1].action is Action.PASS else found[-1]


def _baseline_per_pod(
    snapshot: Snapshot,
    tier: Tier,
    policies: Iterable[Policy],
    isolated_by: tuple[Policy, ...],
    flow: Flow,
    direction: Direction,
) -> SideVerdict | None:
    pod = (flow.source if direction is Direction.EGRESS else flow.destination).pod
    either = [policy for side in Direction for policy in decide.policies_on(snapshot, pod, side)]
    if tier is Tier.BASELINE and any(policy.tier is Tier.NETWORK_POLICY for policy in either):
        return None
    return _ordered_tier(snapshot, tier, policies, isolated_by, flow, direction)


_TIERS: dict[str, Callable[..., Any]] = {
    "Pass allows, ending all tiers": _tier(_pass_decides),
    "Pass is as if the rule were not there": _tier(_pass_is_no_match),
    "Pass skips its own policy only": _tier(_pass_skips_its_policy),
    "Deny wins over what comes before it": _tier(_deny_wins),
    "the last rule that matches decides": _tier(_last_match),
    "Baseline is left out per pod, not per direction": _baseline_per_pod,
}

_decide_side = decide.decide_side


def _egress_accept_lets_in(snapshot: Snapshot, flow: Flow, direction: Direction) -> SideVerdict:
    side = _decide_side(snapshot, flow, direction)
    out = _decide_side(snapshot, flow, Direction.EGRESS)
    return msgspec.structs.replace(side, allowed=side.allowed or (out.rule is not None and out.allowed))


def _own_node_both_ways(snapshot: Snapshot, flow: Flow, direction: Direction) -> SideVerdict:
    side = _decide_side(snapshot, flow, direction)
    own = decide.is_own_node(flow.destination, flow.source.pod)
    return msgspec.structs.replace(side, allowed=side.allowed or (own and direction is Direction.EGRESS))


def _isolated_for_both(snapshot: Snapshot, flow: Flow, direction: Direction) -> SideVerdict:
    side = _decide_side(snapshot, flow, direction)
    pod = (flow.source if direction is Direction.EGRESS else flow.destination).pod
    other = Direction.INGRESS if direction is Direction.EGRESS else Direction.EGRESS
    selected = decide.is_governed(End(pod=pod)) and decide.policies_on(snapshot, pod, other)
    return msgspec.structs.replace(side, allowed=side.allowed and bool(side.rule or side.reason or not selected))


def _other_direction(snapshot: Snapshot, flow: Flow, direction: Direction) -> SideVerdict:
    turned = Flow(flow.destination, flow.source, flow.protocol, flow.port)
    other = Direction.INGRESS if direction is Direction.EGRESS else Direction.EGRESS
    return msgspec.structs.replace(_decide_side(snapshot, turned, other), direction=direction)


_SIDES: dict[str, Callable[..., SideVerdict]] = {
    "what may leave is let in": _egress_accept_lets_in,
    "the own node is an exception on the way out too": _own_node_both_ways,
    "a policy isolates in both directions": _isolated_for_both,
    "rules of the wrong direction are applied": _other_direction,
}

# Addresses and names.


def _as_one_range(ranges: Sequence[AddressRange], address: int) -> bool:
    return bool(ranges) and ranges[0].first <= address <= ranges[-1].last


def _all_of_ipv4_is_all(ranges: Sequence[AddressRange], address: int) -> bool:
    return ALL_IPV4 in ranges or any(address in piece for piece in ranges)


def _without_edges(ranges: Sequence[AddressRange], address: int) -> bool:
    return any(piece.first < address <= piece.last or piece.first == piece.last == address for piece in ranges)


_COVERS: dict[str, Callable[..., bool]] = {
    "holes in a block are ignored": _as_one_range,
    "all of IPv4 includes IPv6": _all_of_ipv4_is_all,
    "the first address of a block does not belong to it": _without_edges,
}

_NAMES: dict[str, Callable[..., bool]] = {
    "a wildcard matches its parent": lambda pattern, name: (
        pattern.removeprefix("*.") == name
        or ("." + name).endswith(pattern.removeprefix("*") if "*" in pattern else " ")
    ),
    "a wildcard matches one label only": lambda pattern, name: (
        pattern == name
        or (pattern.startswith("*.") and name.partition(".")[2] == pattern[2:] and not name.startswith("*."))
    ),
    "a name includes what is below it": lambda pattern, name: ("." + name.removeprefix("*.")).endswith(
        "." + pattern.removeprefix("*.")
    ),
}

_policies_on = decide.policies_on


def _as_they_stand(snapshot: Snapshot, pod: Pod | None, direction: Direction) -> list[Policy]:
    found = {id(policy) for policy in _policies_on(snapshot, pod, direction)}
    return [policy for policy in snapshot.policies if id(policy) in found]


def _highest_number_first(snapshot: Snapshot, pod: Pod | None, direction: Direction) -> list[Policy]:
    return sorted(_policies_on(snapshot, pod, direction), key=lambda policy: -policy.priority)


def _no_rules_do_not_isolate(snapshot: Snapshot, pod: Pod | None, direction: Direction) -> list[Policy]:
    return [policy for policy in _policies_on(snapshot, pod, direction) if policy.rules(direction)]


def _first_network_policy_only(snapshot: Snapshot, pod: Pod | None, direction: Direction) -> list[Policy]:
    found = _policies_on(snapshot, pod, direction)
    middle = [policy for policy in found if policy.tier is Tier.NETWORK_POLICY]
    return [policy for policy in found if policy not in middle[1:]]


_POLICIES: dict[str, Callable[..., list[Policy]]] = {
    "policies go by the order in which they stand": _as_they_stand,
    "the highest number comes first": _highest_number_first,
    "an empty list of rules allows everything": _no_rules_do_not_isolate,
    "one network policy overrides the others": _first_network_policy_only,
}

# Other parts of ``decide`` and ``judge``.


def _any_network_policy_must_agree(
    snapshot: Snapshot, isolated_by: tuple[Policy, ...], flow: Flow, direction: Direction
) -> SideVerdict | None:
    each = [_network_policy_tier(snapshot, (policy,), flow, direction) for policy in isolated_by]
    return next((side for side in each if side is not None and not side.allowed), each[0] if each else None)


_network_policy_tier = decide._network_policy_tier


def _any_address(
    snapshot: Snapshot,
    source: judge.Party,
    destination: judge.Party,
    protocol: Protocol,
    port: int = 0,
    *,
    to_itself: bool = False,
) -> Verdict:
    cuts = judge._cuts(snapshot, source, destination)
    ends = list(judge._ends(snapshot, source, cuts)), list(judge._ends(snapshot, destination, cuts))
    flows = [Flow(a, b, protocol, port, to_itself) for a, b in judge._compatible(*ends)]
    verdicts = [decide.decide(snapshot, flow) for flow in flows]
    return next((verdict for verdict in verdicts if verdict.allowed), verdicts[0])


_compatible = judge._compatible


def _first_family_only(sources: list[End], destinations: list[End]) -> list[tuple[End, End]]:
    pairs = _compatible(sources, destinations)
    return [pair for pair in pairs if judge._family(pair[0]) is judge._family(pairs[0][0])]


_OTHERS = (
    Mutant("the own node is no exception", ((decide, "is_own_node", lambda *_: False),)),
    Mutant(
        "every pod on the own node is an exception",
        ((decide, "is_own_node", lambda source, pod: source.pod is not None and source.pod.node == pod.node),),
    ),
    Mutant(
        "hostNetwork pods are selected",
        (
            (decide, "is_governed", lambda end: end.pod is not None),
            (decide, "_selects", _host_network_is_nothing_special),
        ),
    ),
    Mutant("network policies must all agree", ((decide, "_network_policy_tier", _any_network_policy_must_agree),)),
    Mutant("one address that is allowed suffices", ((judge, "judge", _any_address),)),
    Mutant("only the first family is judged", ((judge, "_compatible", _first_family_only),)),
)

# The rows.

_meeting = LabelIndex._meeting
_mask = PortAtoms.mask
_find_peer = Frame._find_peer
_project = Projection._visible


def _index_needs_the_key(self: LabelIndex, requirement: Requirement) -> int:
    found = _meeting(self, requirement)
    has_key = _meeting(self, Requirement(requirement.key, Operator.EXISTS))
    return found & has_key if requirement.operator is Operator.NOT_IN else found


def _mask_without_the_last(self: PortAtoms, protocol: Protocol, first: int, last: int) -> int:
    return _mask(self, protocol, first, last - 1 if last > first else last)


def _blind_to_presence(self: Projection, labels: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    return (fact for fact in _project(self, labels) if fact[1] != "\0")


def _peers_of_the_first_view(self: Frame, peer: Peer, *, unsure: bool) -> tuple[int, ...]:
    return (_find_peer(self, peer, unsure=unsure)[0],) * len(self.views)


def _passing_is_accepting(self: Applying, ports: int) -> tuple[int, int]:
    accepted, undecided = 0, self._everything
    for action, on_ports, classes in self._steps:
        if on_ports & ports:
            accepted |= 0 if action is Action.DENY else classes & undecided
            undecided &= ~classes
    return accepted, undecided


_accepted_from_block = Reach._from_all


def _first_part_of_an_area(self: Reach, held: Iterable[int]) -> object:
    return _accepted_from_block(self, list(held)[:1])


_add = Program._add


def _isolates_both_ways(self: Program, closed: vocabulary.ClosedPolicy) -> None:
    _add(self, closed)
    if closed.policy.tier is Tier.NETWORK_POLICY:
        for direction in Direction:
            self.isolated[direction] |= self.classes.select(closed.subject)


_of_pod = Addresses.of_pod

_IN_ROWS = (
    Mutant("rows: NotIn does not match a missing key", ((LabelIndex, "_meeting", _index_needs_the_key),)),
    Mutant("rows: endPort does not belong to the range", ((PortAtoms, "mask", _mask_without_the_last),)),
    Mutant("rows: classes do not see that a key is present", ((Projection, "_visible", _blind_to_presence),)),
    Mutant(
        "rows: peers of the second family are those of the first", ((Frame, "_find_peer", _peers_of_the_first_view),)
    ),
    Mutant("rows: Pass accepts", ((Applying, "_first_match", _passing_is_accepting),)),
    Mutant("rows: blocks that cover only together are ignored", ((Reach, "_covered", lambda *_: 0),)),
    Mutant("rows: blocks for named ports are ignored", ((reach, "_covered_by_name", lambda *_: 0),)),
    Mutant("rows: a part of the possible addresses suffices", ((Reach, "_from_all", _first_part_of_an_area),)),
    Mutant("rows: a policy isolates in both directions", ((Program, "_add", _isolates_both_ways),)),
    Mutant(
        "rows: the address of a pod is not seen",
        ((Addresses, "of_pod", lambda *_: ((), ())), (Addresses, "of_address", lambda *_: ((), ()))),
    ),
)

# What both evaluators share.

_closed_rule = fail_closed.closed_rule
_possible = judge.possible_addresses


def _unreadable_peers_are_left_out(rule: Rule) -> Rule:
    readable = rule.peers and tuple(peer for peer in rule.peers if not isinstance(peer, Unreadable))
    return _closed_rule(msgspec.structs.replace(rule, peers=readable))


def _unreadable_peers_are_anybody(rule: Rule) -> Rule:
    if any(isinstance(peer, Unreadable) for peer in rule.peers or ()):
        return _closed_rule(msgspec.structs.replace(rule, peers=None))
    return _closed_rule(rule)


def _unreadable_ports_are_left_out(rule: Rule) -> Rule:
    readable = rule.ports and tuple(port for port in rule.ports if not isinstance(port, Unreadable))
    return _closed_rule(msgspec.structs.replace(rule, ports=readable))


def _unreadable_pass_passes(rule: Rule) -> Rule:
    return msgspec.structs.replace(_closed_rule(rule), action=rule.action)


def _unreadable_subject_is_nobody(policy: Policy) -> PodPeer:
    return PodPeer("", None, EVERYTHING) if isinstance(policy.subject, Unreadable) else policy.subject


def _hosts_have_addresses_of_their_own(snapshot: Snapshot, party: judge.Party) -> tuple[AddressRange, ...]:
    if isinstance(party, Pod) and party.host_network:
        return _possible(snapshot, msgspec.structs.replace(party, host_network=False))
    return _possible(snapshot, party)


def _unknown_is_nowhere(snapshot: Snapshot, party: judge.Party) -> tuple[AddressRange, ...]:
    return () if isinstance(party, Pod | Node) and not party.addresses else _possible(snapshot, party)


def _first_address(snapshot: Snapshot, party: judge.Party) -> tuple[AddressRange, ...]:
    return _possible(snapshot, party)[:1] if isinstance(party, Pod) else _possible(snapshot, party)


def _possible_addresses(function: Callable[..., Any]) -> tuple[Change, ...]:
    from podfence.engine import classes  # noqa: PLC0415 (the module, next to names of its content)

    return ((judge, "possible_addresses", function), (classes, "possible_addresses", function))


def _to_itself(snapshot: Snapshot, flow: Flow, direction: Direction) -> SideVerdict:
    return _decide_side(snapshot, msgspec.structs.replace(flow, to_itself=False), direction)


def _any_condition(self: LabelIndex, selector: Selector) -> int:
    found = 0 if selector.requirements else self.everything
    for requirement in selector.requirements:
        found |= self._meeting(requirement)
    return found


def _one_condition(self: Selector, labels: Mapping[str, str]) -> bool:
    return not self.requirements or any(requirement.matches(labels) for requirement in self.requirements)


def _last_name_first(self: Policy) -> tuple[object, ...]:
    return (self.priority, *(-ord(letter) for letter in self.ref.name), 0)


def _as_text(self: Policy) -> tuple[object, ...]:
    return (str(self.priority), self.ref.name, self.ref.kind)


def _closed_by(instead: Callable[[Rule], Rule]) -> tuple[Change, ...]:
    return ((fail_closed, "closed_rule", instead),)


def _sctp_by_default(value: str | None, _: str) -> Protocol:
    return Protocol(value or "SCTP")


_SHARED_FAULTS: dict[str, tuple[Change, ...]] = {
    "unreadable peers of a deny are left out": _closed_by(_unreadable_peers_are_left_out),
    "an accept with an unreadable peer is for anybody": _closed_by(_unreadable_peers_are_anybody),
    "unreadable ports of a deny are left out": _closed_by(_unreadable_ports_are_left_out),
    "a pass with an unreadable part passes": _closed_by(_unreadable_pass_passes),
    "an unreadable subject is nobody": tuple(
        (place, "closed_subject", _unreadable_subject_is_nobody) for place in (decide, vocabulary)
    ),
    "of one priority the last name comes first": ((Policy, "order", property(_last_name_first)),),
    "priorities compare as text": ((Policy, "order", property(_as_text)),),
    "hostNetwork pods have addresses of their own": _possible_addresses(_hosts_have_addresses_of_their_own),
    "a pod of unknown address is in no block": _possible_addresses(_unknown_is_nowhere),
    "a pod has its first address only": _possible_addresses(_first_address),
    "excepts are ignored": ((convert_addresses, "subtract", lambda ranges, _: tuple(ranges)),),
    "a port without protocol is open for SCTP": ((convert_ports, "read_protocol", _sctp_by_default),),
    "a pod can be kept from itself": ((decide, "decide_side", _to_itself),),
    "a selector needs one of its conditions only": (
        (Selector, "matches", _one_condition),
        (LabelIndex, "select", _any_condition),
    ),
}
_SHARED = tuple(Mutant(name, changes, shared=True) for name, changes in _SHARED_FAULTS.items())


MUTANTS = tuple(_mutants())

SEEN_AT: dict[str, int] = {
    "a deny misses nodes that nobody knows": 106,
    "a rule whose peers are all unreadable is for anybody": 191,
    "rows: blocks that cover only together are ignored": 392,
    "rows: blocks for named ports are ignored": 783,
}
"""Seeds that show the rare ones: the search begins there, only to be short."""
