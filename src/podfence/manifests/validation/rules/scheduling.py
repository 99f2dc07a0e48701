"""Where a pod may run: affinities, tolerations, spreading (pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Iterator

from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.names import label_value_complaints
from podfence.manifests.validation.rules.causes import (
    Object,
    complaints,
    dns_label,
    dns_subdomain,
    duplicate,
    forbidden,
    invalid,
    label_map,
    not_supported,
    qualified_name,
    required,
)
from podfence.manifests.validation.selectors import validate_selector

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_REQUIRED, _PREFERRED = (
    "requiredDuringSchedulingIgnoredDuringExecution",
    "preferredDuringSchedulingIgnoredDuringExecution",
)
_ACTIONS = ("DoNotSchedule", "ScheduleAnyway")
_POLICIES = ("Honor", "Ignore")
_BAD_OPERATOR = "not a valid selector operator"


def validate_scheduling(spec: Object, field: str) -> Iterator[Cause]:
    """Judge everything in a pod's spec that says where it may run."""
    yield from label_map(f"{field}.nodeSelector", spec.get("nodeSelector"))
    yield from _affinity(spec.get("affinity") or {}, f"{field}.affinity")
    yield from _gates(spec, f"{field}.schedulingGates")
    yield from _spreading(spec, f"{field}.topologySpreadConstraints")
    for at, toleration in enumerate(spec.get("tolerations") or ()):
        yield from _toleration(toleration, f"{field}.tolerations[{at}]")


def _gates(spec: Object, field: str) -> Iterator[Cause]:
    seen: set[str] = set()
    for at, gate in enumerate(spec.get("schedulingGates") or ()):
        name = gate.get("name", "")
        yield from qualified_name(f"{field}[{at}]", name)
        if name in seen:
            yield duplicate(f"{field}[{at}]", name)
        seen.add(name)


def _toleration(toleration: Object, field: str) -> Iterator[Cause]:
    key, operator, value = (toleration.get(name, "") for name in ("key", "operator", "value"))
    effect = toleration.get("effect", "")
    if key:
        yield from qualified_name(f"{field}.key", key)
    elif operator != "Exists":
        detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        yield invalid(f"{field}.operator", operator, detail, named_type=True)
    if "tolerationSeconds" in toleration and effect != "NoExecute":
        detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        yield invalid(f"{field}.effect", effect, detail, named_type=True)
    if operator in {"", "Equal"}:
        found = label_value_complaints(value)
        if found:
            yield invalid(f"{field}.operator", value, ";".join(found))
    elif operator == "Exists":
        if value:
            yield invalid(f"{field}.operator", value, "value must be empty when `operator` is 'Exists'")
    elif operator in {"Lt", "Gt"}:
        yield not_supported(f"{field}.operator", operator, ("Equal", "Exists", "Lt", "Gt"))
    else:
        yield not_supported(f"{field}.operator", operator, ("Equal", "Exists"))
    if effect and effect not in EFFECTS:
        yield not_supported(f"{field}.effect", effect, EFFECTS)


def _affinity(affinity: Object, field: str) -> Iterator[Cause]:
    node = affinity.get("nodeAffinity") or {}
    if _REQUIRED in node:
        yield from validate_node_selector(node[_REQUIRED], f"{field}.nodeAffinity.{_REQUIRED}")
    for at, preferred in enumerate(node.get(_PREFERRED) or ()):
        path = f"{field}.nodeAffinity.{_PREFERRED}[{at}]"
        yield from _weight(preferred, path)
        yield from _node_term(preferred.get("preference") or {}, f"{path}.preference", any_value=True)
    for kind in ("podAffinity", "podAntiAffinity"):
        pods = affinity.get(kind) or {}
        for at, term in enumerate(pods.get(_REQUIRED) or ()):
            yield from _pod_term(term, f"{field}.{kind}.{_REQUIRED}[{at}]")
        for at, weighted in enumerate(pods.get(_PREFERRED) or ()):
            path = f"{field}.{kind}.{_PREFERRED}[{at}]"
            yield from _weight(weighted, path)
            yield from _pod_term(weighted.get("podAffinityTerm") or {}, f"{path}.podAffinityTerm")


def _weight(weighted: Object, field: str) -> Iterator[Cause]:
    weight = weighted.get("weight", 0)
    if not 1 <= weight <= 100:
        yield invalid(f"{field}.weight", weight, "must be in the range 1-100")


def validate_node_selector(selector: Object, field: str) -> Iterator[Cause]:
    """Judge the terms that select nodes, of which one must fit."""
    terms = selector.get("nodeSelectorTerms") or ()
    if not terms:
        yield required(f"{field}.nodeSelectorTerms", "must have at least one node selector term")
    for at, term in enumerate(terms):
        yield from _node_term(term, f"{field}.nodeSelectorTerms[{at}]", any_value=False)


def _node_term(term: Object, field: str, *, any_value: bool) -> Iterator[Cause]:
    for at, requirement in enumerate(term.get("matchExpressions") or ()):
        yield from _node_label(requirement, f"{field}.matchExpressions[{at}]", any_value=any_value)
    for at, requirement in enumerate(term.get("matchFields") or ()):
        yield from _node_field(requirement, f"{field}.matchFields[{at}]")


def _node_label(requirement: Object, field: str, *, any_value: bool) -> Iterator[Cause]:
    operator, values = requirement.get("operator", ""), requirement.get("values") or ()
    match operator:
        case "In" | "NotIn":
            if not values:
                yield required(f"{field}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        case "Exists" | "DoesNotExist":
            if values:
                yield forbidden(f"{field}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
        case "Gt" | "Lt":
            if len(values) != 1:
                yield required(f"{field}.values", "must be specified single value when `operator` is 'Lt' or 'Gt'")
        case _:
            yield invalid(f"{field}.operator", operator, _BAD_OPERATOR, named_type=True)
    yield from qualified_name(f"{field}.key", requirement.get("key", ""))
    for at, value in enumerate(() if any_value else values):
        yield from complaints(f"{field}.values[{at}]", value, label_value_complaints)


def _node_field(requirement: Object, field: str) -> Iterator[Cause]:
    operator, values = requirement.get("operator", ""), requirement.get("values") or ()
    if operator not in {"In", "NotIn"}:
        yield invalid(f"{field}.operator", operator, _BAD_OPERATOR, named_type=True)
    elif len(values) != 1:
        detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        yield required(f"{field}.values", detail)
    if requirement.get("key") != "metadata.name":
        yield invalid(f"{field}.key", requirement.get("key", ""), "not a valid field selector key")
        return
    for at, value in enumerate(values):
        yield from dns_subdomain(f"{field}.values[{at}]", value)


def _pod_term(term: Object, field: str) -> Iterator[Cause]:
    for name in ("labelSelector", "namespaceSelector"):
        yield from validate_selector(term.get(name) or {}, f"{field}.{name}")
    for namespace in term.get("namespaces") or ():
        yield from dns_label(f"{field}.namespace", namespace)
    key = term.get("topologyKey", "")
    if not key:
        yield required(f"{field}.topologyKey", "can not be empty")
    yield from qualified_name(f"{field}.topologyKey", key)


def _spreading(spec: Object, field: str) -> Iterator[Cause]:
    constraints = spec.get("topologySpreadConstraints") or ()
    for at, constraint in enumerate(constraints):
        path = f"{field}[{at}]"
        if constraint.get("maxSkew", 0) <= 0:
            yield invalid(f"{path}.maxSkew", constraint.get("maxSkew", 0), "must be greater than zero")
        key, action = constraint.get("topologyKey", ""), constraint.get("whenUnsatisfiable", "")
        if not key:
            yield required(f"{path}.topologyKey", "can not be empty")
        if action not in _ACTIONS:
            yield not_supported(f"{path}.whenUnsatisfiable", action, _ACTIONS)
        rest = [(each.get("topologyKey", ""), each.get("whenUnsatisfiable", "")) for each in constraints[at + 1 :]]
        if (key, action) in rest:
            yield duplicate(f"{path}.{{topologyKey, whenUnsatisfiable}}", f"{{{key}, {action}}}")
        for name in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            if constraint.get(name, "Honor") not in _POLICIES:
                yield not_supported(f"{path}.{name}", constraint[name], _POLICIES)
        yield from validate_selector(constraint.get("labelSelector") or {}, f"{path}.labelSelector")
