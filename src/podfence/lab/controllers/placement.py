"""Whether a pod may run on a node: selectors, affinity, taints (``pkg/scheduler/framework/plugins``). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from podfence.lab.controllers.conditions import condition
from podfence.lab.interface import Object, Resource

NODES: Final = Resource("", "nodes")

_UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def is_up(node: Object) -> bool:
    """Tell whether a node runs pods; one that has not said so yet does not."""
    ready = condition((node.get("status") or {}).get("conditions"), "Ready")
    return ready is not None and ready["status"] == "True" and not node["metadata"].get("deletionTimestamp")


def fits_node(pod: Object, node: Object) -> bool:
    """Tell whether a pod's nodeName, nodeSelector and required node affinity allow a node."""
    spec, labels, name = pod["spec"], node["metadata"].get("labels") or {}, node["metadata"]["name"]
    if spec.get("nodeName") not in {None, "", name}:
        return False
    if not (spec.get("nodeSelector") or {}).items() <= labels.items():
        return False
    required = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(_REQUIRED)
    return required is None or any(_matches_term(term, labels, name) for term in required["nodeSelectorTerms"])


def tolerates_node(pod: Object, node: Object) -> bool:
    """Tell whether a pod tolerates all taints of a node that keep pods away; being cordoned is one."""
    return untolerated(pod, node) is None


def untolerated(pod: Object, node: Object) -> Object | None:
    """Give the first taint that keeps a pod off a node."""
    taints = [*(node["spec"].get("taints") or ()), *([_UNSCHEDULABLE] if node["spec"].get("unschedulable") else ())]
    tolerations = pod["spec"].get("tolerations") or ()
    for taint in taints:
        if taint["effect"] != "PreferNoSchedule" and not any(_tolerates(one, taint) for one in tolerations):
            return dict(taint)
    return None


def _tolerates(toleration: Object, taint: Object) -> bool:
    if toleration.get("effect") not in {None, "", taint["effect"]}:
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in {None, "", taint["key"]}
    return toleration.get("key") == taint["key"] and (toleration.get("value") or "") == (taint.get("value") or "")


def _matches_term(term: Object, labels: Mapping[str, str], name: str) -> bool:
    """Tell whether a node meets all of a term; an empty term is met by none."""
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    return _meets(expressions, labels) and _meets(fields, {"metadata.name": name})


def _meets(expressions: Sequence[Object], labels: Mapping[str, str]) -> bool:
    return all(
        _meets_one(one["operator"], one.get("values") or (), labels.get(one["key"]), one["key"] in labels)
        for one in expressions
    )


def _meets_one(operator: str, values: Sequence[str], value: str | None, is_there: bool) -> bool:  # noqa: FBT001
    match operator:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return is_there
        case "DoesNotExist":
            return not is_there
        case "Gt" | "Lt" if value is not None and value.lstrip("-").isdecimal():
            return int(value) > int(values[0]) if operator == "Gt" else int(value) < int(values[0])
    return False
