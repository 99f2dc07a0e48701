"""Namespaces, ConfigMaps, Secrets, roles, leases, events, nodes, limits and quotas (k8s.io/kubernetes pkg/apis)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping

from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.cidr import parse_sloppy
from podfence.manifests.validation.metadata import STANDARD_FINALIZERS
from podfence.manifests.validation.names import (
    dns_label_complaints,
    label_key_complaints,
    label_value_complaints,
    path_segment_complaints,
)
from podfence.manifests.validation.quantity import parse_quantity
from podfence.manifests.validation.rules.addresses import legacy_block
from podfence.manifests.validation.rules.causes import (
    Object,
    complaints,
    config_key_complaints,
    dns_subdomain,
    duplicate,
    forbidden,
    invalid,
    not_negative,
    not_supported,
    qualified_name,
    required,
    too_long,
)
from podfence.manifests.validation.rules.interface import Rules
from podfence.manifests.validation.rules.resources import (
    container_resource_name,
    quantity_value,
    resource_name,
)
from podfence.manifests.validation.rules.scheduling import EFFECTS
from podfence.manifests.validation.selectors import validate_selector

_LARGEST = 1024 * 1024
_IMMUTABLE = "field is immutable when `immutable` is set"
_RBAC = "rbac.authorization.k8s.io"


def validate_namespace(namespace: Object) -> Iterator[Cause]:
    """Judge a Namespace: its finalizers, and the label that limits what its pods may do."""
    for finalizer in (namespace.get("spec") or {}).get("finalizers") or ():
        if label_key_complaints(finalizer):
            yield from qualified_name("spec.finalizers", finalizer)
        if "/" not in finalizer and finalizer not in STANDARD_FINALIZERS:
            detail = "name is neither a standard finalizer name nor is it fully qualified"
            yield invalid("spec.finalizers", finalizer, detail)
    for mode in ("enforce", "audit", "warn"):
        key = f"pod-security.kubernetes.io/{mode}"
        level = ((namespace.get("metadata") or {}).get("labels") or {}).get(key)
        if level is not None and level not in {"privileged", "baseline", "restricted"}:
            yield invalid(f"metadata.labels[{key}]", level, "must be one of privileged, baseline, restricted")


def validate_config_map(config_map: Object) -> Iterator[Cause]:
    """Judge a ConfigMap: its keys, and its size."""
    texts, blobs = config_map.get("data") or {}, config_map.get("binaryData") or {}
    size = 0
    for key, text in texts.items():
        yield from complaints(f"data[{key}]", key, config_key_complaints)
        if key in blobs:
            yield invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
        size += len(text.encode())
    for key, blob in blobs.items():
        yield from complaints(f"binaryData[{key}]", key, config_key_complaints)
        size += len(base64.b64decode(blob))
    if size > _LARGEST:
        yield _too_large("")


def _too_large(field: str) -> Cause:
    return too_long(field, _LARGEST)


def _update_config_map(new: Object, old: Object) -> Iterator[Cause]:
    yield from _immutable(new, old, ("data", "binaryData"))
    yield from validate_config_map(new)


def _immutable(new: Object, old: Object, names: tuple[str, ...]) -> Iterator[Cause]:
    if not old.get("immutable"):
        return
    if not new.get("immutable"):
        yield forbidden("immutable", _IMMUTABLE)
    for name in names:
        if (new.get(name) or {}) != (old.get(name) or {}):
            yield forbidden(name, _IMMUTABLE)


_NEEDED_KEYS = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
_JSON_KEYS = (".dockercfg", ".dockerconfigjson")
_ACCOUNT_NAME = "kubernetes.io/service-account.name"


def validate_secret(secret: Object) -> Iterator[Cause]:
    """Judge a Secret whose stringData is folded into data: its keys, its size, and what its type needs."""
    data = secret.get("data") or {}
    size = 0
    for key, blob in data.items():
        yield from complaints(f"data[{key}]", key, config_key_complaints)
        size += len(base64.b64decode(blob))
    if size > _LARGEST:
        yield _too_large("data")
    kind = secret.get("type", "")
    annotations = (secret.get("metadata") or {}).get("annotations") or {}
    if kind == "kubernetes.io/service-account-token" and not annotations.get(_ACCOUNT_NAME):
        yield required(f"metadata.annotations[{_ACCOUNT_NAME}]")
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & data.keys():
        yield required("data[username]")
        yield required("data[password]")
    for key in _NEEDED_KEYS.get(kind, ()):
        if key not in data:
            yield required(f"data[{key}]")
        elif key in _JSON_KEYS:
            yield from _json(data[key], f"data[{key}]")


def _json(blob: str, field: str) -> Iterator[Cause]:
    text = base64.b64decode(blob).decode(errors="replace")
    try:
        json.loads(text)
    except ValueError:
        first = text.lstrip()[:1]
        detail = (
            f"invalid character '{first}' looking for beginning of value" if first else "unexpected end of JSON input"
        )
        yield invalid(field, "<secret contents redacted>", detail)


def _update_secret(new: Object, old: Object) -> Iterator[Cause]:
    if new.get("type") != old.get("type"):
        yield invalid("type", new.get("type", ""), "field is immutable", named_type=True)
    yield from _immutable(new, old, ("data",))
    yield from validate_secret(new)


def _warn_of_secret(secret: Object) -> Iterator[str]:
    if secret.get("type") != "kubernetes.io/tls":
        return
    certificate = base64.b64decode((secret.get("data") or {}).get("tls.crt", ""))
    if b"-----BEGIN CERTIFICATE-----" not in certificate:
        yield "tls: failed to find any PEM data in certificate input"


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


def _update_binding(new: Object, old: Object) -> Iterator[Cause]:
    judge = validate_role_binding if new.get("kind") == "RoleBinding" else validate_cluster_role_binding
    yield from judge(new)
    if new.get("roleRef") != old.get("roleRef"):
        role = new.get("roleRef") or {}
        shown = {name[0].upper() + name[1:]: role.get(name, "") for name in ("apiGroup", "kind", "name")}
        shown = {"APIGroup": shown.pop("ApiGroup"), **shown}
        yield invalid("roleRef", shown, "cannot change roleRef")


def validate_lease(lease: Object) -> Iterator[Cause]:
    """Judge a Lease."""
    spec = lease.get("spec") or {}
    seconds = spec.get("leaseDurationSeconds")
    if seconds is not None and seconds <= 0:
        yield invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0")
    yield from not_negative("spec.leaseTransitions", spec.get("leaseTransitions"))


def validate_event(event: Object) -> Iterator[Cause]:
    """Judge an Event, in which a new-style one must say more."""
    namespace = (event.get("metadata") or {}).get("namespace", "")
    about = (event.get("involvedObject") or {}).get("namespace", "")
    if event.get("eventTime"):
        yield from _new_event(event)
    # Events about what is in no namespace belong to the default one.
    wrong = about != namespace if about else namespace not in {"default", "kube-system"}
    if wrong:
        yield invalid("involvedObject.namespace", about, "does not match event.namespace")


def _new_event(event: Object) -> Iterator[Cause]:
    component = event.get("reportingComponent", "")
    if not component:
        yield required("reportingComponent")
    yield from qualified_name("reportingComponent", component)
    for name in ("reportingInstance", "action"):
        if not event.get(name):
            yield required(name)


def validate_node(node: Object) -> Iterator[Cause]:
    """Judge a Node."""
    spec = node.get("spec") or {}
    yield from _taints(spec.get("taints") or ())
    blocks = spec.get("podCIDRs") or []
    readable = True
    for at, block in enumerate(blocks):
        found = list(legacy_block(f"spec.podCIDRs[{at}]", block))
        readable = readable and not found
        yield from found
    families = [parsed.bits for block in blocks if (parsed := parse_sloppy(block)) is not None]
    if readable and len(blocks) > 1 and (len(blocks) > 2 or len(set(families)) != len(families)):
        yield invalid("spec.podCIDRs", blocks, "may specify no more than one CIDR for each IP family")


def _update_node(new: Object, old: Object) -> Iterator[Cause]:
    yield from validate_node(new)
    blocks = (old.get("spec") or {}).get("podCIDRs")
    if blocks and (new.get("spec") or {}).get("podCIDRs") != blocks:
        yield forbidden("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid')


def _taints(taints: tuple[Object, ...] | list[Object]) -> Iterator[Cause]:
    seen: set[tuple[str, str]] = set()
    for at, taint in enumerate(taints):
        field = f"metadata.taints[{at}]"
        key, value, effect = (taint.get(name, "") for name in ("key", "value", "effect"))
        yield from qualified_name(f"{field}.key", key)
        if value:
            yield from complaints(f"{field}.value", value, label_value_complaints)
        if not effect:
            yield required(f"{field}.effect")
        elif effect not in EFFECTS:
            yield not_supported(f"{field}.effect", effect, EFFECTS)
        if (key, effect) in seen:
            shown = {"Key": key, "Value": value, "Effect": effect, "TimeAdded": taint.get("timeAdded")}
            found = duplicate(field, shown)
            detail = "taints must be unique by key and effect pair"
            yield Cause(found.reason, field, f"{found.message}: {detail}", found.rule)
        seen.add((key, effect))


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


_ANY_NAME = path_segment_complaints
RULES = {
    "v1/Namespace": Rules(validate_namespace, name=dns_label_complaints, metadata_as_new=True),
    "v1/ConfigMap": Rules(validate_config_map, _update_config_map, metadata_as_new=True),
    "v1/Secret": Rules(validate_secret, _update_secret, _warn_of_secret, metadata_as_new=True),
    "v1/Event": Rules(validate_event),
    "v1/Node": Rules(validate_node, _update_node),
    "v1/LimitRange": Rules(validate_limits),
    "v1/ResourceQuota": Rules(validate_quota),
    "coordination.k8s.io/v1/Lease": Rules(validate_lease, bare_finalizers=True),
    f"{_RBAC}/v1/Role": Rules(validate_role, name=_ANY_NAME, metadata_as_new=True),
    f"{_RBAC}/v1/ClusterRole": Rules(validate_cluster_role, name=_ANY_NAME, metadata_as_new=True),
    f"{_RBAC}/v1/RoleBinding": Rules(validate_role_binding, _update_binding, name=_ANY_NAME, metadata_as_new=True),
    f"{_RBAC}/v1/ClusterRoleBinding": Rules(
        validate_cluster_role_binding, _update_binding, name=_ANY_NAME, metadata_as_new=True
    ),
}
