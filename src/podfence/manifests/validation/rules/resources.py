"""Amounts of resources that containers, quotas and claims ask for (pkg/apis/core/validation, pkg/apis/core/helper)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.metadata import NOT_NEGATIVE
from podfence.manifests.validation.names import label_key_complaints
from podfence.manifests.validation.quantity import parse_quantity
from podfence.manifests.validation.rules.causes import Object, complaints, forbidden, invalid, not_found, required

Amounts = Mapping[str, str]

_HUGE = "hugepages-"
_CONTAINER = frozenset({"cpu", "memory", "ephemeral-storage"})
_COUNTED = ("pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps")
_OBJECTS = frozenset({*_COUNTED, "persistentvolumeclaims", "services.nodeports", "services.loadbalancers"})
_LIMITED = frozenset(f"{way}.{name}" for way in ("requests", "limits") for name in _CONTAINER)
_STANDARD = frozenset({*_CONTAINER, *_OBJECTS, *_LIMITED, "requests.storage", "storage"})
_NOT_WHOLE = "must be an integer"


def validate_resources(resources: Object, field: str) -> Iterator[Cause]:
    """Judge requests and limits of a container, and each request against its limit."""
    limits: Amounts = resources.get("limits") or {}
    requests: Amounts = resources.get("requests") or {}
    for name, amount in limits.items():
        yield from _amount(name, amount, f"{field}.limits[{name}]")
    for name, amount in requests.items():
        yield from _amount(name, amount, f"{field}.requests[{name}]")
        yield from _against_limit(name, amount, limits.get(name), field)
    if _lonely_pages(limits) or _lonely_pages(requests):
        yield forbidden(field, "HugePages require cpu or memory")
    for at, claim in enumerate(resources.get("claims") or ()):
        detail = "must be one of the names in pod.spec.resourceClaims which is empty"
        yield not_found(f"{field}.claims[{at}]", claim.get("name", ""), detail)


def _lonely_pages(amounts: Amounts) -> bool:
    return any(name.startswith(_HUGE) for name in amounts) and not {"cpu", "memory"} & amounts.keys()


def _amount(name: str, amount: str, field: str) -> Iterator[Cause]:
    yield from container_resource_name(name, field)
    yield from quantity_value(name, amount, field)


def container_resource_name(name: str, field: str) -> Iterator[Cause]:
    """Judge the name of a resource that a container may ask for."""
    yield from resource_name(name, field)
    if "/" not in name:
        if name not in _CONTAINER and not name.startswith(_HUGE):
            yield invalid(field, name, "must be a standard resource for containers", named_type=True)
    elif "kubernetes.io/" not in name and (name.startswith("requests.") or label_key_complaints(f"requests.{name}")):
        yield invalid(field, name, "doesn't follow extended resource name standard", named_type=True)


def resource_name(name: str, field: str) -> Iterator[Cause]:
    """Judge the name of a resource anywhere."""
    found = list(complaints(field, name, label_key_complaints))
    yield from found
    if not found and "/" not in name and name not in _STANDARD and not name.startswith((_HUGE, "requests." + _HUGE)):
        yield invalid(field, name, "must be a standard resource type or fully qualified", named_type=True)


def is_whole(name: str) -> bool:
    """Tell whether a resource is counted in whole pieces."""
    extended = "/" in name and "kubernetes.io/" not in name and not name.startswith("requests.")
    return extended or name in _OBJECTS


def quantity_value(name: str, amount: str, field: str) -> Iterator[Cause]:
    """Judge the amount of a resource."""
    value = parse_quantity(amount).value
    if value < 0:
        yield invalid(field, amount, NOT_NEGATIVE)
    if is_whole(name) and value.denominator != 1:
        yield invalid(field, amount, _NOT_WHOLE)


def _against_limit(name: str, amount: str, limit: str | None, field: str) -> Iterator[Cause]:
    exact = ("/" in name and "kubernetes.io/" not in name) or name.startswith(_HUGE)
    if limit is None:
        if exact:
            yield required(f"{field}.limits", "Limit must be set for non overcommitable resources")
        return
    asked, allowed = parse_quantity(amount).value, parse_quantity(limit).value
    if exact and asked != allowed:
        yield invalid(f"{field}.requests", amount, f"must be equal to {name} limit of {limit}")
    elif asked > allowed:
        yield invalid(f"{field}.requests", amount, f"must be less than or equal to {name} limit of {limit}")
