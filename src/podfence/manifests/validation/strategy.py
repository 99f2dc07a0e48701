"""What the server itself does to objects on create and update: status, generation, and what a request may not set.

Called *strategy* in the server's own code (k8s.io/kubernetes pkg/registry/*/strategy.go), with the mutating admission
plugins that run by default. What needs the state of a cluster (addresses of Services, tokens) is not here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from podfence.manifests.validation.pod_admission import admit_pod

Object = dict[str, Any]
KEPT: Final = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "namespace")


class Strategy(msgspec.Struct, frozen=True):
    """How one kind is created and updated.

    ``generation`` tells that the server counts changes of what is wanted; ``status`` that there is a status that only
    its subresource sets; ``create`` does what no other kind needs.
    """

    generation: bool = True
    status: bool = True
    create: Callable[[Object], Object] = dict
    counted: tuple[str, ...] = ("spec",)

    def created(self, value: Object) -> Object:
        """Give a new object as it is validated and stored."""
        prepared = {name: entry for name, entry in value.items() if not (self.status and name == "status")}
        if self.generation:
            prepared["metadata"] = {**prepared["metadata"], "generation": 1}
        return self.create(prepared)

    def updated(self, new: Object, old: Object, subresource: str = "") -> Object:
        """Give a changed object: the other half stays as it was stored, and a change of the wish is counted."""
        metadata = dict(new.get("metadata") or {})
        before = old.get("metadata") or {}
        for name in KEPT:
            if name in before:
                metadata.setdefault(name, before[name])
        prepared = {**new, "metadata": metadata}
        if subresource == "status":
            prepared = {**old, "metadata": metadata} | ({"status": new["status"]} if "status" in new else {})
        elif self.status:
            prepared.pop("status", None)
            if "status" in old:
                prepared["status"] = old["status"]
        self._count(prepared, old)
        return prepared

    def _count(self, prepared: Object, old: Object) -> None:
        metadata, before = prepared["metadata"], old.get("metadata") or {}
        if not self.generation:
            return
        count = before.get("generation", 0)
        changed = any(prepared.get(name) != old.get(name) for name in self.counted)
        metadata["generation"] = count + 1 if changed else count


PLAIN: Final = Strategy(generation=False, status=False)


def _namespace(value: Object) -> Object:
    finalizers = (value.get("spec") or {}).get("finalizers") or []
    wanted = finalizers if "kubernetes" in finalizers else [*finalizers, "kubernetes"]
    metadata = value["metadata"]
    labels = {**(metadata.get("labels") or {}), "kubernetes.io/metadata.name": metadata.get("name", "")}
    return {
        **value,
        "metadata": {**metadata, "labels": labels},
        "spec": {"finalizers": wanted},
        "status": {"phase": "Active"},
    }


def _secret(value: Object) -> Object:
    """Fold stringData into data: that is done by conversion, before anything else looks."""
    return value


def _in_use(word: str) -> Callable[[Object], Object]:
    def protect(value: Object) -> Object:
        metadata = value["metadata"]
        finalizers = metadata.get("finalizers") or []
        name = f"kubernetes.io/{word}-protection"
        kept = finalizers if name in finalizers else [*finalizers, name]
        return {**value, "metadata": {**metadata, "finalizers": kept}, "status": {"phase": "Pending"}}

    return protect


_WITH_STATUS = Strategy(generation=False)
_SPEC_ONLY = Strategy(status=False)
STRATEGIES: Final[Mapping[str, Strategy]] = {
    "v1/Pod": Strategy(create=admit_pod),
    "v1/Namespace": Strategy(generation=False, create=_namespace),
    "v1/PersistentVolumeClaim": Strategy(generation=False, create=_in_use("pvc")),
    "v1/PersistentVolume": Strategy(generation=False, create=_in_use("pv")),
    "v1/ReplicationController": Strategy(),
    "v1/Service": _WITH_STATUS,
    "v1/ResourceQuota": _WITH_STATUS,
    "v1/PodTemplate": Strategy(status=False, counted=("template",)),
    "apps/v1/Deployment": Strategy(),
    "apps/v1/ReplicaSet": Strategy(),
    "apps/v1/StatefulSet": Strategy(),
    "apps/v1/DaemonSet": Strategy(),
    "batch/v1/Job": Strategy(),
    "batch/v1/CronJob": Strategy(),
    "policy/v1/PodDisruptionBudget": Strategy(),
    "autoscaling/v1/HorizontalPodAutoscaler": _WITH_STATUS,
    "autoscaling/v2/HorizontalPodAutoscaler": _WITH_STATUS,
    "networking.k8s.io/v1/Ingress": Strategy(),
    "networking.k8s.io/v1/IngressClass": _SPEC_ONLY,
    "networking.k8s.io/v1/ServiceCIDR": Strategy(),
    "discovery.k8s.io/v1/EndpointSlice": Strategy(status=False, counted=("endpoints", "ports", "addressType")),
    "scheduling.k8s.io/v1/PriorityClass": Strategy(status=False, counted=()),
    "apiextensions.k8s.io/v1/CustomResourceDefinition": Strategy(),
    "apiregistration.k8s.io/v1/APIService": _WITH_STATUS,
    "certificates.k8s.io/v1/CertificateSigningRequest": _WITH_STATUS,
    "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration": Strategy(status=False, counted=("webhooks",)),
    "admissionregistration.k8s.io/v1/MutatingWebhookConfiguration": Strategy(status=False, counted=("webhooks",)),
    "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy": Strategy(),
    "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding": _SPEC_ONLY,
    "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy": _SPEC_ONLY,
    "admissionregistration.k8s.io/v1/MutatingAdmissionPolicyBinding": _SPEC_ONLY,
    "flowcontrol.apiserver.k8s.io/v1/FlowSchema": Strategy(),
    "flowcontrol.apiserver.k8s.io/v1/PriorityLevelConfiguration": Strategy(),
    "storage.k8s.io/v1/CSIDriver": _SPEC_ONLY,
    "storage.k8s.io/v1/VolumeAttachment": _WITH_STATUS,
}


def strategy_of(name: str) -> Strategy:
    """Give the strategy of a kind, written ``apps/v1/Deployment``; most small kinds have none of their own."""
    return STRATEGIES.get(name, PLAIN)
