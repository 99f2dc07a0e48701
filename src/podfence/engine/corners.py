"""What a verdict rests on where the APIs say nothing, or say it where few look: said with the verdict.

Each sentence is one decision of ``docs/semantics.md`` that took part in this very answer.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from podfence.engine.decide import decide, is_governed, is_own_node, matches, policies_on
from podfence.engine.fail_closed import closed_rule
from podfence.engine.judge import Domain, Outside, Party, possible_addresses
from podfence.engine.question import Pair
from podfence.model.net import AddressRange, Family, Protocol, family_of, format_address
from podfence.model.objects import Node, Pod
from podfence.model.policy import AddressPeer, Direction, DomainPeer, Policy, PortName, Rule, Tier, Unreadable
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import DecidedIn, End, SideVerdict, Verdict


def corners(near: Snapshot, pair: Pair, verdict: Verdict) -> tuple[str, ...]:
    """List the sentences that belong to a verdict, each once."""
    found = [
        *_about_ends(pair),
        *_about_families(near, pair),
        *_about_sides(verdict),
        *_about_ports(near, pair),
        *_about_addresses(near, pair, verdict),
        *_about_names(near, pair, verdict),
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


def _about_families(near: Snapshot, pair: Pair) -> Iterator[str]:
    """Say when no packet can travel, which is no business of policies: they allow what they do not deny."""
    ends = (pair.source, pair.destination)
    (source, others), (destination, families) = ((party, _families(near, party)) for party in ends)
    if others and families and others.isdisjoint(families):
        (mine,), (theirs,) = others, families
        yield (
            f"{_name(source)} has only IPv{mine.value} addresses and {_name(destination)} only IPv{theirs.value} ones: "
            f"no packet can travel between them, whatever policies say"
        )


def _families(near: Snapshot, party: Party) -> set[Family]:
    """Give the families of the addresses of an end as far as they are known; none for a host known by name."""
    known = isinstance(party, Outside) or (isinstance(party, Pod | Node) and party.addresses)
    return {family_of(piece.first) for piece in possible_addresses(near, party)} if known else set()


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
    if not is_governed(End(pod=destination)):
        return
    asked = (pair.protocol, pair.port)
    items = {item for _, rule in _rules(near, pair) for item in rule.ports or () if isinstance(item, PortName)}
    for item in sorted(items, key=lambda item: (item.name, item.protocol or "")):
        numbers = _numbers(destination, item)
        if len(numbers) > 1 and asked in numbers:
            listed = " and ".join(f"{protocol.value} {number}" for protocol, number in numbers)
            pod = f"{destination.namespace}/{destination.name}"
            yield f'{pod} declares port "{item.name}" as {listed}: a rule by this name means any of them'


def _numbers(pod: Pod, wanted: PortName) -> list[tuple[Protocol, int]]:
    """Give all that a port name means at a pod: the protocol must match, too, where the rule has one."""
    found = {
        (item.protocol, item.number)
        for item in pod.named_ports
        if item.name == wanted.name and wanted.protocol in (None, item.protocol)
    }
    return sorted(found)


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


def _about_names(near: Snapshot, pair: Pair, verdict: Verdict) -> Iterator[str]:
    """Say when an address that is denied may be that of a host whose name is allowed."""
    source = pair.source
    if verdict.egress.allowed or not isinstance(pair.destination, Outside) or not isinstance(source, Pod):
        return
    peers = (peer for _, rule in _rules(near, pair) for peer in rule.peers or () if isinstance(peer, DomainPeer))
    names = dict.fromkeys(name for peer in peers for name in peer.names)
    address = verdict.flow.destination.address
    ends = ((name, End(domain=name, address=address)) for name in names)
    flows = ((name, msgspec.structs.replace(verdict.flow, destination=end)) for name, end in ends)
    allowed = [name for name, flow in flows if decide(near, flow).egress.allowed]
    if allowed:
        yield (
            f"{', '.join(allowed)} may be reached by name: once {_name(source)} has looked one of them up, "
            f"the addresses that it was told are that host"
        )


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
            fault = _fault(policy, direction)
            if fault:
                yield f"{policy.ref.name}{fault}"


def _fault(policy: Policy, direction: Direction) -> str:
    """Say after a policy's name what of it cannot be read; empty when all can be."""
    if isinstance(policy.subject, Unreadable):
        return _where_unreadable(
            policy.subject, "spec.podSelector" if policy.tier is Tier.NETWORK_POLICY else "spec.subject"
        )
    for rule in policy.rules(direction) or ():
        for field, parts in ((rule.peers_field, rule.peers), (rule.ports_field, rule.ports)):
            for index, part in enumerate(parts or ()):
                if isinstance(part, Unreadable):
                    return _where_unreadable(part, f"{rule.path}.{field}[{index}]")
    return ""


def _where_unreadable(part: Unreadable, place: str) -> str:
    """Say where the fault is, which may be elsewhere than in the part that it makes unreadable."""
    if part.reason.startswith("spec"):
        path = part.reason.partition(": ")[0]
        exact = place if path.startswith(place) else path
        return f" cannot be read at {exact}: there an accept matches nothing and a deny everything"
    return f": {part.reason}, so that it accepts nothing"


def _rules(near: Snapshot, pair: Pair) -> Iterator[tuple[Direction, Rule]]:
    """List the rules that are about one of the two ends."""
    for party, direction in ((pair.source, Direction.EGRESS), (pair.destination, Direction.INGRESS)):
        if isinstance(party, Pod):
            for policy in policies_on(near, party, direction):
                for rule in policy.rules(direction) or ():
                    yield direction, rule
