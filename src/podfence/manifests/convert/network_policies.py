"""NetworkPolicy: plain value to model, defaulted as the API server does, failing closed.

What the API server would refuse becomes ``Unreadable`` at the smallest part that contains it, so that it accepts
nothing (design: a peer or selector the engine cannot read). Values are read plain rather than typed, because a
field that the API does not have matters here: it may be the misspelt one that narrows a rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podfence.manifests.convert.fields import FieldProblems, UnreadableField, known_fields, mapping, wrong_type
from podfence.manifests.convert.parts import PEERS_FIELD, parts, unreadable
from podfence.manifests.convert.peers import network_policy_peer
from podfence.manifests.convert.ports import network_policy_port
from podfence.manifests.convert.selectors import read_selector
from podfence.model.objects import ObjectRef
from podfence.model.policy import (
    Action,
    AddressPeer,
    Direction,
    Peer,
    PodPeer,
    Policy,
    PortMatch,
    Rule,
    Tier,
    Unreadable,
)

_TOP_FIELDS = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
_SPEC_FIELDS = frozenset({"podSelector", "policyTypes", "ingress", "egress"})
_BOTH = (Direction.INGRESS, Direction.EGRESS)
_POLICY_TYPES = {"Ingress": Direction.INGRESS, "Egress": Direction.EGRESS}


def network_policy(value: Mapping[str, Any], ref: ObjectRef, problems: FieldProblems) -> Policy:
    """Convert a NetworkPolicy of ``networking.k8s.io/v1``, or of ``extensions/v1beta1`` with the same meaning.

    Without a spec it isolates every pod of its namespace for ingress (row D14). What could not be read is added
    to ``problems``. Never raises for a value that came out of YAML or JSON.
    """
    spec, complete = _spec(value, problems)
    directions = _directions(spec, problems, complete=complete)
    namespace = ref.namespace or ""
    # Rules of a direction that the policy does not speak of are inert, but the server judges them all the same.
    ingress = _rules(spec, Direction.INGRESS, namespace, problems)
    egress = _rules(spec, Direction.EGRESS, namespace, problems)
    return Policy(
        ref=ref,
        tier=Tier.NETWORK_POLICY,
        priority=0,
        subject=_subject(spec, namespace, problems, complete=complete),
        ingress=ingress if Direction.INGRESS in directions else None,
        egress=egress if Direction.EGRESS in directions else None,
    )


def _spec(value: Mapping[str, Any], problems: FieldProblems) -> tuple[dict[str, Any], bool]:
    """Give the spec and whether it surely holds all that was meant: no field is unknown or misplaced."""
    spec = value.get("spec")
    try:
        fields = mapping(spec, "spec")
        known_fields(fields, _SPEC_FIELDS, "spec")
        if spec is None:
            known_fields(dict(value), _TOP_FIELDS, "")
    except UnreadableField as fault:
        problems.append(fault.problem)
        return (spec if isinstance(spec, dict) else {}), False
    return fields, True


def _subject(spec: dict[str, Any], namespace: str, problems: FieldProblems, *, complete: bool) -> PodPeer | Unreadable:
    if spec.get("podSelector") is None and not complete:
        return Unreadable("podSelector is missing beside a field that the API does not have")
    try:
        pods = read_selector(spec.get("podSelector"), "spec.podSelector", checked=True)
        return PodPeer(namespace, None, pods)
    except UnreadableField as fault:
        problems.append(fault.problem)
        return unreadable(fault)


def _directions(spec: dict[str, Any], problems: FieldProblems, *, complete: bool) -> tuple[Direction, ...]:
    """Tell which directions a policy speaks of; both when that cannot be told (rows D01 to D08)."""
    written = spec.get("policyTypes")
    if written is None or written == []:
        if not complete:
            return _BOTH
        return (Direction.INGRESS,) if spec.get("egress") in (None, []) else _BOTH
    try:
        return _policy_types(written, "spec.policyTypes")
    except UnreadableField as fault:
        problems.append(fault.problem)
        return _BOTH


def _policy_types(written: object, path: str) -> tuple[Direction, ...]:
    if not isinstance(written, list):
        raise wrong_type(written, "a list", path)
    if len(written) > len(_POLICY_TYPES):
        raise UnreadableField(path, "may not have more than two entries")
    for index, item in enumerate(written):
        if not isinstance(item, str) or item not in _POLICY_TYPES:
            raise UnreadableField(f"{path}[{index}]", f'{item!r} is neither "Ingress" nor "Egress"')
    return tuple(_POLICY_TYPES[item] for item in written)


def _rules(spec: dict[str, Any], direction: Direction, namespace: str, problems: FieldProblems) -> tuple[Rule, ...]:
    path = f"spec.{direction.value}"
    written = spec.get(direction.value)
    if written is None:
        return ()
    if not isinstance(written, list):
        problems.append(wrong_type(written, "a list", path).problem)
        return ()
    return tuple(_rule(item, f"{path}[{index}]", direction, namespace, problems) for index, item in enumerate(written))


def _rule(value: object, path: str, direction: Direction, namespace: str, problems: FieldProblems) -> Rule:
    peers_field = PEERS_FIELD[direction]
    peers: tuple[Peer, ...] | None
    ports: tuple[PortMatch, ...] | None

    def read_peer(item: object, place: str) -> PodPeer | AddressPeer:
        return network_policy_peer(item, place, namespace)

    try:
        fields = mapping(value, path)
        known_fields(fields, (peers_field, "ports"), path)
    except UnreadableField as fault:
        problems.append(fault.problem)
        peers, ports = (unreadable(fault),), None
    else:
        peers = parts(fields.get(peers_field), f"{path}.{peers_field}", read_peer, problems)
        ports = parts(fields.get("ports"), f"{path}.ports", network_policy_port, problems)
    return Rule(Action.ACCEPT, peers, ports, path, peers_field, "ports")
