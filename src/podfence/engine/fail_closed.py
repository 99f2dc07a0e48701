"""Give a meaning to what could not be read: an accept matches nothing, a deny everything.

The rule of the cluster-scoped APIs (facts: semantics 3.3, row C63), applied to every API and to every part of a
policy: subjects, peers and ports. What leaves this module holds no ``Unreadable`` any more.
"""

from __future__ import annotations

import msgspec

from podfence.model.labels import EVERYTHING
from podfence.model.policy import Action, Direction, PodPeer, Policy, Rule, Tier, Unreadable

ALL_PODS = PodPeer(namespace=None, namespace_selector=EVERYTHING, pod_selector=EVERYTHING)


def closed_subject(policy: Policy) -> PodPeer:
    """Tell whom a policy is about; an unreadable subject is everybody it could be about."""
    if not isinstance(policy.subject, Unreadable):
        return policy.subject
    if policy.tier is Tier.NETWORK_POLICY:
        return PodPeer(namespace=policy.ref.namespace, namespace_selector=None, pod_selector=EVERYTHING)
    return ALL_PODS


def closed_rules(policy: Policy, direction: Direction) -> tuple[Rule, ...] | None:
    """Give the rules of one direction as they take effect, ``None`` when the policy says nothing about it."""
    rules = policy.rules(direction)
    if rules is None:
        return None
    if isinstance(policy.subject, Unreadable):
        # A pass would take everybody past the denies behind it; nobody knows for whom it was meant.
        rules = tuple(
            msgspec.structs.replace(rule, action=Action.DENY) for rule in rules if rule.action is not Action.ACCEPT
        )
    return tuple(closed_rule(rule) for rule in rules)


def closed_rule(rule: Rule) -> Rule:
    """Take the unreadable parts out of a rule.

    A pass with an unreadable part denies, for nobody can tell what it was meant to let through to the next tier.
    """
    if Unreadable not in map(type, rule.peers or ()) and Unreadable not in map(type, rule.ports or ()):
        return rule
    if rule.action is Action.ACCEPT:
        peers = rule.peers and tuple(peer for peer in rule.peers if not isinstance(peer, Unreadable))
        ports = rule.ports and tuple(port for port in rule.ports if not isinstance(port, Unreadable))
        return msgspec.structs.replace(rule, peers=peers, ports=ports)
    return msgspec.structs.replace(
        rule,
        action=Action.DENY,
        peers=None if any(isinstance(peer, Unreadable) for peer in rule.peers or ()) else rule.peers,
        ports=None if any(isinstance(port, Unreadable) for port in rule.ports or ()) else rule.ports,
    )
