"""Roles and their bindings (k8s.io/kubernetes pkg/apis/rbac/validation)."""

from __future__ import annotations

from collections.abc import Iterator

from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.names import (
    path_segment_complaints,
)
from podfence.manifests.validation.rules.causes import (
    Object,
    complaints,
    dns_subdomain,
    invalid,
    not_supported,
    required,
)
from podfence.manifests.validation.rules.interface import Rules
from podfence.manifests.validation.selectors import validate_selector

_RBAC = "rbac.authorization.k8s.io"
_ANY_NAME = path_segment_complaints


def _rules_of_role(role: Object, *, namespaced: bool) -> Iterator[Cause]:
    for at, rule in enumerate(role.get("rules") or ()):
        yield from _policy_rule(rule, f"rules[{at}]", namespaced=namespaced)


def _policy_rule(rule: Object, field: str, *, namespaced: bool) -> Iterator[Cause]:
    if not rule.get("verbs"):
        yield required(f"{field}.verbs", "verbs must contain at least one value")
    addresses = rule.get("nonResourceURLs") or []
    if addresses:
        path = f"{field}.nonResourceURLs"
        if namespaced:
            yield invalid(path, addresses, "namespaced rules cannot apply to non-resource URLs")
        if any(rule.get(name) for name in ("apiGroups", "resources", "resourceNames")):
            detail = "rules cannot apply to both regular resources and non-resource URLs"
            yield invalid(path, addresses, detail)
        return
    if not rule.get("apiGroups"):
        yield required(f"{field}.apiGroups", "resource rules must supply at least one api group")
    if not rule.get("resources"):
        yield required(f"{field}.resources", "resource rules must supply at least one resource")


def validate_role(role: Object) -> Iterator[Cause]:
    """Judge a Role."""
    return _rules_of_role(role, namespaced=True)


def validate_cluster_role(role: Object) -> Iterator[Cause]:
    """Judge a ClusterRole."""
    yield from _rules_of_role(role, namespaced=False)
    if "aggregationRule" not in role:
        return
    field = "aggregationRule.clusterRoleSelectors"
    selectors = role["aggregationRule"].get("clusterRoleSelectors") or ()
    if not selectors:
        yield required(field, "at least one clusterRoleSelector required if aggregationRule is non-nil")
    for at, selector in enumerate(selectors):
        found = list(validate_selector(selector, f"{field}[{at}]"))
        yield from found
        if found:
            yield invalid(f"{field}[{at}]", None, "invalid label selector.")


def validate_role_binding(binding: Object) -> Iterator[Cause]:
    """Judge a RoleBinding."""
    return _binding(binding, ("Role", "ClusterRole"), namespaced=True)


def validate_cluster_role_binding(binding: Object) -> Iterator[Cause]:
    """Judge a ClusterRoleBinding."""
    return _binding(binding, ("ClusterRole",), namespaced=False)


def _binding(binding: Object, kinds: tuple[str, ...], *, namespaced: bool) -> Iterator[Cause]:
    role = binding.get("roleRef") or {}
    if role.get("apiGroup") != _RBAC:
        yield not_supported("roleRef.apiGroup", role.get("apiGroup", ""), (_RBAC,))
    if role.get("kind") not in kinds:
        yield not_supported("roleRef.kind", role.get("kind", ""), kinds)
    if not role.get("name"):
        yield required("roleRef.name")
    else:
        yield from complaints("roleRef.name", role["name"], path_segment_complaints)
    for at, subject in enumerate(binding.get("subjects") or ()):
        yield from _subject(subject, f"subjects[{at}]", namespaced=namespaced)


def _subject(subject: Object, field: str, *, namespaced: bool) -> Iterator[Cause]:
    name, group, kind = subject.get("name", ""), subject.get("apiGroup", ""), subject.get("kind", "")
    if not name:
        yield required(f"{field}.name")
    if kind == "ServiceAccount":
        if name:
            yield from dns_subdomain(f"{field}.name", name)
        if group:
            yield not_supported(f"{field}.apiGroup", group, ("",))
        if not namespaced and not subject.get("namespace"):
            yield required(f"{field}.namespace")
    elif kind in {"User", "Group"}:
        if group != _RBAC:
            yield not_supported(f"{field}.apiGroup", group, (_RBAC,))
    else:
        yield not_supported(f"{field}.kind", kind, ("ServiceAccount", "User", "Group"))


def _update_role_binding(new: Object, old: Object) -> Iterator[Cause]:
    yield from validate_role_binding(new)
    yield from _role_stays(new, old)


def _update_cluster_role_binding(new: Object, old: Object) -> Iterator[Cause]:
    yield from validate_cluster_role_binding(new)
    yield from _role_stays(new, old)


def _role_stays(new: Object, old: Object) -> Iterator[Cause]:
    role = new.get("roleRef") or {}
    if role != old.get("roleRef"):
        # The server shows its own struct.
        names = {"APIGroup": "apiGroup", "Kind": "kind", "Name": "name"}
        yield invalid("roleRef", {name: role.get(field, "") for name, field in names.items()}, "cannot change roleRef")


RULES = {
    f"{_RBAC}/v1/Role": Rules(validate_role, name=_ANY_NAME, metadata_as_new=True),
    f"{_RBAC}/v1/ClusterRole": Rules(validate_cluster_role, name=_ANY_NAME, metadata_as_new=True),
    f"{_RBAC}/v1/RoleBinding": Rules(validate_role_binding, _update_role_binding, name=_ANY_NAME, metadata_as_new=True),
    f"{_RBAC}/v1/ClusterRoleBinding": Rules(
        validate_cluster_role_binding, _update_cluster_role_binding, name=_ANY_NAME, metadata_as_new=True
    ),
}
