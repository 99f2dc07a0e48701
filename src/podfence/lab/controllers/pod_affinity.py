"""Whether required rules about other pods let a pod onto a node (``interpodaffinity`` of kube-scheduler). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from podfence.lab.controllers.occupancy import Occupancy, domain_of
from podfence.lab.controllers.pods import selects
from podfence.lab.interface import Object

_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"


def affinity_obstacle(pod: Object, node: Object, occupancy: Occupancy) -> str | None:
    """Say which rules keep a pod off a node, its own or those of pods that are there, in the scheduler's words."""
    if not all(_attracts(rule, pod, node, occupancy) for rule in _rules(pod, "podAffinity")):
        return "node(s) didn't match pod affinity rules"
    if any(_meets(rule, pod, node, occupancy) for rule in _rules(pod, "podAntiAffinity")):
        return "node(s) didn't match pod anti-affinity rules"
    for other, place in occupancy.repelling():
        for rule in _rules(other, "podAntiAffinity"):
            domain = domain_of(node, rule["topologyKey"])
            if domain is not None and domain_of(place, rule["topologyKey"]) == domain and _selects(rule, other, pod):
                return "node(s) didn't satisfy existing pods anti-affinity rules"
    return None


def _rules(pod: Object, kind: str) -> Sequence[Object]:
    affinity = pod["spec"].get("affinity")
    return ((affinity.get(kind) or {}).get(_REQUIRED) or ()) if affinity else ()


def _attracts(rule: Object, pod: Object, node: Object, occupancy: Occupancy) -> bool:
    """Tell whether a node is where a pod wants to be; the first of pods that want each other may be anywhere."""
    if domain_of(node, rule["topologyKey"]) is None:
        return False
    if _meets(rule, pod, node, occupancy):
        return True
    return _selects(rule, pod, pod) and not any(
        _selects(rule, pod, other) and domain_of(place, rule["topologyKey"]) is not None
        for other, place in occupancy.placed()
    )


def _meets(rule: Object, pod: Object, node: Object, occupancy: Occupancy) -> bool:
    """Tell whether a pod that a rule of ``pod`` selects is in the same part of the cluster as a node."""
    domain = domain_of(node, rule["topologyKey"])
    if domain is None:
        return False
    return any(_selects(rule, pod, other) for other in occupancy.pods_in(rule["topologyKey"], domain))


def _selects(rule: Object, owner: Object, other: Object) -> bool:
    """Tell whether a rule of one pod is about another; a selector of namespaces is taken as all of them."""
    if "namespaceSelector" not in rule or rule["namespaceSelector"] is None:
        namespaces = rule.get("namespaces") or [owner["metadata"]["namespace"]]
        if other["metadata"]["namespace"] not in namespaces:
            return False
    return selects(rule.get("labelSelector"))(other)
