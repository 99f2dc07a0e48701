"""NetworkPolicy as the server treats it: defaults, validation, warnings, and the form it stores.

Every function takes the decoded object (see ``decoding``); none changes it (facts: semantics 1.1 to 1.10;
k8s.io/kubernetes pkg/apis/networking).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from podfence.manifests.validation.cause import Cause, forbidden, invalid, not_supported, required
from podfence.manifests.validation.ip_block import CidrRegime, Warned, cidr_warnings, validate_ip_block
from podfence.manifests.validation.ports import validate_port
from podfence.manifests.validation.selectors import validate_selector

Object = Mapping[str, Any]

POLICY_TYPES = ("Ingress", "Egress")
_DIRECTIONS = (("ingress", "from"), ("egress", "to"))


def default_network_policy(policy: Object) -> dict[str, Any]:
    """Fill in what the server fills in: TCP for a missing protocol, policyTypes from the rules (rows D01 to D19)."""
    spec = dict(policy.get("spec") or {})
    for direction, _ in _DIRECTIONS:
        if spec.get(direction):
            spec[direction] = [_with_protocols(rule) for rule in spec[direction]]
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    return {**policy, "spec": spec}


def _with_protocols(rule: Object) -> Object:
    ports = rule.get("ports")
    if not ports:
        return rule
    return {**rule, "ports": [port if "protocol" in port else {"protocol": "TCP", **port} for port in ports]}


def validate_spec(
    spec: Object, regime: CidrRegime, *, any_value: bool = False, allowed: Collection[str] = ()
) -> Iterator[Cause]:
    """Judge a defaulted spec: podSelector, then each rule's ports and peers, then policyTypes.

    ``any_value`` and ``allowed`` are what an update tolerates because the stored policy already had it (facts: 1.5).
    """
    yield from validate_selector(spec.get("podSelector") or {}, "spec.podSelector", any_value=any_value)
    for direction, peers in _DIRECTIONS:
        for index, rule in enumerate(spec.get(direction) or ()):
            path = f"spec.{direction}[{index}]"
            for at, port in enumerate(rule.get("ports") or ()):
                yield from validate_port(port, f"{path}.ports[{at}]")
            for at, peer in enumerate(rule.get(peers) or ()):
                field = f"{path}.{peers}[{at}]"
                yield from _peer(peer, field, regime, any_value=any_value, allowed=allowed)
    yield from _policy_types(spec.get("policyTypes") or ())


def _peer(
    peer: Object, field: str, regime: CidrRegime, *, any_value: bool, allowed: Collection[str]
) -> Iterator[Cause]:
    selectors = [name for name in ("podSelector", "namespaceSelector") if name in peer]
    for name in selectors:
        yield from validate_selector(peer[name], f"{field}.{name}", any_value=any_value)
    if "ipBlock" in peer:
        yield from validate_ip_block(peer["ipBlock"], f"{field}.ipBlock", regime, allowed)
        if selectors:
            yield forbidden(field, "may not specify both ipBlock and another peer", "peer-mixed")
    elif not selectors:
        yield required(field, "must specify a peer", "peer-empty")


def _policy_types(policy_types: Collection[str]) -> Iterator[Cause]:
    if len(policy_types) > len(POLICY_TYPES):
        detail = "may not specify more than two policyTypes"
        yield invalid("spec.policyTypes", list(policy_types), detail, "policy-types")
        return
    for index, policy_type in enumerate(policy_types):
        if policy_type not in POLICY_TYPES:
            field = f"spec.policyTypes[{index}]"
            yield not_supported(field, policy_type, POLICY_TYPES, "policy-types", named_type=True)


def validate_spec_update(new: Object, old: Object, regime: CidrRegime) -> Iterator[Cause]:
    """Judge a changed spec: what the stored one already had wrong in values and CIDRs passes (rows L27, I25, I26)."""
    stored_selector = old.get("podSelector") or {}
    any_value = any(True for _ in validate_selector(stored_selector, ""))
    allowed = frozenset(text for _, text in cidr_texts(old))
    yield from validate_spec(new, regime, any_value=any_value, allowed=allowed)


def cidr_texts(spec: Object) -> Iterator[tuple[str, str]]:
    """Give every CIDR text of a spec with its field, in the server's order."""
    for direction, peers in _DIRECTIONS:
        for index, rule in enumerate(spec.get(direction) or ()):
            for at, peer in enumerate(rule.get(peers) or ()):
                block = peer.get("ipBlock")
                if block is None:
                    continue
                path = f"spec.{direction}[{index}].{peers}[{at}].ipBlock"
                yield f"{path}.cidr", block.get("cidr", "")
                for hole, excluded in enumerate(block.get("except") or ()):
                    yield f"{path}.except[{hole}]", excluded


def spec_warnings(spec: Object) -> Iterator[tuple[Warned, str, str]]:
    """Give the warnings about a valid spec, as (kind, field, message) in the server's order (facts: 1.6)."""
    for field, text in cidr_texts(spec):
        yield from cidr_warnings(text, field)


def stored_spec(spec: Object) -> dict[str, Any]:
    """Give a valid, defaulted spec as ``kubectl get -o yaml`` shows it: empty lists are gone (facts: 1.10)."""
    stored: dict[str, Any] = {"podSelector": stored_selector(spec.get("podSelector") or {})}
    for direction, peers in _DIRECTIONS:
        if spec.get(direction):
            stored[direction] = [_stored_rule(rule, peers) for rule in spec[direction]]
    if spec.get("policyTypes"):
        stored["policyTypes"] = list(spec["policyTypes"])
    return stored


def _stored_rule(rule: Object, peers: str) -> dict[str, Any]:
    stored: dict[str, Any] = {}
    if rule.get("ports"):
        stored["ports"] = [dict(port) for port in rule["ports"]]
    if rule.get(peers):
        stored[peers] = [_stored_peer(peer) for peer in rule[peers]]
    return stored


def _stored_peer(peer: Object) -> dict[str, Any]:
    stored = {name: stored_selector(peer[name]) for name in ("podSelector", "namespaceSelector") if name in peer}
    if "ipBlock" in peer:
        block = peer["ipBlock"]
        stored["ipBlock"] = {"cidr": block.get("cidr", "")}
        if block.get("except"):
            stored["ipBlock"]["except"] = list(block["except"])
    return stored


def stored_selector(selector: Object) -> dict[str, Any]:
    """Give a selector without its empty maps and lists; key and operator always stand."""
    stored: dict[str, Any] = {}
    if selector.get("matchLabels"):
        stored["matchLabels"] = dict(selector["matchLabels"])
    if selector.get("matchExpressions"):
        stored["matchExpressions"] = [_stored_expression(item) for item in selector["matchExpressions"]]
    return stored


def _stored_expression(expression: Object) -> dict[str, Any]:
    stored = {"key": expression.get("key", ""), "operator": expression.get("operator", "")}
    if expression.get("values"):
        stored["values"] = list(expression["values"])
    return stored
