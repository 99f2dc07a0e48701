"""Peers in words, and pods as the peers that mean them."""

from __future__ import annotations

from typing import Any

from podfence.lint.inspection import Inspection
from podfence.model.labels import NAMESPACE_NAME_LABEL
from podfence.model.objects import Pod
from podfence.model.policy import AddressPeer, DomainPeer, NodePeer, Peer, PodPeer
from podfence.synthesis.telling import selectors_for


def peer_text(peer: Peer) -> str:
    """Write a peer in a few words."""
    match peer:
        case PodPeer(namespace=str(namespace), pod_selector=selector):
            return f"{selector} in {namespace}" if selector.requirements else f"every pod in {namespace}"
        case PodPeer(namespace_selector=spaces, pod_selector=selector):
            where = f"namespaces with {spaces}" if spaces is not None and spaces.requirements else "every namespace"
            return f"{selector} in {where}" if selector.requirements else f"every pod in {where}"
        case AddressPeer(text=text):
            return text
        case NodePeer(selector=selector):
            return f"nodes with {selector}"
        case DomainPeer(names=names):
            return ", ".join(names)
        case _:
            return "a peer that cannot be read"


def peers_of_pods(inspection: Inspection, pods: list[Pod], namespace: str) -> list[dict[str, Any]]:
    """Write pods as peers of a NetworkPolicy in ``namespace``, by the labels that tell them from their neighbours."""
    found: list[dict[str, Any]] = []
    for name in dict.fromkeys(pod.namespace for pod in pods):
        mine = [pod for pod in pods if pod.namespace == name and not pod.host_network]
        space = {} if name == namespace else {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME_LABEL: name}}}
        selectors = selectors_of_pods(inspection, name, mine) if mine else ()
        found.extend({**space, "podSelector": item} if item or not space else dict(space) for item in selectors)
    return found


def selectors_of_pods(inspection: Inspection, namespace: str, pods: list[Pod]) -> list[dict[str, Any]]:
    """Select pods among those of their namespace; one pod of each set of labels stands for all that have it."""
    kept: dict[object, list[dict[str, Any]]] = inspection.kept.setdefault("selectors", {})
    alike = list({pod.labels: pod for pod in pods}.values())
    key = (namespace, tuple(pod.labels for pod in alike))
    if key not in kept:
        neighbours = [group[0] for group in inspection.pods_by_labels[namespace].values()]
        kept[key] = selectors_for(alike, neighbours)
    return kept[key]
