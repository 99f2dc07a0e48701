"""Security contexts of pods and containers (pkg/apis/core/validation)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.rules.causes import (
    Object,
    duplicate,
    invalid,
    not_supported,
    one_of_if_given,
    required,
)
from podfence.manifests.validation.rules.volumes import descending_path

_MAX_ID = (1 << 31) - 1
_NOT_AN_ID = f"must be between 0 and {_MAX_ID}, inclusive"
_SYSCTL = "([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_MAX_SYSCTL = 253
_PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")


def validate_pod_security(spec: Object, field: str) -> Iterator[Cause]:
    """Judge the security context of a pod; ``field`` is that of the context."""
    context = spec.get("securityContext") or {}
    for name in ("fsGroup", "runAsUser", "runAsGroup"):
        yield from _identity(context.get(name), f"{field}.{name}")
    for at, group in enumerate(context.get("supplementalGroups") or ()):
        yield from _identity(group, f"{field}.supplementalGroups[{at}]")
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        yield invalid(f"{field}.shareProcessNamespace", value=True, detail=detail)
    yield from _sysctls(context, f"{field}.sysctls")
    yield from one_of_if_given(
        f"{field}.fsGroupChangePolicy", context.get("fsGroupChangePolicy"), ("Always", "OnRootMismatch")
    )
    yield from _profiles(context, field)


def _identity(value: int | None, field: str) -> Iterator[Cause]:
    if value is not None and not 0 <= value <= _MAX_ID:
        yield invalid(field, value, _NOT_AN_ID)


def _sysctls(context: Object, field: str) -> Iterator[Cause]:
    seen: set[str] = set()
    for at, sysctl in enumerate(context.get("sysctls") or ()):
        name = sysctl.get("name", "")
        path = f"{field}[{at}].name"
        if not name:
            yield required(path)
        elif len(name) > _MAX_SYSCTL or not re.fullmatch(_SYSCTL, name):
            yield invalid(path, name, f"must have at most {_MAX_SYSCTL} characters and match regex ^{_SYSCTL}$")
        elif name in seen:
            yield duplicate(path, name)
        seen.add(name)


def _profiles(context: Object, field: str) -> Iterator[Cause]:
    for name in ("seccompProfile", "appArmorProfile"):
        if name in context:
            yield from _profile(context[name], f"{field}.{name}", local_path=name == "seccompProfile")


def _profile(profile: Object, field: str, *, local_path: bool) -> Iterator[Cause]:
    kind, local = profile.get("type", ""), profile.get("localhostProfile")
    if kind == "Localhost":
        if not local:
            yield required(f"{field}.localhostProfile", "must be set when seccomp type is Localhost")
        elif local_path:
            yield from descending_path(local, f"{field}.localhostProfile")
    elif not kind:
        yield required(f"{field}.type", "type is required when seccompProfile is set")
    elif kind not in _PROFILES:
        yield not_supported(f"{field}.type", kind, _PROFILES)
    elif local is not None:
        yield invalid(f"{field}.localhostProfile", local, "can only be set when seccomp type is Localhost")


def validate_container_security(context: Object, field: str, *, host_users: bool) -> Iterator[Cause]:
    """Judge the security context of a container."""
    for name in ("runAsUser", "runAsGroup"):
        yield from _identity(context.get(name), f"{field}.{name}")
    mount = context.get("procMount")
    yield from one_of_if_given(f"{field}.procMount", mount, ("Default", "Unmasked"))
    if host_users and mount == "Unmasked":
        yield invalid(f"{field}.procMount", mount, "`hostUsers` must be false to use `Unmasked`")
    yield from _profiles(context, field)
    yield from _escalation(context, field)


def _escalation(context: Object, field: str) -> Iterator[Cause]:
    if context.get("allowPrivilegeEscalation") is not False:
        return
    shown = _as_go_struct(context)
    start = "cannot set `allowPrivilegeEscalation` to false and "
    if context.get("privileged"):
        yield invalid(field, shown, f"{start}`privileged` to true")
    for capability in (context.get("capabilities") or {}).get("add") or ():
        if capability == "CAP_SYS_ADMIN":
            yield invalid(field, shown, f"{start}`capabilities.Add` CAP_SYS_ADMIN")


_GO_FIELDS = {
    "Privileged": "privileged",
    "SELinuxOptions": "seLinuxOptions",
    "WindowsOptions": "windowsOptions",
    "RunAsUser": "runAsUser",
    "RunAsGroup": "runAsGroup",
    "RunAsNonRoot": "runAsNonRoot",
    "ReadOnlyRootFilesystem": "readOnlyRootFilesystem",
    "AllowPrivilegeEscalation": "allowPrivilegeEscalation",
    "ProcMount": "procMount",
    "SeccompProfile": "seccompProfile",
    "AppArmorProfile": "appArmorProfile",
}


def _as_go_struct(context: Object) -> Object:
    capabilities = context.get("capabilities")
    shown = {"Add": capabilities.get("add"), "Drop": capabilities.get("drop")} if capabilities is not None else None
    return {"Capabilities": shown, **{name: context.get(field) for name, field in _GO_FIELDS.items()}}
