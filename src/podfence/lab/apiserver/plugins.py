"""The admission plugins that must know what is in the store: NamespaceLifecycle, ServiceAccount and Priority.

They change or refuse objects before these are validated. No token is mounted into pods: the lab asks nobody for one.
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
    """Give a new pod its service account and the priority of its class."""
    spec = dict(pod.get("spec") or {})
    _set_service_account(storage, pod["metadata"], spec)
    _set_priority(storage, pod["metadata"], spec)
    return {**pod, "spec": spec}


def _set_service_account(storage: Storage, metadata: Object, spec: Object) -> None:
    name = spec.get("serviceAccountName") or "default"
    namespace = metadata.get("namespace", "")
    account = storage.get(SERVICE_ACCOUNTS, (namespace, name))
    # The controller that makes the default account may not have come to this namespace yet.
    if account is None and name != "default":
        looked_up = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
        raise forbidden("", "pods", metadata.get("name", ""), looked_up)
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    if account is not None and account.value.get("imagePullSecrets"):
        spec.setdefault("imagePullSecrets", account.value["imagePullSecrets"])


_SYSTEM_CLASSES: Final = frozenset({"system-cluster-critical", "system-node-critical"})


def _set_priority(storage: Storage, metadata: Object, spec: Object) -> None:
    name = spec.get("priorityClassName")
    if not name or name in _SYSTEM_CLASSES:
        return
    found = storage.get(PRIORITY_CLASSES, ("", name))
    if found is None:
        raise forbidden("", "pods", metadata.get("name", ""), f"no PriorityClass with name {name} was found")
    spec["priority"] = found.value.get("value", 0)
    if found.value.get("preemptionPolicy"):
        spec.setdefault("preemptionPolicy", found.value["preemptionPolicy"])


def refuse_immortal(name: str) -> StatusError | None:
    """Refuse to delete a namespace that the server needs."""
    if name in IMMORTAL:
        return forbidden("", "namespaces", name, "this namespace may not be deleted")
    return None
