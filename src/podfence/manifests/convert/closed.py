"""Policies of which nothing can be read but their names: they must not vanish, so they close (design: semantics)."""

from __future__ import annotations

from podfence.model.objects import ObjectRef
from podfence.model.policy import Action, Direction, Policy, Rule, Tier, Unreadable

_TIERS = {"NetworkPolicy": Tier.NETWORK_POLICY, "BaselineAdminNetworkPolicy": Tier.BASELINE}


def closed_policy(ref: ObjectRef, reason: str) -> Policy:
    """Stand for a policy: it isolates, or in the other tiers denies, everybody whom it could be about."""
    unread = Unreadable(reason)
    tier = _TIERS.get(ref.kind, Tier.ADMIN)
    if tier is Tier.NETWORK_POLICY:
        return Policy(ref, tier, 0, unread, (), ())
    ingress, egress = (
        (Rule(Action.DENY, (unread,), None, "spec", "from" if direction is Direction.INGRESS else "to", "ports"),)
        for direction in (Direction.INGRESS, Direction.EGRESS)
    )
    return Policy(ref, tier, 0, unread, ingress, egress)
