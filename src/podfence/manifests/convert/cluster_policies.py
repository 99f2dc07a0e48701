"""The cluster-scoped policies of every version: plain value to model, failing closed.

AdminNetworkPolicy and BaselineAdminNetworkPolicy v1alpha1 and ClusterNetworkPolicy v1alpha2 differ in words
(``Allow`` and ``Accept``, ``ports`` and ``protocols``), in what a peer may be and in where the tier is written;
``Dialect`` holds the differences (facts: semantics 3.1, 3.2). A rule of which a part cannot be read accepts
nothing and denies everything; a policy whose place in the order cannot be read denies first of all and accepts
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from podfence.manifests.convert.fields import (
    FieldProblems,
    UnreadableField,
    known_fields,
    text,
    whole_number,
    wrong_type,
)
from podfence.manifests.convert.parts import PEERS_FIELD, parts, unreadable
from podfence.manifests.convert.peers import PeerKinds, cluster_peer, cluster_subject
from podfence.manifests.convert.ports import admin_policy_port, cluster_policy_protocol
from podfence.model.objects import ObjectRef
from podfence.model.policy import (
    Action,
    Direction,
    Peer,
    PodPeer,
    Policy,
    PortName,
    PortRange,
    Rule,
    Tier,
    Unreadable,
)

_PRIORITIES = range(1001)
_TIERS = {"Admin": Tier.ADMIN, "Baseline": Tier.BASELINE}
_RULE_FIELDS = ("name", "action")


class Dialect(msgspec.Struct, frozen=True):
    """How one kind and version spells its policies; ``tier`` is ``None`` where the policy names it itself."""

    tier: Tier | None
    spec_fields: tuple[str, ...]
    actions: Mapping[str, Action]
    peers: PeerKinds
    ports_field: str
    read_port: Callable[[object, str], PortRange | PortName]


_PLACES = ("namespaces", "pods", "networks", "nodes")
_ALLOW_DENY = {"Allow": Action.ACCEPT, "Deny": Action.DENY}

ADMIN = Dialect(
    tier=Tier.ADMIN,
    spec_fields=("priority", "subject", "ingress", "egress"),
    actions={**_ALLOW_DENY, "Pass": Action.PASS},
    peers=PeerKinds(both_selectors=True, egress=(*_PLACES, "domainNames")),
    ports_field="ports",
    read_port=admin_policy_port,
)
BASELINE_ADMIN = Dialect(
    tier=Tier.BASELINE,
    spec_fields=("subject", "ingress", "egress"),
    actions=_ALLOW_DENY,
    peers=PeerKinds(both_selectors=True, egress=_PLACES),
    ports_field="ports",
    read_port=admin_policy_port,
)
CLUSTER = Dialect(
    tier=None,
    spec_fields=("tier", "priority", "subject", "ingress", "egress"),
    actions={"Accept": Action.ACCEPT, "Deny": Action.DENY, "Pass": Action.PASS},
    peers=PeerKinds(both_selectors=False, egress=(*_PLACES, "domainNames")),
    ports_field="protocols",
    read_port=cluster_policy_protocol,
)


def cluster_policy(value: Mapping[str, Any], ref: ObjectRef, dialect: Dialect, problems: FieldProblems) -> Policy:
    """Convert a cluster-scoped policy; what could not be read is added to ``problems``.

    Never raises for a value that came out of YAML or JSON.
    """
    spec, unknown_lists = _spec(value, dialect, problems)
    place = _place(spec, dialect, problems)
    subject = _subject(spec, dialect, problems)
    ingress, egress = (
        _rules(spec, direction, dialect, problems, unknown_lists=unknown_lists)
        for direction in (Direction.INGRESS, Direction.EGRESS)
    )
    if place is None:
        ingress, egress = _out_of_order(ingress), _out_of_order(egress)
    tier, priority = place or (Tier.ADMIN, 0)
    return Policy(ref, tier, priority, subject, ingress, egress)


def _spec(
    value: Mapping[str, Any], dialect: Dialect, problems: FieldProblems
) -> tuple[dict[str, Any], UnreadableField | None]:
    """Give the spec, and what is wrong with it if it may hold rules under a name that the API does not have."""
    spec = value.get("spec")
    if not isinstance(spec, dict):
        problems.append(wrong_type(spec, "a mapping", "spec").problem)
        return {}, None
    try:
        known_fields(spec, dialect.spec_fields, "spec")
    except UnreadableField as fault:
        problems.append(fault.problem)
        lists = any(isinstance(spec[field], list) for field in spec if field not in dialect.spec_fields)
        return spec, fault if lists else None
    return spec, None


def _subject(spec: dict[str, Any], dialect: Dialect, problems: FieldProblems) -> PodPeer | Unreadable:
    try:
        return cluster_subject(spec.get("subject"), "spec.subject", dialect.peers)
    except UnreadableField as fault:
        problems.append(fault.problem)
        return unreadable(fault)


def _place(spec: dict[str, Any], dialect: Dialect, problems: FieldProblems) -> tuple[Tier, int] | None:
    """Read where a policy stands in the order, ``None`` when it cannot be told."""
    place = True
    tier, priority = dialect.tier, 0
    if tier is None:
        written = spec.get("tier")
        tier = _TIERS.get(written) if isinstance(written, str) else None
        if tier is None:
            problems.append(UnreadableField("spec.tier", 'must be "Admin" or "Baseline"').problem)
    if "priority" in dialect.spec_fields:
        try:
            priority = _priority(spec.get("priority"))
        except UnreadableField as fault:
            problems.append(fault.problem)
            place = False
    return (tier, priority) if tier is not None and place else None


def _priority(value: object) -> int:
    priority = whole_number(value, "spec.priority")
    if priority not in _PRIORITIES:
        raise UnreadableField("spec.priority", f"{priority} is not within 0 to {_PRIORITIES[-1]}")
    return priority


def _out_of_order(rules: tuple[Rule, ...] | None) -> tuple[Rule, ...] | None:
    """Close the rules of a policy that may stand anywhere: they accept nothing and pass nothing on."""
    if rules is None:
        return None
    reason = Unreadable("the tier or priority of the policy cannot be read")
    return tuple(
        rule
        if rule.action is Action.DENY
        else msgspec.structs.replace(
            rule, action=Action.ACCEPT if rule.action is Action.ACCEPT else Action.DENY, peers=(reason,)
        )
        for rule in rules
    )


def _rules(
    spec: dict[str, Any],
    direction: Direction,
    dialect: Dialect,
    problems: FieldProblems,
    *,
    unknown_lists: UnreadableField | None,
) -> tuple[Rule, ...] | None:
    path = f"spec.{direction.value}"
    written = spec.get(direction.value)
    if written is None:
        # Rules under a misspelt name may deny; without the name nobody knows in which direction.
        if unknown_lists is None:
            return None
        return (_closed_rule(None, unknown_lists, "spec", direction, dialect),)
    if not isinstance(written, list):
        fault = wrong_type(written, "a list", path)
        problems.append(fault.problem)
        return (_closed_rule(written, fault, path, direction, dialect),)
    return tuple(_rule(item, f"{path}[{index}]", direction, dialect, problems) for index, item in enumerate(written))


def _closed_rule(value: object, fault: UnreadableField, path: str, direction: Direction, dialect: Dialect) -> Rule:
    """Stand for a rule that cannot be read: it denies everything unless it surely wanted to accept."""
    written = value.get("action") if isinstance(value, dict) else None
    action = dialect.actions.get(written) if isinstance(written, str) else None
    return Rule(
        action=Action.ACCEPT if action is Action.ACCEPT else Action.DENY,
        peers=(unreadable(fault),),
        ports=None,
        path=path,
        peers_field=PEERS_FIELD[direction],
        ports_field=dialect.ports_field,
    )


def _rule(value: object, path: str, direction: Direction, dialect: Dialect, problems: FieldProblems) -> Rule:
    peers_field, ports_field = PEERS_FIELD[direction], dialect.ports_field
    try:
        if not isinstance(value, dict):
            raise wrong_type(value, "a mapping", path)
        known_fields(value, (*_RULE_FIELDS, peers_field, ports_field), path)
    except UnreadableField as fault:
        problems.append(fault.problem)
        return _closed_rule(value, fault, path, direction, dialect)

    def read_peer(item: object, place: str) -> Peer:
        return cluster_peer(item, place, dialect.peers, direction)

    return Rule(
        action=_action(value.get("action"), f"{path}.action", dialect, problems),
        peers=_peers(value, f"{path}.{peers_field}", peers_field, read_peer, problems),
        ports=parts(value.get(ports_field), f"{path}.{ports_field}", dialect.read_port, problems, at_least_one=True),
        path=path,
        peers_field=peers_field,
        ports_field=ports_field,
        name=_name(value.get("name"), f"{path}.name", problems),
    )


def _peers(
    rule: dict[str, Any],
    path: str,
    field: str,
    read: Callable[[object, str], Peer],
    problems: FieldProblems,
) -> tuple[Peer, ...]:
    """Read the peers, which are required: a rule without any is refused, it does not mean everybody."""
    written = rule.get(field)
    return parts([] if written is None else written, path, read, problems, at_least_one=True) or ()


def _action(value: object, path: str, dialect: Dialect, problems: FieldProblems) -> Action:
    action = dialect.actions.get(value) if isinstance(value, str) else None
    if action is None:
        problems.append(UnreadableField(path, f"must be one of {', '.join(dialect.actions)}").problem)
        return Action.DENY
    return action


def _name(value: object, path: str, problems: FieldProblems) -> str:
    try:
        return text(value, path)
    except UnreadableField as fault:
        problems.append(fault.problem)
        return ""
