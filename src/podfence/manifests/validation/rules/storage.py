"""Claims of storage, and the volumes that satisfy them (pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Iterator

from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.quantity import parse_quantity
from podfence.manifests.validation.rules.causes import (
    Object,
    dns_subdomain,
    forbidden,
    invalid,
    not_supported,
    one_of,
    one_of_if_given,
    required,
)
from podfence.manifests.validation.rules.interface import Rules
from podfence.manifests.validation.rules.volumes import validate_host_path, validate_nfs
from podfence.manifests.validation.selectors import validate_selector

_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_VOLUME_MODES = ("Block", "Filesystem")
_SPEC_OF_VOLUME = frozenset(
    [
        "capacity",
        "accessModes",
        "claimRef",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "mountOptions",
        "volumeMode",
        "nodeAffinity",
        "volumeAttributesClassName",
    ]
)


def validate_claim_spec(spec: Object, field: str) -> Iterator[Cause]:
    """Judge the spec of a claim."""
    modes = spec.get("accessModes") or ()
    if not modes:
        yield required(f"{field}.accessModes", "at least 1 access mode is required")
    yield from validate_selector(spec.get("selector") or {}, f"{field}.selector")
    yield from _access_modes(modes, f"{field}.accessModes")
    storage = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if storage is None:
        yield required(f"{field}.resources[storage]")
    elif parse_quantity(storage).value <= 0:
        yield invalid(f"{field}.resources[storage]", storage, "must be greater than zero")
    if spec.get("storageClassName"):
        yield from dns_subdomain(f"{field}.storageClassName", spec["storageClassName"])
    yield from one_of_if_given(f"{field}.volumeMode", spec.get("volumeMode"), _VOLUME_MODES)


def _access_modes(modes: tuple[str, ...] | list[str], field: str) -> Iterator[Cause]:
    for mode in modes:
        if mode not in _MODES:
            yield not_supported(field, mode, _MODES)
    if "ReadWriteOncePod" in modes and set(modes) != {"ReadWriteOncePod"}:
        yield forbidden(field, "may not use ReadWriteOncePod with other access modes")


def validate_claim(claim: Object) -> Iterator[Cause]:
    """Judge a claim."""
    return validate_claim_spec(claim.get("spec") or {}, "spec")


def validate_claim_template(claim: Object, field: str) -> Iterator[Cause]:
    """Judge the claim that a workload makes for each of its pods."""
    return validate_claim_spec(claim.get("spec") or {}, f"{field}.spec")


def _update_claim(new: Object, old: Object) -> Iterator[Cause]:
    yield from validate_claim(new)
    now, then = dict(new.get("spec") or {}), dict(old.get("spec") or {})
    bound = (old.get("status") or {}).get("phase") == "Bound"
    for spec in (now, then):
        for name in ("volumeName", "volumeAttributesClassName", *(("resources",) if bound else ())):
            spec.pop(name, None)
    if now != then:
        detail = (
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
        )
        yield forbidden("spec", detail)


def validate_volume(volume: Object) -> Iterator[Cause]:
    """Judge a volume of the cluster."""
    spec = volume.get("spec") or {}
    modes, capacity = spec.get("accessModes") or (), spec.get("capacity") or {}
    if not modes:
        yield required("spec.accessModes")
    yield from _access_modes(modes, "spec.accessModes")
    if not capacity:
        yield required("spec.capacity")
    if set(capacity) != {"storage"}:
        yield not_supported("spec.capacity", spec.get("capacity"), ("storage",))
    for name, amount in capacity.items():
        value = parse_quantity(amount).value
        if value < 0:
            yield invalid(f"spec.capacity[{name}]", int(value), "must be a valid resource quantity")
        if value <= 0:
            yield invalid(f"spec.capacity[{name}]", amount, "must be greater than zero")
    yield from one_of(
        "spec.persistentVolumeReclaimPolicy",
        spec.get("persistentVolumeReclaimPolicy", ""),
        ("Delete", "Recycle", "Retain"),
    )
    yield from _source(spec)
    if spec.get("storageClassName"):
        yield from dns_subdomain("spec.storageClassName", spec["storageClassName"])
    yield from one_of_if_given("spec.volumeMode", spec.get("volumeMode"), _VOLUME_MODES)


def _source(spec: Object) -> Iterator[Cause]:
    kinds = [name for name in spec if name not in _SPEC_OF_VOLUME]
    if "hostPath" in kinds:
        kinds = ["hostPath", *(kind for kind in kinds if kind != "hostPath")]
        yield from validate_host_path(spec["hostPath"], "spec.hostPath")
    elif "nfs" in kinds:
        yield from validate_nfs(spec["nfs"], "spec.nfs")
    for kind in kinds[1:]:
        yield forbidden(f"spec.{kind}", "may not specify more than 1 volume type")
    if not kinds:
        yield required("spec", "must specify a volume type")


def _warn_of_volume(volume: Object) -> Iterator[str]:
    if (volume.get("spec") or {}).get("persistentVolumeReclaimPolicy") == "Recycle":
        yield (
            "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended "
            "approach is to use dynamic provisioning."
        )


RULES = {
    "v1/PersistentVolumeClaim": Rules(validate_claim, _update_claim),
    "v1/PersistentVolume": Rules(validate_volume, warnings=_warn_of_volume),
}
