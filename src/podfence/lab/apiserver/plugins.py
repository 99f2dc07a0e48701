"""The admission plugins that look into the store: NamespaceLifecycle, ServiceAccount, Priority and RuntimeClass.

They change or refuse objects before these are validated.
"""

from __future__ import annotations

from typing import Any, Final

from podfence.lab.apiserver.resources import ApiResource
from podfence.lab.apiserver.status import StatusError, forbidden, not_found
from podfence.lab.apiserver.storage import Storage
from podfence.lab.interface import Resource
from podfence.manifests.validation.cause import quoted
from podfence.manifests.validation.pod_admission import with_service_account

Object = dict[str, Any]

NAMESPACES: Final = Resource("", "namespaces")
SERVICE_ACCOUNTS: Final = Resource("", "serviceaccounts")
RUNTIME_CLASSES: Final = Resource("node.k8s.io", "runtimeclasses")
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


def admit_pod(storage: Storage, pod: Object, suffix: str) -> Object:
    """Give a new pod its service account and the priority of its class; raises ``StatusError`` 403.

    ``suffix`` ends the name of the volume with the account's token; without one there are no service accounts.
    """
    if suffix:
        pod = with_service_account(pod, _service_account(storage, pod), suffix)
    spec = dict(pod.get("spec") or {})
    _set_priority(storage, pod["metadata"], spec)
    _check_runtime(storage, pod["metadata"], spec)
    return {**pod, "spec": spec}


def _service_account(storage: Storage, pod: Object) -> Object:
    metadata = pod["metadata"]
    name = (pod.get("spec") or {}).get("serviceAccountName") or "default"
    namespace = metadata.get("namespace", "")
    account = storage.get(SERVICE_ACCOUNTS, (namespace, name))
    if account is not None:
        return account.value
    # The controller that makes the default account may not have come to this namespace yet.
    if name == "default":
        return {"metadata": {"name": name}}
    looked_up = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
    raise forbidden("", "pods", metadata.get("name", ""), looked_up)


_SYSTEM_CLASSES: Final = {
    "system-cluster-critical": {"value": 2_000_000_000},
    "system-node-critical": {"value": 2_000_001_000},
}
_PREEMPTS: Final = "PreemptLowerPriority"


def _set_priority(storage: Storage, metadata: Object, spec: Object) -> None:
    """Set priority and preemption by the class; a pod may only say itself what comes out anyway."""
    name = spec.get("priorityClassName")
    found = storage.get(PRIORITY_CLASSES, ("", name)) if name else None
    priority_class: Object | None = found.value if found else _SYSTEM_CLASSES.get(name or "")
    if name and priority_class is None:
        raise forbidden("", "pods", metadata.get("name", ""), f"no PriorityClass with name {name} was found")
    computed = priority_class or {}
    for field, type_name, value in (
        ("priority", "integer value of priority", computed.get("value", 0)),
        ("preemptionPolicy", "string value of PreemptionPolicy", computed.get("preemptionPolicy") or _PREEMPTS),
    ):
        if spec.get(field) not in {None, value}:
            given = f"the {type_name} ({spec[field]}) must not be provided in pod spec"
            why = f"{given}; priority admission controller computed {value} from the given PriorityClass name"
            raise forbidden("", "pods", metadata.get("name", ""), why)
        spec[field] = value


def _check_runtime(storage: Storage, metadata: Object, spec: Object) -> None:
    name = spec.get("runtimeClassName")
    why = ""
    if name and storage.get(RUNTIME_CLASSES, ("", name)) is None:
        why = f"RuntimeClass {quoted(name)} not found"
    elif spec.get("overhead") and not name:
        why = "Pod Overhead set without corresponding RuntimeClass defined Overhead"
    if why:
        raise forbidden("", "pods", metadata.get("name", ""), f"pod rejected: {why}")


def refuse_immortal(name: str) -> StatusError | None:
    """Refuse to delete a namespace that the server needs."""
    if name in IMMORTAL:
        return forbidden("", "namespaces", name, "this namespace may not be deleted")
    return None
