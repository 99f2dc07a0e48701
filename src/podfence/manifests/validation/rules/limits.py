"""LimitRanges and ResourceQuotas (k8s.io/kubernetes pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.quantity import parse_quantity
from podfence.manifests.validation.rules.causes import (
    Object,
    duplicate,
    invalid,
    qualified_name,
    required,
)
from podfence.manifests.validation.rules.interface import Rules
from podfence.manifests.validation.rules.resources import (
    container_resource_name,
    quantity_value,
    resource_name,
)

_LIMIT_TYPES = ("Pod", "Container", "PersistentVolumeClaim")


def validate_limits(limits: Object) -> Iterator[Cause]:
    """Judge a LimitRange."""
    seen: set[str] = set()
    for at, item in enumerate((limits.get("spec") or {}).get("limits") or ()):
        field = f"spec.limits[{at}]"
        kind = item.get("type", "")
        found = list(qualified_name(f"{field}.type", kind))
        yield from found
        if not found and "/" not in kind and kind not in _LIMIT_TYPES:
            yield invalid(f"{field}.type", kind, "must be a standard limit type or fully qualified", named_type=True)
        if kind in seen:
            yield duplicate(f"{field}.type", kind)
        seen.add(kind)
        yield from _limit(item, field, kind)


def _limit(item: Object, field: str, kind: str) -> Iterator[Cause]:
    least, most = item.get("min") or {}, item.get("max") or {}
    default, request = item.get("default") or {}, item.get("defaultRequest") or {}
    if kind == "PersistentVolumeClaim" and "storage" not in {*least, *most}:
        detail = "either minimum or maximum storage value is required, but neither was provided"
        yield required(f"{field}.limits", detail)
    for name, group in (("max", most), ("min", least), ("default", default), ("defaultRequest", request)):
        for resource in group:
            yield from (
                container_resource_name(resource, f"{field}.{name}[{resource}]") if kind == "Container" else iter(())
            )
    for resource in {**most, **least, **default, **request}:
        yield from _bounds(resource, field, least, most, default, request)
    for resource, ratio in (item.get("maxLimitRequestRatio") or {}).items():
        if parse_quantity(ratio).value < 1:
            yield invalid(f"{field}.maxLimitRequestRatio[{resource}]", ratio, f"ratio {ratio} is less than 1")


Amounts = Mapping[str, str]


def _bounds(
    resource: str, field: str, least: Amounts, most: Amounts, default: Amounts, request: Amounts
) -> Iterator[Cause]:
    def value(amounts: Amounts) -> float | None:
        return float(parse_quantity(amounts[resource]).value) if resource in amounts else None

    def above(one: Amounts, other: Amounts) -> bool:
        first, second = value(one), value(other)
        return first is not None and second is not None and first > second

    name = f"[{resource}]"
    if above(least, most):
        detail = f"min value {least[resource]} is greater than max value {most[resource]}"
        yield invalid(f"{field}.min{name}", least[resource], detail)
    if above(least, request):
        detail = f"min value {least[resource]} is greater than default request value {request[resource]}"
        yield invalid(f"{field}.defaultRequest{name}", request[resource], detail)
    if above(request, most):
        detail = f"default request value {request[resource]} is greater than max value {most[resource]}"
        yield invalid(f"{field}.defaultRequest{name}", request[resource], detail)
    if above(request, default):
        detail = f"default request value {request[resource]} is greater than default limit value {default[resource]}"
        yield invalid(f"{field}.defaultRequest{name}", request[resource], detail)
    if above(least, default):
        detail = f"min value {least[resource]} is greater than default value {default[resource]}"
        yield invalid(f"{field}.default{name}", least[resource], detail)
    if above(default, most):
        detail = f"default value {default[resource]} is greater than max value {most[resource]}"
        yield invalid(f"{field}.default{name}", most[resource], detail)


_SCOPES = ("Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass", "CrossNamespacePodAffinity")
_OF_QUOTA = frozenset(
    [
        "cpu",
        "memory",
        "ephemeral-storage",
        "requests.cpu",
        "requests.memory",
        "requests.storage",
        "requests.ephemeral-storage",
        "limits.cpu",
        "limits.memory",
        "limits.ephemeral-storage",
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "persistentvolumeclaims",
        "configmaps",
        "services.nodeports",
        "services.loadbalancers",
    ]
)


def validate_quota(quota: Object) -> Iterator[Cause]:
    """Judge a ResourceQuota."""
    spec = quota.get("spec") or {}
    hard = spec.get("hard") or {}
    for name, amount in hard.items():
        field = f"spec.hard[{name}]"
        yield from resource_name(name, field)
        if "/" not in name and name not in _OF_QUOTA and not name.startswith(("requests.", "limits.", "hugepages-")):
            yield invalid(field, name, "must be a standard resource for quota", named_type=True)
        yield from quantity_value(name, amount, field)
    scopes = list(spec.get("scopes") or ())
    for scope in scopes:
        if scope not in _SCOPES:
            yield invalid("spec.scopes", scopes, "unsupported scope")
        elif any(not _suits(scope, name) for name in hard):
            yield invalid("spec.scopes", scopes, "unsupported scope applied to resource")
    for pair in (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating")):
        if set(pair) <= set(scopes):
            yield invalid("spec.scopes", scopes, "conflicting scopes")


def _suits(scope: str, resource: str) -> bool:
    return resource == "pods" if scope == "BestEffort" else resource in _OF_QUOTA


RULES = {
    "v1/LimitRange": Rules(validate_limits),
    "v1/ResourceQuota": Rules(validate_quota),
}
