"""What has no effect: exclusions that are let in elsewhere, rules that others cover, rules that one side forgets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from podfence.engine import bitset
from podfence.lint.found import Check, Found, rule_number
from podfence.lint.implied import excludes, peer_covers, ports_cover, rule_covers, selector_covers
from podfence.lint.inspection import Inspection, Placed, readable_rules
from podfence.lint.manual.effect import EXCLUSION_VOID, ONE_SIDE_ONLY, WITHOUT_EFFECT
from podfence.lint.mend import Drop, Mend
from podfence.lint.names import and_more
from podfence.lint.opening import openings
from podfence.lint.peers import peer_text, peers_of_pods
from podfence.manifests.manual.rule import Severity
from podfence.model.labels import Operator, Requirement, Selector
from podfence.model.net import intersect, parse_cidr, subtract, union
from podfence.model.policy import Action, AddressPeer, Direction, Peer, PodPeer, Policy, Rule, Tier, Unreadable

_Other = tuple[Rule, int, Peer]

_MOST_ORDERED = 1_000
"""How many rules of an ordered tier are held against those before them; nobody has more on purpose."""


def exclusion_void(inspection: Inspection) -> Iterator[Found]:
    """Find peers that another peer of the same policy covers, or whose exclusion it lets in."""
    for placed in inspection.rules():
        if placed.policy.tier is not Tier.NETWORK_POLICY or not placed.rule.peers:
            continue
        others = [
            (rule, index, peer)
            for rule in readable_rules(placed.policy, placed.direction)
            if ports_cover(rule.ports, placed.rule.ports)
            for index, peer in enumerate(rule.peers or ())
        ]
        for index, peer in enumerate(placed.rule.peers):
            mine = [item for item in others if not (item[0] is placed.rule and item[1] == index)]
            found = _letting_in(peer, mine) if excludes(peer) else []
            if found:
                yield _void(placed, index, peer, found)
            elif not excludes(peer):
                yield from _covered(placed, index, peer, mine)


def _letting_in(peer: Peer, others: Sequence[_Other]) -> list[_Other]:
    """Find the peer that lets in what this one leaves out, or the blocks that do so together."""
    for item in others:
        if peer_covers(item[2], peer):
            return [item]
    if not isinstance(peer, AddressPeer):
        return []
    holes = subtract((parse_cidr(peer.text.partition(" except ")[0]),), peer.ranges)
    blocks = [item for item in others if isinstance(item[2], AddressPeer) and intersect(item[2].ranges, holes)]
    for item in blocks:
        if isinstance(item[2], AddressPeer) and not subtract(holes, item[2].ranges):
            return [item]
    filled = union(piece for item in blocks if isinstance(item[2], AddressPeer) for piece in item[2].ranges)
    return blocks if holes and not subtract(holes, filled) else []


def _void(placed: Placed, index: int, peer: Peer, by: list[_Other]) -> Found:
    names = and_more([_where(placed, *item) for item in by])
    rule, position, _ = by[0]
    mends: tuple[Mend, ...] = ()
    if len(by) == 1 and len(rule.peers or ()) > 1:
        path = f"{rule.path}.{rule.peers_field}[{position}]"
        mends = (Mend(placed.policy.ref, (Drop(path),), opens=False, closes=True),)
    return Found(
        EXCLUSION_VOID,
        placed.policy.ref,
        f"{placed.rule.path}.{placed.rule.peers_field}[{index}]",
        f"{rule_number(placed)}, peer {index + 1} ({peer_text(peer)}) leaves somebody out, and {names} "
        f"let{'s' if len(by) == 1 else ''} them in: peers are joined by OR, so the exclusion has no effect.",
        felt="nothing; those who should be kept out are let through.",
        mends=mends,
    )


def _where(placed: Placed, rule: Rule, position: int, peer: Peer) -> str:
    place = f"peer {position + 1}" if rule is placed.rule else f"{rule.path}, peer {position + 1}"
    return f"{place} ({peer_text(peer)})"


def _covered(placed: Placed, index: int, peer: Peer, others: Sequence[_Other]) -> Iterator[Found]:
    for rule, position, wide in others:
        if rule is not placed.rule or not peer_covers(wide, peer):
            continue
        if peer_covers(peer, wide) and position > index:
            continue  # of two that cover each other only the later one is named
        yield Found(
            EXCLUSION_VOID,
            placed.policy.ref,
            f"{placed.rule.path}.{placed.rule.peers_field}[{index}]",
            f"{rule_number(placed)}: peer {position + 1} ({peer_text(wide)}) already allows everything that peer "
            f"{index + 1} ({peer_text(peer)}) allows.",
            mends=(Mend(placed.policy.ref, (Drop(f"{rule.path}.{rule.peers_field}[{index}]"),), opens=False),),
            severity=Severity.INFO,
        )
        return


def without_effect(inspection: Inspection) -> Iterator[Found]:
    """Find rules that other rules for the same pods, and perhaps more, cover altogether."""
    spaces: dict[str | None, list[Placed]] = defaultdict(list)
    for placed in inspection.rules():
        if placed.policy.tier is Tier.NETWORK_POLICY:
            spaces[placed.policy.ref.namespace].append(placed)
    for listed in spaces.values():
        yield from _without_effect_in(listed)
    yield from shadowed(inspection)


def shadowed(inspection: Inspection) -> Iterator[Found]:
    """Find rules of the ordered tiers that come after one that decides everything they speak of."""
    tiers: dict[tuple[Tier, Direction], list[Placed]] = defaultdict(list)
    for policy in sorted(inspection.policies, key=lambda policy: policy.order):
        for direction in Direction:
            for rule in readable_rules(policy, direction):
                if policy.tier is not Tier.NETWORK_POLICY:
                    tiers[policy.tier, direction].append(Placed(policy, direction, rule))
    for listed in tiers.values():
        for number, placed in enumerate(listed[:_MOST_ORDERED]):
            before = next((other for other in listed[:number] if _decides(other, placed)), None)
            if before is not None:
                yield _shadowed_by(placed, before)


def _decides(before: Placed, placed: Placed) -> bool:
    """Tell whether an earlier rule decides all that a later one speaks of, whatever pods there will be."""
    if before.policy is not placed.policy and before.policy.priority == placed.policy.priority:
        return False  # nobody has said which comes first
    wide, narrow = before.policy.subject, placed.policy.subject
    if isinstance(wide, Unreadable) or isinstance(narrow, Unreadable) or not peer_covers(wide, narrow):
        return False
    return rule_covers(before.rule, placed.rule)


def _shadowed_by(placed: Placed, before: Placed) -> Found:
    where = "" if before.policy is placed.policy else f" of {before.policy.ref.kind} {before.policy.ref}"
    action = before.rule.action.value
    void = placed.rule.action is Action.DENY and before.rule.action is not Action.DENY
    return Found(
        WITHOUT_EFFECT,
        placed.policy.ref,
        placed.rule.path,
        f"{rule_number(placed)} never decides anything: {rule_number(before).lower()}{where} comes before it and says "
        f"{action} to everything that it speaks of.",
        felt="nothing; what should be denied is let through." if void else "",
        mends=() if void else (Mend(placed.policy.ref, (Drop(placed.rule.path),), opens=False),),
        severity=Severity.WARNING if void else None,
    )


def _without_effect_in(listed: list[Placed]) -> Iterator[Found]:
    """Walk backwards through the rules of a namespace, and name each that those that stay cover."""
    by_subject: dict[tuple[Selector, Direction], list[Placed]] = defaultdict(list)
    for placed in listed:
        by_subject[_selector(placed.policy), placed.direction].append(placed)
    wider = _wider(by_subject)
    gone: set[int] = set()
    found: list[tuple[Placed, Placed]] = []
    for placed in reversed(listed):
        for rules in wider[_selector(placed.policy), placed.direction]:
            by = next((other for other in rules if _makes_idle(other, placed, gone)), None)
            if by is not None:
                gone.add(id(placed.rule))
                found.append((placed, by))
                break
    yield from (_idle(placed, by) for placed, by in reversed(found))


def _wider(
    by_subject: Mapping[tuple[Selector, Direction], list[Placed]],
) -> dict[tuple[Selector, Direction], list[list[Placed]]]:
    """List, for each subject, the rules of those that cover it, found by a label that both must name."""
    named: dict[tuple[Direction, Requirement | None], list[tuple[Selector, list[Placed]]]] = defaultdict(list)
    for (subject, direction), rules in by_subject.items():
        exact = next(
            (item for item in subject.requirements if item.operator is Operator.IN and len(item.values) == 1), None
        )
        named[direction, exact].append((subject, rules))
    return {
        (subject, direction): [
            rules
            for label in (None, *subject.requirements)
            for other, rules in named.get((direction, label), ())
            if selector_covers(other, subject)
        ]
        for subject, direction in by_subject
    }


def _selector(policy: Policy) -> Selector:
    return policy.subject.pod_selector if isinstance(policy.subject, PodPeer) else Selector()


def _makes_idle(other: Placed, placed: Placed, gone: set[int]) -> bool:
    return other.rule is not placed.rule and id(other.rule) not in gone and rule_covers(other.rule, placed.rule)


def _idle(placed: Placed, by: Placed) -> Found:
    where = "" if by.policy is placed.policy else f" of {by.policy.ref}"
    return Found(
        WITHOUT_EFFECT,
        placed.policy.ref,
        placed.rule.path,
        f"{rule_number(placed)} allows nothing that {rule_number(by).lower()}{where} does not allow for the same pods: "
        f"without it nothing changes.",
        mends=(Mend(placed.policy.ref, (Drop(placed.rule.path),), opens=False),),
    )


def one_side_only(inspection: Inspection) -> Iterator[Found]:
    """Find rules by which nobody connects, because the other side lets none of them through."""
    for placed in inspection.rules():
        if placed.policy.tier is not Tier.NETWORK_POLICY or placed.rule.peers is None:
            continue
        near = inspection.subjects(placed.policy) & inspection.known
        for index, peer in enumerate(placed.rule.peers):
            if not isinstance(peer, PodPeer) or not peer.pod_selector.requirements:
                continue
            far = inspection.frame.classes.select(peer) & inspection.known
            if (
                near
                and far
                and not _connects(inspection, placed, near, far)
                and not _may(inspection, placed, near, far)
            ):
                yield _one_side(inspection, placed, index, near, far)


def _connects(inspection: Inspection, placed: Placed, near: int, far: int) -> bool:
    """Tell whether a pod on the near side and one on the far side connect on any port of the rule."""
    egress = placed.direction is Direction.EGRESS
    sources, destinations = (near, far) if egress else (far, near)
    pieces = inspection.frame.port_pieces(placed.rule)
    for source in bitset.members(sources):
        parts = inspection.entering(source) if egress else inspection.reach.leaving(source)
        for ports, classes in parts:
            for wanted, among in pieces:
                both = classes & destinations & among if ports & wanted else 0
                if both & ~(1 << source) or (both and inspection.frame.classes.sizes[source] > 1):
                    return True
    return not any(destinations & among for _, among in pieces) or sources == destinations


def _may(inspection: Inspection, placed: Placed, near: int, far: int) -> bool:
    """Tell whether the far side may let the near one through by what the input does not tell."""
    other = Direction.INGRESS if placed.direction is Direction.EGRESS else Direction.EGRESS
    pods = inspection.pods(near)
    return any(
        inspection.may_mean(accepting.rule, pods)
        for number in bitset.members(far)
        for accepting in inspection.accepts(number, other)
    )


def _one_side(inspection: Inspection, placed: Placed, index: int, near: int, far: int) -> Found:
    egress = placed.direction is Direction.EGRESS
    other = Direction.INGRESS if egress else Direction.EGRESS
    sources, destinations = (near, far) if egress else (far, near)
    blamed = inspection.to_blame([n for n in bitset.members(far) if inspection.is_isolated(n, other)], other)
    start, end = inspection.text(sources), inspection.text(destinations)
    subject = end if egress else start
    policies = and_more([str(policy.ref) for policy, _ in blamed], 3)
    one = len(blamed) == 1
    because = (
        f"{policies} isolate{'s' if one else ''} {subject} for {other.value} and let{'s' if one else ''} none of it"
    )
    if not blamed:
        because = f"on the {other.value} side of {subject} {_denying(inspection, far, other)}"
    doing = "leave for" if egress else "enter"
    mends: tuple[Mend, ...] = ()
    if len(blamed) == 1 and len(blamed[0][1]) == far.bit_count():
        policy = blamed[0][0]
        ports = _ports(inspection, placed)
        if policy.ref.namespace is not None:
            peers = peers_of_pods(inspection, inspection.pods(near), policy.ref.namespace)
            rule: dict[str, Any] = {"from" if egress else "to": peers, **({"ports": ports} if ports else {})}
            mends = openings(inspection, policy, inspection.pods(far), other, rule)
    return Found(
        ONE_SIDE_ONLY,
        placed.policy.ref,
        f"{placed.rule.path}.{placed.rule.peers_field}[{index}]",
        f"{rule_number(placed)} lets {start} {doing} {end}, but {because} through.",
        felt=f"connections from {_short(inspection, sources)} to {_short(inspection, destinations)} time out.",
        hint="a connection needs both sides: egress of the source, ingress of the destination",
        mends=mends,
    )


def _denying(inspection: Inspection, classes: int, direction: Direction) -> str:
    """Name the cluster-scoped policies that deny something to some classes."""
    found = {
        f"{policy.ref.kind} {policy.ref}": None
        for number in bitset.members(classes)
        if number < inspection.frame.classes.pods
        for policy in inspection.selecting[direction][number]
        if any(rule.action is Action.DENY for rule in policy.rules(direction) or ())
    }
    verb = "lets" if len(found) == 1 else "let"
    return f"{and_more(list(found), 3)} {verb} none of it" if found else "nothing lets it"


def _ports(inspection: Inspection, placed: Placed) -> list[Any]:
    """Give the ports of a rule as they are written."""
    document = inspection.documents.get(placed.policy.ref.identity, {})
    spec = document.get("spec") or {}
    number = int(placed.rule.path.rpartition("[")[2].removesuffix("]"))
    ports = spec[placed.direction.value][number].get("ports")
    return list(ports) if isinstance(ports, list) else []


def _short(inspection: Inspection, classes: int) -> str:
    names = dict.fromkeys(f"{pod.namespace}/{pod.workload[1] or pod.name}" for pod in inspection.pods(classes))
    return and_more(list(names), 3)


CHECKS = (
    Check(EXCLUSION_VOID, exclusion_void),
    Check(ONE_SIDE_ONLY, one_side_only),
    Check(WITHOUT_EFFECT, without_effect),
)
