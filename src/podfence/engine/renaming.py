"""Policies as they are for a namespace under another name."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from podfence.model.policy import Peer, PodPeer, Policy, Rule


def renamed_policy(policy: Policy, names: Mapping[str, str]) -> Policy:
    """Let a policy speak of namespaces by other names; its own is part of who it is about."""
    own = policy.ref.namespace
    ref = policy.ref if own is None else msgspec.structs.replace(policy.ref, namespace=names.get(own, own))
    return msgspec.structs.replace(
        policy,
        ref=ref,
        subject=policy.subject if not isinstance(policy.subject, PodPeer) else _renamed_peer(policy.subject, names),
        ingress=_rules(policy.ingress, names),
        egress=_rules(policy.egress, names),
    )


def _rules(rules: tuple[Rule, ...] | None, names: Mapping[str, str]) -> tuple[Rule, ...] | None:
    return rules and tuple(msgspec.structs.replace(rule, peers=_peers(rule.peers, names)) for rule in rules)


def _peers(peers: tuple[Peer, ...] | None, names: Mapping[str, str]) -> tuple[Peer, ...] | None:
    return peers and tuple(_renamed_peer(peer, names) if isinstance(peer, PodPeer) else peer for peer in peers)


def _renamed_peer(peer: PodPeer, names: Mapping[str, str]) -> PodPeer:
    own = peer.namespace
    return peer if own is None or own not in names else msgspec.structs.replace(peer, namespace=names[own])
