"""``why -o json``: ``kind: Verdict`` (design: formats the rest of the world reads)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from podfence.engine.explanation import Explanation
from podfence.engine.nearest import NearMiss
from podfence.model.policy import Policy, PortRange
from podfence.model.verdict import SideVerdict
from podfence.report.ports import port_json
from podfence.report.positions import ref_json
from podfence.report.why_text import Remedy, because, fine_print, question_text


def why_json(found: Explanation, remedy: Remedy | None) -> str:
    """Write an explanation as JSON; ``remedy`` is ``None`` when the connection is allowed."""
    return json.dumps(verdict_object(found, remedy), indent=2, ensure_ascii=False) + "\n"


def verdict_object(found: Explanation, remedy: Remedy | None) -> dict[str, Any]:
    """Make the plain object, its keys in the order of the contract."""
    pair = found.answer.pair
    return {
        "apiVersion": "podfence/v1",
        "kind": "Verdict",
        "verdict": _word(allowed=found.verdict.allowed),
        "source": found.source.id,
        "destination": found.destination.id,
        "port": port_json(PortRange(pair.protocol, pair.port, pair.port)),
        "egress": _side(found.verdict.egress, found.egress),
        "ingress": _side(found.verdict.ingress, found.ingress),
        "suggestion": remedy.manifests if remedy is not None else None,
        "reason": _reason(found, remedy),
    }


def _word(*, allowed: bool) -> str:
    return "allow" if allowed else "deny"


def _side(side: SideVerdict, misses: Sequence[NearMiss]) -> dict[str, Any]:
    return {
        "verdict": _word(allowed=side.allowed),
        "tier": side.tier.value,
        "isolatedBy": [{"ref": ref_json(policy.ref)} for policy in side.isolated_by],
        "decidedBy": None
        if side.policy is None or side.rule is None
        else {"ref": _rule_ref(side.policy, side.rule.path), "path": side.rule.path},
        "nearestMisses": [_near_miss(miss) for miss in misses],
    }


def _near_miss(miss: NearMiss) -> dict[str, Any]:
    return {
        "ref": _rule_ref(miss.policy, miss.rule.path),
        "path": miss.rule.path,
        "misses": [{"what": item.what, "wanted": item.wanted, "got": item.got} for item in miss.misses],
    }


def _rule_ref(policy: Policy, path: str) -> dict[str, Any]:
    """Refer to a policy at the place of one of its rules."""
    source = policy.ref.source
    return ref_json(policy.ref, source.position(path) if source is not None else None)


def _reason(found: Explanation, remedy: Remedy | None) -> str:
    """Say in whole sentences what decided, what it rests on, and why there is no suggestion."""
    pair = found.answer.pair
    sides = (
        f"leaving: {because(found.verdict.egress, pair.source)}",
        f"entering: {because(found.verdict.ingress, pair.destination)}",
    )
    what = "allowed" if found.verdict.allowed else "denied"
    sentences = [f"{question_text(found)} is {what}: {'; '.join(sides)}", *fine_print(found)]
    if remedy is not None and remedy.manifests is None:
        sentences.append(f"no suggestion: {remedy.reason}")
    elif remedy is not None and remedy.besides:
        sentences.append(f"the suggestion also opens {'; '.join(remedy.besides)}")
    first, *others = sentences
    return ". ".join([first, *(sentence[:1].upper() + sentence[1:] for sentence in others)]) + "."
