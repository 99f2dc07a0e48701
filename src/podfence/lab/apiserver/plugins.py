"""The admission plugins that change or refuse objects before they are validated.

Those that a real server has switched on and that a lab can feel: NamespaceLifecycle, ServiceAccount (its name
only; no token is mounted), Priority and DefaultTolerationSeconds.
"""

from __future__ import annotations

from typing import Any, Final

from podfence.lab.apiserver.resources import ApiResource
from podfence.lab.apiserver.status import StatusError, forbidden, not_found
from podfence.lab.apiserver.storage import Storage
from podfence.lab.interface import Resource

Object = dict[str, Any]

NAMESPACES: Final = Resource("", "namespaces")
SERVICE_ACCOUNTS: Final = Resource("", "serviceaccounts")
PRIORITY_CLASSES: Final = Resource("scheduling.k8s.io", "priorityclasses")
IMMORTAL: Final = frozenset({"default", "kube-system", "kube-public"})
"""Namespaces that cannot be deleted; kube-node-lease can."""


def admit_namespace(storage: Storage, resource: ApiResource, namespace: str, name: str) -> None:
    """Refuse to create in a namespace that does not exist or is on its way out."""
    entry = storage.get(NAMESPACES, ("", namespace))
    if entry is None:
        raise not_found("", "namespaces", namespace)
    if entry.value["metadata"].get("deletionTimestamp"):
        why = f"unable to create new content in namespace {namespace} because it is being terminated"
        message = f"namespace {namespace} is being terminated"
        cause = {"reason": "NamespaceTerminating", "message": message, "field": "metadata.namespace"}
        raise forbidden(resource.group, resource.plural, name, why, (cause,))


def admit_pod(storage: Storage, pod: Object) -> Object:
    """Give a new pod its service account, priority and default tolerations."""
    metadata = pod["metadata"]
    spec = dict(pod.get("spec") or {})
    _set_service_account(storage, metadata, spec)
    _set_priority(storage, metadata, spec)
    _add_tolerations(spec)
    return {**pod, "spec": spec}


def _set_service_account(storage: Storage, metadata: Object, spec: Object) -> None:
    name = spec.get("serviceAccountName") or "default"
    namespace = metadata.get("namespace", "")
    # The controller that makes the default account may not have come to this namespace yet.
    if name != "default" and storage.get(SERVICE_ACCOUNTS, (namespace, name)) is None:
        looked_up = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
        raise forbidden("", "pods", metadata.get("name", ""), looked_up)
    spec["serviceAccountName"] = spec["serviceAccount"] = name


_SYSTEM_PRIORITIES: Final = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}


def _set_priority(storage: Storage, metadata: Object, spec: Object) -> None:
    name = spec.get("priorityClassName")
    if not name:
        spec.setdefault("priority", 0)
        spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
        return
    found = storage.get(PRIORITY_CLASSES, ("", name))
    if found is None and name not in _SYSTEM_PRIORITIES:
        raise forbidden("", "pods", metadata.get("name", ""), f"no PriorityClass with name {name} was found")
    spec["priority"] = found.value.get("value", 0) if found else _SYSTEM_PRIORITIES[name]
    spec.setdefault(
        "preemptionPolicy", (found.value.get("preemptionPolicy") if found else "") or "PreemptLowerPriority"
    )


_TOLERATED: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_TOLERATION_S: Final = 300


def _add_tolerations(spec: Object) -> None:
    given = list(spec.get("tolerations") or ())
    for key in _TOLERATED:
        tolerated = any(
            each.get("key") in {key, None, ""} and each.get("effect") in {"NoExecute", None, ""} for each in given
        )
        if not tolerated:
            new = {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _TOLERATION_S}
            given.append(new)
    spec["tolerations"] = given


def refuse_immortal(name: str) -> StatusError | None:
    """Refuse to delete a namespace that the server needs."""
    if name in IMMORTAL:
        return forbidden("", "namespaces", name, "this namespace may not be deleted")
    return None
