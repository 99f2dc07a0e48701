"""What a verdict rests on where the APIs say nothing, or say it where few look: said with the verdict.

Each sentence is one decision of ``docs/semantics.md`` that took part in this very answer.
"""

from __future__ import annotations

from collections.abc import Iterator

from podfence.engine.decide import is_governed, is_own_node, matches, policies_on
from podfence.engine.fail_closed import closed_rule
from podfence.engine.judge import Domain, Party
from podfence.engine.question import Pair
from podfence.model.net import AddressRange, Protocol, format_address
from podfence.model.objects import Node, Pod
from podfence.model.policy import AddressPeer, Direction, Policy, PortName, Rule, Tier, Unreadable
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import DecidedIn, End, SideVerdict, Verdict


def corners(near: Snapshot, pair: Pair, verdict: Verdict) -> tuple[str, ...]:
    """List the sentences that belong to a verdict, each once."""
    found = [
        *_about_ends(pair),
        *_about_sides(verdict),
        *_about_ports(near, pair),
        *_about_addresses(near, pair, verdict),
        *_about_order(near, verdict),
        *_about_unreadable(near, pair),
    ]
    return tuple(dict.fromkeys(found))


def _about_ends(pair: Pair) -> Iterator[str]:
    for party in (pair.source, pair.destination):
        if isinstance(party, Pod) and party.host_network:
            where = f"node {party.node}" if party.node else "its node, which is not known"
            name = f"{party.namespace}/{party.name}"
            yield f"{name} is on hostNetwork: no policy selects it, its traffic is that of {where}"
    ends = (pair.source, pair.destination)
    if not any(isinstance(party, Pod) and is_governed(End(pod=party)) for party in ends):
        yield "neither end is a pod that policies can select, so no policy has a say"


def _about_sides(verdict: Verdict) -> Iterator[str]:
    destination = verdict.flow.destination
    if verdict.egress.tier is not DecidedIn.NOT_APPLICABLE and _runs_on(verdict.flow.source, destination):
        yield "only ingress from the own node is exempt: egress to it is judged like any other"


def _runs_on(source: End, destination: End) -> bool:
    return source.pod is not None and is_governed(source) and is_own_node(destination, source.pod)


def _about_ports(near: Snapshot, pair: Pair) -> Iterator[str]:
    if pair.protocol is Protocol.OTHER:
        yield "ICMP and protocols without ports are matched only by rules that list no ports"
    destination = pair.destination
    if not isinstance(destination, Pod):
        return
    names = {item.name for _, rule in _rules(near, pair) for item in rule.ports or () if isinstance(item, PortName)}
    for name in sorted(names):
        numbers = sorted({(item.protocol.value, item.number) for item in destination.named_ports if item.name == name})
        if len(numbers) > 1:
            listed = " and ".join(f"{protocol} {number}" for protocol, number in numbers)
            pod = f"{destination.namespace}/{destination.name}"
            yield f'{pod} declares port "{name}" as {listed}: a rule by this name means any of them'


def _about_addresses(near: Snapshot, pair: Pair, verdict: Verdict) -> Iterator[str]:
    if verdict.depends:
        yield verdict.depends
        return
    if pair.to_itself:
        return
    blocks = {
        direction for direction, rule in _rules(near, pair) if any(isinstance(p, AddressPeer) for p in rule.peers or ())
    }
    for direction, party in ((Direction.EGRESS, pair.destination), (Direction.INGRESS, pair.source)):
        if direction in blocks and _is_unknown(party):
            yield f"the address of {_name(party)} is not known; {_where(near, party)}"


def _is_unknown(party: Party) -> bool:
    return isinstance(party, Domain) or (isinstance(party, Pod | Node) and not party.addresses)


def _name(party: Party) -> str:
    if isinstance(party, Pod):
        return f"{party.namespace}/{party.name}"
    return party.name if isinstance(party, Node | Domain) else "the outside"


def _where(near: Snapshot, party: Party) -> str:
    if isinstance(party, Domain):
        return "the answer holds for every globally routable one"
    if not near.pod_ranges:
        return "no ipBlock matches it (--pod-cidr none)"
    if isinstance(party, Pod) and not party.host_network:
        return f"the answer holds for every one in {', '.join(map(_range, near.pod_ranges))} (--pod-cidr)"
    return "the answer holds for every private IPv4 one"


def _range(piece: AddressRange) -> str:
    return f"{format_address(piece.first)}-{format_address(piece.last)}"


def _about_order(near: Snapshot, verdict: Verdict) -> Iterator[str]:
    """Say when another policy of the same tier and priority would have decided otherwise."""
    for side in (verdict.egress, verdict.ingress):
        if side.policy is None or side.rule is None or side.policy.tier is Tier.NETWORK_POLICY:
            continue
        rival = _rival(near, verdict, side, side.policy)
        if rival is not None:
            yield (
                f"{side.policy.ref.name} and {rival.ref.name} have the same tier and priority and disagree; "
                f"the API leaves the order open, here it goes by name"
            )


def _rival(near: Snapshot, verdict: Verdict, side: SideVerdict, decided: Policy) -> Policy | None:
    flow = verdict.flow
    subject = flow.source if side.direction is Direction.EGRESS else flow.destination
    for policy in policies_on(near, subject.pod, side.direction):
        if policy is decided or (policy.tier, policy.priority) != (decided.tier, decided.priority):
            continue
        rules = map(closed_rule, policy.rules(side.direction) or ())
        first = next((rule for rule in rules if matches(near, rule, flow, side.direction)), None)
        if first is not None and side.rule is not None and first.action is not side.rule.action:
            return policy
    return None


def _about_unreadable(near: Snapshot, pair: Pair) -> Iterator[str]:
    for party, direction in ((pair.source, Direction.EGRESS), (pair.destination, Direction.INGRESS)):
        for policy in policies_on(near, party, direction) if isinstance(party, Pod) else ():
            part = _unreadable_part(policy, direction)
            if part is not None:
                name = policy.ref.name
                yield f"{name} cannot be read at {part}: there an accept matches nothing and a deny everything"


def _unreadable_part(policy: Policy, direction: Direction) -> str | None:
    if isinstance(policy.subject, Unreadable):
        return "spec.podSelector" if policy.tier is Tier.NETWORK_POLICY else "spec.subject"
    for rule in policy.rules(direction) or ():
        for index, peer in enumerate(rule.peers or ()):
            if isinstance(peer, Unreadable):
                return f"{rule.path}.{rule.peers_field}[{index}]"
        for index, port in enumerate(rule.ports or ()):
            if isinstance(port, Unreadable):
                return f"{rule.path}.{rule.ports_field}[{index}]"
    return None


def _rules(near: Snapshot, pair: Pair) -> Iterator[tuple[Direction, Rule]]:
    """List the rules that are about one of the two ends."""
    for party, direction in ((pair.source, Direction.EGRESS), (pair.destination, Direction.INGRESS)):
        if isinstance(party, Pod):
            for policy in policies_on(near, party, direction):
                for rule in policy.rules(direction) or ():
                    yield direction, rule
