"""The first line of a map: how many endpoints there are, how many are isolated, how many pairs connect."""

from __future__ import annotations

from podfence.engine.excerpt import Excerpt
from podfence.report.words import Words, count


def overview(excerpt: Excerpt, words: Words, pairs: int) -> str:
    """Answer in one line; ``pairs`` counts connections between two different endpoints inside the cluster."""
    shown = [words.endpoints[number] for number in excerpt.numbers() if number in words.inside]
    namespaces = {endpoint.namespace for endpoint in shown}
    place = "" if words.noun == "namespace" else f" in {count(len(namespaces), 'namespace')}"
    subject = f"{count(len(shown), words.noun)}{place}"
    if not excerpt.connectivity.snapshot.policies:
        return f"{subject}. No policy: everything reaches everything."
    ingress = sum(endpoint.ingress_isolated for endpoint in shown)
    egress = sum(endpoint.egress_isolated for endpoint in shown)
    isolated = f"{ingress:,} isolated for ingress, {egress:,} for egress"
    if not excerpt.is_whole:
        return f"{subject} shown; {isolated}. {count(pairs, 'pair')} of them connect{'s' if pairs == 1 else ''}."
    possible = len(shown) * (len(shown) - 1)
    return f"{subject}; {isolated}. {pairs:,} of {count(possible, 'pair')} connect{'s' if possible == 1 else ''}."
