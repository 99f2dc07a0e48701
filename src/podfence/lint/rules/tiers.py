"""Cluster-scoped policies against each other: where only the order decides, and nobody has said what it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from podfence.lint.found import Check, Found
from podfence.lint.inspection import Inspection, readable_rules
from podfence.lint.manual.tiers import DENY_BY_NAME, PRIORITY_TIE
from podfence.lint.names import and_more, ports_text
from podfence.model.policy import Direction, Policy, Rule, Tier

_NOT_ACCEPTING = ("Deny", "Pass")

_MOST_IN_A_TIE = 200
"""How many policies of one priority are compared with each other; nobody has more on purpose."""


def priority_tie(inspection: Inspection) -> Iterator[Found]:
    """Find policies of one tier and priority that disagree about the same connections."""
    ties: dict[tuple[Tier, int], list[Policy]] = defaultdict(list)
    for policy in inspection.policies:
        if policy.tier is not Tier.NETWORK_POLICY:
            ties[policy.tier, policy.priority].append(policy)
    for listed in ties.values():
        for first, second in combinations(sorted(listed, key=lambda p: p.order)[:_MOST_IN_A_TIE], 2):
            found = _disagreement(inspection, first, second)
            if found is not None:
                yield found


def _disagreement(inspection: Inspection, first: Policy, second: Policy) -> Found | None:
    subjects = inspection.subjects(first) & inspection.subjects(second)
    if not subjects:
        return None
    for direction in Direction:
        for one in readable_rules(first, direction):
            for other in readable_rules(second, direction):
                shared = _shared(inspection, one, other)
                if shared:
                    return _tie(inspection, first, second, one, other, subjects, shared)
    return None


def _shared(inspection: Inspection, one: Rule, other: Rule) -> int:
    """Give the ports on which two rules with different actions meet, for peers that both mean."""
    if one.action is other.action or not inspection.peers(one) & inspection.peers(other):
        return 0
    ports = 0
    for mine, among in inspection.frame.port_pieces(one):
        for theirs, others in inspection.frame.port_pieces(other):
            if among & others:
                ports |= mine & theirs
    return ports


def _tie(
    inspection: Inspection, first: Policy, second: Policy, one: Rule, other: Rule, subjects: int, ports: int
) -> Found:
    return Found(
        PRIORITY_TIE,
        second.ref,
        "spec.priority",
        f"{first.ref.kind} {first.ref.name} and {second.ref.name} both have priority {second.priority} in the "
        f"{second.tier.value} tier. About {inspection.text(subjects)} ({ports_text(inspection.frame, ports)}) one says "
        f"{one.action.value}, the other {other.action.value}: which of them wins is undefined.",
        felt="connections that work on one node, or until a restart, and not elsewhere.",
        hint=f"Podfence goes by name: {first.ref.name} first; this depends on the plugin, so give them different "
        f"priorities",
    )


def deny_by_name(inspection: Inspection) -> Iterator[Found]:
    """Find rules that do anything but accept by domain name, as they are written."""
    for policy in inspection.policies:
        document = inspection.documents.get(policy.ref.identity, {})
        spec = document.get("spec")
        if policy.tier is Tier.NETWORK_POLICY or not isinstance(spec, Mapping):
            continue
        for number, rule in enumerate(spec.get("egress") or ()):
            if not isinstance(rule, Mapping) or rule.get("action") not in _NOT_ACCEPTING:
                continue
            for index, peer in enumerate(rule.get("to") or ()):
                if isinstance(peer, Mapping) and peer.get("domainNames"):
                    yield _by_name(policy, rule["action"], f"spec.egress[{number}].to[{index}].domainNames", peer)


def _by_name(policy: Policy, action: str, path: str, peer: Mapping[str, Any]) -> Found:
    names = and_more([str(name) for name in peer["domainNames"]])
    return Found(
        DENY_BY_NAME,
        policy.ref,
        path,
        f"The rule says {action} to {names} by name, which the API has for Accept only: a plugin can tell a name from "
        f"the answers that pods were given, so whoever knows the address is not kept from it.",
        felt="nothing; the hosts can be reached all the same.",
        hint="this depends on the plugin; accept the names that are wanted, and deny the networks behind them",
    )


CHECKS = (Check(PRIORITY_TIE, priority_tie), Check(DENY_BY_NAME, deny_by_name))
