"""Environment of containers, and the references to fields and keys that it shares with volumes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.rules.causes import (
    Object,
    complaints,
    config_key_complaints,
    dns_subdomain,
    invalid,
    not_supported,
    qualified_name,
    required,
)

_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_OF_A_POD = ("metadata.name", "metadata.namespace", "metadata.uid")
ENV_FIELDS = (
    *_OF_A_POD,
    *("spec.nodeName", "spec.serviceAccountName"),
    *("status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"),
)
VOLUME_FIELDS = ("metadata.annotations", "metadata.labels", *_OF_A_POD)
_KNOWN_FIELDS = frozenset({*ENV_FIELDS, *VOLUME_FIELDS, "spec.restartPolicy", "spec.schedulerName", "status.phase"})
_RESOURCES = tuple(f"{way}.{name}" for way in ("limits", "requests") for name in ("cpu", "ephemeral-storage", "memory"))
_HUGE = ("limits.hugepages-", "requests.hugepages-")
_SUBSCRIPT = re.compile(r"(.*)\['(.*)'\]")
_VARIABLE = re.compile(r"[ -<>-~]+")


def variable_name_complaints(name: str) -> tuple[str, ...]:
    """Judge the name of a variable: any printable ASCII but the equals sign."""
    detail = "a valid environment variable name must consist only of printable ASCII characters other than '='"
    return () if _VARIABLE.fullmatch(name) else (detail,)


def validate_environment(container: Object, field: str) -> Iterator[Cause]:
    """Judge ``env`` and ``envFrom`` of a container."""
    for at, variable in enumerate(container.get("env") or ()):
        path = f"{field}.env[{at}]"
        if not variable.get("name"):
            yield required(f"{path}.name")
        else:
            yield from complaints(f"{path}.name", variable["name"], variable_name_complaints)
        if "valueFrom" in variable:
            yield from _value_from(variable, f"{path}.valueFrom")
    for at, source in enumerate(container.get("envFrom") or ()):
        yield from _env_from(source, f"{field}.envFrom", at)


def _value_from(variable: Object, field: str) -> Iterator[Cause]:
    source = variable["valueFrom"]
    kinds = [kind for kind in _SOURCES if kind in source]
    for kind in kinds:
        yield from _reference(kind, source[kind], f"{field}.{kind}")
    if not kinds:
        names = ", ".join(f"`{kind}`" for kind in _SOURCES[:-1])
        yield invalid(field, "", f"must specify one of: {names} or `{_SOURCES[-1]}`")
    elif variable.get("value"):
        yield invalid(field, "", "may not be specified when `value` is not empty")
    elif len(kinds) > 1:
        yield invalid(field, "", "may not have more than one field specified at a time")


def _reference(kind: str, reference: Object, field: str) -> Iterator[Cause]:
    match kind:
        case "fieldRef":
            yield from validate_field_reference(reference, field, ENV_FIELDS)
        case "resourceFieldRef":
            yield from validate_resource_reference(reference, field, needs_container=False)
        case "configMapKeyRef" | "secretKeyRef":
            yield from dns_subdomain(f"{field}.name", reference.get("name", ""))
            if not reference.get("key"):
                yield required(f"{field}.key")
            else:
                yield from complaints(f"{field}.key", reference["key"], config_key_complaints)
        case _:
            for name in ("key", "volumeName", "path"):
                if not reference.get(name):
                    yield required(f"{field}.{name}")


def _env_from(source: Object, field: str, at: int) -> Iterator[Cause]:
    path = f"{field}[{at}]"
    if source.get("prefix"):
        yield from complaints(f"{path}.prefix", source["prefix"], variable_name_complaints)
    kinds = [kind for kind in ("configMapRef", "secretRef") if kind in source]
    for kind in kinds:
        if not source[kind].get("name"):
            yield required(f"{path}.{kind}.name")
        else:
            yield from dns_subdomain(f"{path}.{kind}.name", source[kind]["name"])
    # The server names the whole list here, not the entry.
    if not kinds:
        yield invalid(field, "", "must specify one of: `configMapRef` or `secretRef`")
    elif len(kinds) > 1:
        yield invalid(field, "", "may not have more than one field specified at a time")


def validate_field_reference(reference: Object, field: str, known: Sequence[str]) -> Iterator[Cause]:
    """Judge a reference to a field of the pod itself; ``known`` are the fields that may be named here."""
    path = reference.get("fieldPath", "")
    if not path:
        yield required(f"{field}.fieldPath")
        return
    if reference.get("apiVersion") != "v1":
        detail = f"error converting fieldPath: unsupported pod version: {reference.get('apiVersion', '')}"
        yield invalid(f"{field}.fieldPath", path, detail)
        return
    subscript = _SUBSCRIPT.fullmatch(path)
    if subscript is not None:
        yield from _subscript(subscript[1], subscript[2], path, field)
    elif path not in _KNOWN_FIELDS:
        yield invalid(f"{field}.fieldPath", path, f"error converting fieldPath: field label not supported: {path}")
    elif path not in known:
        yield not_supported(f"{field}.fieldPath", path, known)


def _subscript(path: str, key: str, whole: str, field: str) -> Iterator[Cause]:
    if path in {"metadata.labels", "metadata.annotations"}:
        yield from qualified_name(field, key.lower() if path == "metadata.annotations" else key)
    else:
        detail = f"error converting fieldPath: field label does not support subscript: {whole}"
        yield invalid(f"{field}.fieldPath", whole, detail)


def validate_resource_reference(reference: Object, field: str, *, needs_container: bool) -> Iterator[Cause]:
    """Judge a reference to an amount that a container asks for."""
    resource = reference.get("resource", "")
    if needs_container and not reference.get("containerName"):
        yield required(f"{field}.containerName")
    elif not resource:
        yield required(f"{field}.resource")
    elif resource not in _RESOURCES and not resource.startswith(_HUGE):
        yield not_supported(f"{field}.resource", resource, _RESOURCES)
