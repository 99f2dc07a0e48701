"""A dash too many between peers and ports: two rules where one may have been meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from podfence.engine import bitset
from podfence.lint.exposure import Exposure, exposures
from podfence.lint.found import Check, Found, rule_number
from podfence.lint.inspection import Inspection, Placed, readable_rules, speaks_of
from podfence.lint.manual.selectors import AND_OR_DASH
from podfence.lint.names import and_more
from podfence.lint.peers import peer_text
from podfence.manifests.manual.rule import Severity
from podfence.model.policy import Direction, Tier


def split_rules(inspection: Inspection) -> Iterator[Found]:
    """Find an ingress rule of peers alone with one of ports alone behind it, where nobody outside need come in.

    Rules for egress that name ports alone are told of as such.
    """
    pairs = list(_pairs(inspection))
    outside = [exposure for exposure in exposures(inspection) if exposure.direct] if pairs else []
    for first, second in pairs:
        if not _is_for_anybody(inspection, second, outside):
            yield _split(first, second)


def _pairs(inspection: Inspection) -> Iterator[tuple[Placed, Placed]]:
    for policy in inspection.policies:
        rules = readable_rules(policy, Direction.INGRESS) if policy.tier is Tier.NETWORK_POLICY else ()
        for first, second in pairwise(Placed(policy, Direction.INGRESS, rule) for rule in rules):
            has_peers_alone = bool(first.rule.peers) and first.rule.ports is None
            if has_peers_alone and second.rule.peers is None and second.rule.ports:
                yield first, second


def _is_for_anybody(inspection: Inspection, placed: Placed, outside: Sequence[Exposure]) -> bool:
    """Tell whether somebody that a peer can hardly name asks a port of the rule: the outside, or the API server."""
    classes = inspection.subjects(placed.policy) & inspection.known
    called = {(call.namespace, call.service) for call in inspection.surroundings.called}
    behind = (service for pod in inspection.pods(classes) for service in inspection.services_of(pod))
    return any((service.namespace, service.name) in called for service in behind) or any(
        classes & bitset.make(exposure.classes)
        and speaks_of(placed.rule, exposure.protocol, exposure.port, exposure.pods)
        for exposure in outside
    )


def _split(first: Placed, second: Placed) -> Found:
    whom = and_more([peer_text(peer) for peer in first.rule.peers or ()], 2)
    return Found(
        AND_OR_DASH,
        second.policy.ref,
        second.rule.path,
        f"{rule_number(first)} lets {whom} in on every port, and {rule_number(second).lower()} lets anybody in on its "
        f"ports, for it names no peer.",
        hint="if these ports from these peers were meant, take the dash before `ports` away",
        severity=Severity.INFO,
    )


CHECKS = (Check(AND_OR_DASH, split_rules),)
