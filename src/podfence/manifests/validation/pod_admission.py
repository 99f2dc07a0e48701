"""What the API server adds to a new pod beyond defaults: status, priority, tolerations, the service account.

These are the plugins of the server that change pods by default (Priority, DefaultTolerationSeconds, ServiceAccount),
in their order, and the pod's own strategy. The service account needs the cluster's state, so it is a step of its own.
"""

from __future__ import annotations

from typing import Any, Final

Object = dict[str, Any]

_PATIENCE_SECONDS: Final = 300
_TAINTS: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_SYSTEM_PRIORITIES: Final = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
TOKEN_MOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 (a path)


def admit_pod(pod: Object) -> Object:
    """Give a new pod its priority, the tolerations that every pod has, and its first status."""
    spec = dict(pod.get("spec") or {})
    spec.setdefault("priority", _SYSTEM_PRIORITIES.get(spec.get("priorityClassName", ""), 0))
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    added = [_toleration(taint) for taint in _TAINTS if not _is_tolerated(spec, taint)]
    if added:
        spec["tolerations"] = [*(spec.get("tolerations") or []), *added]
    if spec.get("terminationGracePeriodSeconds", 0) < 0:
        spec["terminationGracePeriodSeconds"] = 1
    status: Object = {"phase": "Pending", "qosClass": qos_class(spec)}
    if spec.get("schedulingGates"):
        status["conditions"] = [_gated(pod["metadata"].get("creationTimestamp"))]
    return {**pod, "spec": spec, "status": status}


def _gated(time: object) -> Object:
    return {
        "type": "PodScheduled",
        "status": "False",
        "lastTransitionTime": time,
        "reason": "SchedulingGated",
        "message": "Scheduling is blocked due to non-empty scheduling gates",
    }


def admit_changed_pod(pod: Object, old: Object) -> Object:
    """Keep what the server added to a pod when it was new."""
    spec, before = dict(pod.get("spec") or {}), old.get("spec") or {}
    for name in ("priority", "preemptionPolicy"):
        if name in before:
            spec.setdefault(name, before[name])
    added = [_toleration(taint) for taint in _TAINTS if not _is_tolerated(spec, taint)]
    if added:
        spec["tolerations"] = [*(spec.get("tolerations") or []), *added]
    return {**pod, "spec": spec}


def with_ephemeral_containers(pod: Object, old: Object) -> Object:
    """Change the ephemeral containers of a pod and nothing else, as their subresource does."""
    spec = {name: entry for name, entry in (old.get("spec") or {}).items() if name != "ephemeralContainers"}
    added = (pod.get("spec") or {}).get("ephemeralContainers")
    if added:
        spec["ephemeralContainers"] = added
    version = {name: entry for name, entry in pod["metadata"].items() if name == "resourceVersion"}
    return {**old, "metadata": {**old["metadata"], **version}, "spec": spec}


def _toleration(taint: str) -> Object:
    return {"key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _PATIENCE_SECONDS}


def _is_tolerated(spec: Object, taint: str) -> bool:
    return any(
        each.get("key") in {None, "", taint} and each.get("effect") in {None, "", "NoExecute"}
        for each in spec.get("tolerations") or []
    )


def qos_class(spec: Object) -> str:
    """Tell the quality of service of a pod from the resources of its containers."""
    containers = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    counted = [_counted(container) for container in containers]
    if not any(requests or limits for requests, limits in counted):
        return "BestEffort"
    whole = all(limits.keys() == {"cpu", "memory"} and requests == limits for requests, limits in counted)
    return "Guaranteed" if whole else "Burstable"


def _counted(container: Object) -> tuple[Object, Object]:
    resources = container.get("resources") or {}
    requests, limits = (
        {name: amount for name, amount in (resources.get(which) or {}).items() if name in {"cpu", "memory"}}
        for which in ("requests", "limits")
    )
    return tuple({name: amount for name, amount in each.items() if amount != "0"} for each in (requests, limits))  # type: ignore[return-value]


def with_service_account(pod: Object, account: Object, suffix: str) -> Object:
    """Give a pod its service account: its name, its pull secrets, and the token in every container.

    ``account`` is the ServiceAccount object that the pod names, or the namespace's ``default`` one; ``suffix`` is the
    end of the volume's name, five characters that the server draws at random. What the pod says itself stays.
    """
    spec = dict(pod.get("spec") or {})
    name = spec.get("serviceAccountName") or account["metadata"]["name"]
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
        spec["imagePullSecrets"] = account["imagePullSecrets"]
    wanted = spec.get("automountServiceAccountToken", account.get("automountServiceAccountToken", True))
    return {**pod, "spec": _with_token(spec, f"kube-api-access-{suffix}") if wanted else spec}


def _with_token(spec: Object, volume: str) -> Object:
    mount = {"name": volume, "readOnly": True, "mountPath": TOKEN_MOUNT}
    changed = dict(spec)
    needed = False
    for kind in ("initContainers", "containers"):
        for at, container in enumerate(spec.get(kind) or []):
            mounts = container.get("volumeMounts") or []
            if any(each.get("mountPath") == TOKEN_MOUNT for each in mounts):
                continue
            needed = True
            changed[kind] = list(changed[kind])
            changed[kind][at] = {**container, "volumeMounts": [*mounts, mount]}
    if needed:
        changed["volumes"] = [*(spec.get("volumes") or []), token_volume(volume)]
    return changed


def token_volume(name: str) -> Object:
    """Make the volume that holds a pod's token, the cluster's certificate and the namespace's name."""
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]
    return {"name": name, "projected": {"sources": sources, "defaultMode": 420}}
