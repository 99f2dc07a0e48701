"""The ambient mesh by relation: what policies do to the tunnel between its pods."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import reduce
from operator import or_

import msgspec

from podfence.engine import bitset
from podfence.lint.found import Check, Found, rule_number
from podfence.lint.inspection import Inspection, Placed, readable_rules, speaks_of
from podfence.lint.manual.mesh import AMBIENT_CUT_OFF, AMBIENT_OPEN
from podfence.lint.mend import Add, Mend
from podfence.lint.names import is_one, pods_text, ports_text
from podfence.manifests.loaded import Identity
from podfence.model.net import Protocol
from podfence.model.policy import Direction, PodPeer, Policy, Rule

HBONE = 15008


def _mesh(inspection: Inspection) -> int:
    """Give the classes of pods in the mesh."""
    found: int | None = inspection.kept.get("mesh")
    if found is None:
        members = enumerate(inspection.members[: inspection.frame.classes.pods])
        found = bitset.make([number for number, pods in members if any(map(inspection.is_in_mesh, pods))])
        inspection.kept["mesh"] = found
    return found


def ambient_cut_off(inspection: Inspection) -> Iterator[Found]:
    """Find pods of the mesh between which a policy allows ports, but not the tunnel."""
    mesh = _mesh(inspection)
    for direction in Direction:
        others: dict[int, int] = defaultdict(int)
        ports_of: dict[int, int] = defaultdict(int)
        for source in bitset.members(mesh):
            for subject, other, ports in _without_tunnel(inspection, source, mesh, direction):
                others[subject] |= 1 << other
                ports_of[subject] |= ports
        for cut in _by_policy(inspection, others, direction):
            at = cut.others if direction is Direction.EGRESS else bitset.make(cut.numbers)
            ports = _ports_of_rules(inspection, cut.rules, at)
            yield _cut_off(inspection, cut, direction, ports or reduce(or_, map(ports_of.__getitem__, cut.numbers)))


class _Cut(msgspec.Struct):
    """Pods that a policy cuts off from others in the mesh, and its rules that let them through but for the tunnel."""

    policy: Policy
    numbers: list[int] = msgspec.field(default_factory=list)
    others: int = 0
    rules: list[Rule] = msgspec.field(default_factory=list)


def _by_policy(inspection: Inspection, others: Mapping[int, int], direction: Direction) -> Iterator[_Cut]:
    """Sort pods by the policies whose rules forget the tunnel, else by the first that isolates them."""
    found: dict[Identity, _Cut] = {}
    for number, cut_off in others.items():
        isolating = inspection.isolating(number, direction)
        named = [
            (policy, rules) for policy in isolating if (rules := _rules_for(inspection, policy, direction, cut_off))
        ]
        for policy, rules in named or [(isolating[0], [])]:
            cut = found.setdefault(policy.ref.identity, _Cut(policy))
            cut.numbers.append(number)
            cut.others |= cut_off & reduce(or_, map(inspection.peers, rules)) if rules else cut_off
            cut.rules.extend(rule for rule in rules if rule not in cut.rules)
    yield from found.values()


def _ports_of_rules(inspection: Inspection, rules: list[Rule], destinations: int) -> int:
    """Give the ports that rules allow at some destinations."""
    pieces = (piece for rule in rules for piece in inspection.frame.port_pieces(rule))
    return reduce(or_, (ports for ports, classes in pieces if classes & destinations), 0)


def _without_tunnel(
    inspection: Inspection, source: int, mesh: int, direction: Direction
) -> Iterator[tuple[int, int, int]]:
    """List the subjects that let a source in (or that a source leaves from) on ports, but not on the tunnel's."""
    egress = direction is Direction.EGRESS
    if egress and not inspection.is_isolated(source, direction):
        return
    parts = inspection.reach.leaving(source) if egress else inspection.entering(source)
    tunnel = 1 << inspection.frame.ports.find(Protocol.TCP, HBONE)
    open_tunnel = 0
    for ports, classes in parts:
        if ports & tunnel:
            open_tunnel |= classes
    for ports, classes in parts:
        reached = classes & mesh & ~open_tunnel & ~(1 << source)
        if not egress:
            reached &= inspection.reach.program.isolated[direction]
        for number in bitset.members(reached):
            yield (source, number, ports) if egress else (number, source, ports)


def _cut_off(inspection: Inspection, cut: _Cut, direction: Direction, ports: int) -> Found:
    egress, policy = direction is Direction.EGRESS, cut.policy
    pods = [pod for pod in inspection.pods(bitset.make(cut.numbers)) if inspection.is_in_mesh(pod)]
    far = pods_text(pod for pod in inspection.pods(cut.others) if inspection.is_in_mesh(pod))
    changes = tuple(Add(f"{rule.path}.{rule.ports_field}", ({"protocol": "TCP", "port": HBONE},)) for rule in cut.rules)
    leaves = "it leaves" if is_one(pods) else "they leave"
    moves = f"{leaves} for {far}" if egress else f"mesh traffic arrives from {far}"
    return Found(
        AMBIENT_CUT_OFF,
        policy.ref,
        f"spec.{direction.value}",
        f"{pods_text(pods)} {'is' if is_one(pods) else 'are'} in the ambient mesh: {moves} on TCP {HBONE}, but "
        f"{policy.ref} allows only {ports_text(inspection.frame, ports)}.",
        felt="connections inside the mesh are reset or time out, those from outside the mesh work.",
        hint=f"both sides need TCP {HBONE}: who leaves, and who is entered",
        mends=(Mend(policy.ref, changes),) if changes and policy.ref.namespace is not None else (),
    )


def _rules_for(inspection: Inspection, policy: Policy, direction: Direction, others: int) -> list[Rule]:
    """List the rules that should hold the tunnel's port: those that name the other pods, else those for everybody."""
    if policy.ref.identity in inspection.refused:
        return []
    rules = [
        rule
        for rule in readable_rules(policy, direction)
        if rule.ports is not None and not speaks_of(rule, Protocol.TCP, HBONE)
    ]
    naming = [rule for rule in rules if rule.peers is not None and inspection.peers(rule) & others]
    return naming or [rule for rule in rules if rule.peers is None]


def ambient_open(inspection: Inspection) -> Iterator[Found]:
    """Find the tunnel's port open to everybody where rules for other ports restrict who may connect."""
    mesh = _mesh(inspection)
    for placed in inspection.rules(Direction.INGRESS) if mesh else ():
        index = _tunnel_index(placed)
        subjects = inspection.subjects(placed.policy) & mesh
        if index is None or not subjects or not _is_for_everybody(placed):
            continue
        narrow = [
            other
            for number in bitset.members(subjects)
            for other in inspection.accepts(number, Direction.INGRESS)
            if other.rule.ports is not None
            and other.rule.peers is not None
            and not speaks_of(other.rule, Protocol.TCP, HBONE)
        ]
        if narrow:
            yield Found(
                AMBIENT_OPEN,
                placed.policy.ref,
                f"{placed.rule.path}.{placed.rule.ports_field}[{index}]",
                f"{rule_number(placed)} opens TCP {HBONE} of {inspection.text(subjects)} to everybody, so "
                f"{rule_number(narrow[0]).lower()} of {narrow[0].policy.ref} no longer restricts pods of the mesh: "
                f"through the tunnel they reach every port.",
                felt="nothing; more pods can connect than the rules for single ports say.",
                hint="name the same peers here, or restrict ports with an AuthorizationPolicy",
            )


def _tunnel_index(placed: Placed) -> int | None:
    """Find the port item that means the tunnel, and nothing but a single port."""
    for index, item in enumerate(placed.rule.ports or ()):
        if getattr(item, "first", None) == HBONE and getattr(item, "last", None) == HBONE:
            return index
    return None


def _is_for_everybody(placed: Placed) -> bool:
    if placed.rule.peers is None:
        return True
    return any(
        isinstance(peer, PodPeer)
        and peer.namespace is None
        and not (peer.namespace_selector and peer.namespace_selector.requirements)
        and not peer.pod_selector.requirements
        for peer in placed.rule.peers
    )


CHECKS = (
    Check(AMBIENT_CUT_OFF, ambient_cut_off, by_profile=True),
    Check(AMBIENT_OPEN, ambient_open, by_profile=True),
)
