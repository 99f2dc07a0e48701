"""Selectors by relation to the labels that are there."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from podfence.lint.found import Check, Found, rule_number
from podfence.lint.inspection import Inspection, Placed
from podfence.lint.manual.selectors import NAMESPACE_LABEL
from podfence.lint.mend import Mend, Put
from podfence.lint.names import and_more
from podfence.manifests.write import selector_object
from podfence.model.labels import NAMESPACE_NAME_LABEL, Operator, Selector
from podfence.model.labels import selector as make_selector
from podfence.model.policy import PodPeer


def pod_peers(inspection: Inspection) -> Iterator[tuple[Placed, int, PodPeer]]:
    """List the peers that select pods, with the rule and their place in it."""
    for placed in inspection.rules():
        for index, peer in enumerate(placed.rule.peers or ()):
            if isinstance(peer, PodPeer):
                yield placed, index, peer


def namespace_label(inspection: Inspection) -> Iterator[Found]:
    """Find namespace selectors that match nothing and clearly mean a namespace that is there."""
    for placed, index, peer in pod_peers(inspection):
        selector = peer.namespace_selector
        if selector is None or not selector.requirements or inspection.selected_namespaces(peer):
            continue
        meant = _meant(inspection, selector)
        if meant:
            yield _wrong_label(inspection, placed, index, selector, meant)


def _meant(inspection: Inspection, selector: Selector) -> list[str]:
    """Name the namespaces that a selector's values are like, if all labels of theirs are known."""
    there = sorted(name for name in inspection.namespaces if _labels_known(inspection, name))
    values = [value for item in selector.requirements if item.operator is Operator.IN for value in item.values]
    exact = [value for value in values if value in there]
    if exact:
        return exact
    named = [item for item in selector.requirements if item.key == NAMESPACE_NAME_LABEL]
    if not named:
        return []
    return [close for value in values for close in difflib.get_close_matches(value, there, n=1, cutoff=0.75)]


def _labels_known(inspection: Inspection, name: str) -> bool:
    assumed = inspection.profile is not None and inspection.dns.servers.namespace == name
    return name in inspection.surroundings.declared or assumed


def _wrong_label(inspection: Inspection, placed: Placed, index: int, selector: Selector, meant: list[str]) -> Found:
    path = f"{placed.rule.path}.{placed.rule.peers_field}[{index}].namespaceSelector"
    kind = placed.policy.ref.kind
    labels = dict(inspection.namespaces[meant[0]].labels)
    has = and_more([f"{key}={value}" for key, value in labels.items()], 3)
    instead = make_selector({NAMESPACE_NAME_LABEL: meant[0]})
    mends: tuple[Mend, ...] = ()
    if kind == "NetworkPolicy":
        mends = (Mend(placed.policy.ref, (Put(path, selector_object(instead)),)),)
    whom = "nobody" if len(placed.rule.peers or ()) == 1 else "none of its pods"
    return Found(
        NAMESPACE_LABEL,
        placed.policy.ref,
        path if kind == "NetworkPolicy" else f"{placed.rule.path}.{placed.rule.peers_field}[{index}]",
        f"{rule_number(placed)} selects namespaces with {selector}, and there are 0: namespace {meant[0]} exists "
        f"with the labels {has}. So the rule lets {whom} through.",
        felt=f"connections {'from' if placed.rule.peers_field == 'from' else 'to'} namespace {meant[0]} time out.",
        hint=f"did you mean {NAMESPACE_NAME_LABEL}: {meant[0]}?",
        mends=mends,
    )


CHECKS = (Check(NAMESPACE_LABEL, namespace_label, by_profile=True),)
