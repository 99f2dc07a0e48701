"""What the server itself does to objects on create and update: status, generation, and what a request may not set.

Called *strategy* in the server's own code (k8s.io/kubernetes pkg/registry/*/strategy.go), with the mutating admission
plugins that run by default. What needs the state of a cluster (addresses of Services, tokens) is not here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from podfence.manifests.validation.pod_admission import admit_changed_pod, admit_pod, with_ephemeral_containers

Object = dict[str, Any]
KEPT: Final = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "namespace")


def _unchanged(value: Object, old: Object) -> Object:
    """Take a changed object as it is, as most kinds do."""
    del old
    return value


class Strategy(msgspec.Struct, frozen=True):
    """How one kind is created and updated.

    ``generation`` tells that the server counts changes of what is wanted; ``status`` that there is a status that only
    its subresource sets; ``create`` and ``update`` do what no other kind needs. ``counted`` are the fields whose
    changes are counted; an update that is not ``unconditional`` must name the version that it replaces, and no update
    of the status changes ``kept_status``. ``parts`` are further subresources, each of which sets one part of the wish:
    what it makes of the new and the old object.
    """

    generation: bool = True
    status: bool = True
    create: Callable[[Object], Object] = dict
    update: Callable[[Object, Object], Object] = _unchanged
    counted: tuple[str, ...] = ("spec",)
    unconditional: bool = True
    kept_status: tuple[str, ...] = ()
    parts: Mapping[str, Callable[[Object, Object], Object]] = {}

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
            if name in before and (name == "creationTimestamp" or not metadata.get(name)):
                metadata[name] = before[name]
        prepared = {**new, "metadata": metadata}
        if subresource == "status":
            prepared = {**old, "metadata": metadata, "status": self._status(new, old)}
        elif subresource:
            prepared = self.parts[subresource](prepared, old)
        elif self.status:
            prepared.pop("status", None)
            if "status" in old:
                prepared["status"] = old["status"]
        if not subresource:
            prepared = self.update(prepared, old)
        self._count(prepared, old)
        return prepared

    def _status(self, new: Object, old: Object) -> Object:
        """Give the new status with what only the server decides."""
        given, before = dict(new.get("status") or {}), old.get("status") or {}
        for name in self.kept_status:
            if name in before:
                given[name] = before[name]
        return given

    def _count(self, prepared: Object, old: Object) -> None:
        metadata, before = prepared["metadata"], old.get("metadata") or {}
        count = before.get("generation", 0)
        if not self.generation:
            metadata.pop("generation", None)
            if count:
                metadata["generation"] = count
            return
        changed = any(_part(prepared, name) != _part(old, name) for name in self.counted)
        metadata["generation"] = count + 1 if changed else count


def _part(value: Object, name: str) -> object:
    """Give a field of an object, or of its metadata; an empty one counts as absent."""
    inside = name.removeprefix("metadata.")
    return (value.get("metadata") or {} if inside != name else value).get(inside) or None


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


def _kept_namespace(value: Object, old: Object) -> Object:
    return {**value, "spec": old.get("spec") or {}}


def _in_use(word: str) -> Callable[[Object], Object]:
    def protect(value: Object) -> Object:
        metadata = value["metadata"]
        finalizers = metadata.get("finalizers") or []
        name = f"kubernetes.io/{word}-protection"
        kept = finalizers if name in finalizers else [*finalizers, name]
        status = {"phase": "Pending"}
        if word == "pv":
            status["lastPhaseTransitionTime"] = metadata.get("creationTimestamp")
        return _one_data_source({**value, "metadata": {**metadata, "finalizers": kept}, "status": status})

    return protect


def _one_data_source(claim: Object) -> Object:
    """Keep the two fields that name where a claim's data come from in step; unknown sources are dropped."""
    spec = dict(claim.get("spec") or {})
    source = spec.get("dataSource")
    if source is not None:
        kind = (source.get("apiGroup") or "", source.get("kind"))
        if kind not in {("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot")}:
            spec.pop("dataSource")
        else:
            spec.setdefault("dataSourceRef", source)
    return {**claim, "spec": spec}


def _node(value: Object) -> Object:
    """Let no pod onto a node before somebody says that it is ready."""
    spec = value.get("spec") or {}
    taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    taints = spec.get("taints") or []
    kept = taints if any(each.get("key") == taint["key"] for each in taints) else [*taints, taint]
    return {**value, "spec": {**spec, "taints": kept}}


def _lease(value: Object) -> Object:
    """Drop what only a feature that is off by default would use."""
    spec = {name: entry for name, entry in (value.get("spec") or {}).items() if name not in _UNUSED_OF_LEASE}
    return {**value, "spec": spec}


_UNUSED_OF_LEASE = frozenset({"strategy", "preferredHolder"})


def _slice(value: Object) -> Object:
    endpoints = [
        {name: entry for name, entry in endpoint.items() if name != "deprecatedTopology"}
        for endpoint in value.get("endpoints") or ()
    ]
    return {**value, "endpoints": endpoints}


def _job(value: Object) -> Object:
    """Give a Job a selector of its own: the uid that the server has set in its metadata."""
    spec, metadata = value.get("spec") or {}, value["metadata"]
    if spec.get("manualSelector"):
        return value
    template = spec.get("template") or {}
    inner = template.get("metadata") or {}
    name, uid = metadata.get("name", ""), metadata.get("uid", "")
    labels = {
        "job-name": name,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "batch.kubernetes.io/controller-uid": uid,
        **(inner.get("labels") or {}),
    }
    selector = spec.get("selector") or {}
    matched = {"batch.kubernetes.io/controller-uid": uid, **(selector.get("matchLabels") or {})}
    chosen = {**template, "metadata": {**inner, "labels": labels}}
    if inner.get("labels") and metadata.get("labels") == inner["labels"]:
        # Labels that were taken over from the template are the template's own to the server.
        metadata = {**metadata, "labels": labels}
    wanted = {**spec, "selector": {**selector, "matchLabels": matched}, "template": chosen}
    return {**value, "metadata": metadata, "spec": wanted}


_TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


def _daemon_set(value: Object) -> Object:
    metadata = value["metadata"]
    annotations = {**(metadata.get("annotations") or {}), _TEMPLATE_GENERATION: "1"}
    return {**value, "metadata": {**metadata, "annotations": annotations}}


def _daemon_set_update(value: Object, old: Object) -> Object:
    before = (old["metadata"].get("annotations") or {}).get(_TEMPLATE_GENERATION, "1")
    changed = (value.get("spec") or {}).get("template") != (old.get("spec") or {}).get("template")
    count = str(int(before) + changed) if before.isdecimal() else before
    metadata = value["metadata"]
    annotations = {**(metadata.get("annotations") or {}), _TEMPLATE_GENERATION: count}
    return {**value, "metadata": {**metadata, "annotations": annotations}}


def _stateful_set(value: Object) -> Object:
    """Name the kind of every claim, and drop what only a feature that is off by default would use."""
    spec = dict(value.get("spec") or {})
    rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate")
    if rolling:
        kept = {name: entry for name, entry in rolling.items() if name != "maxUnavailable"}
        spec["updateStrategy"] = {**spec["updateStrategy"], "rollingUpdate": kept}
    head = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    if spec.get("volumeClaimTemplates"):
        spec["volumeClaimTemplates"] = [{**claim, **head} for claim in spec["volumeClaimTemplates"]]
    return {**value, "spec": spec}


def _stateful_set_update(value: Object, old: Object) -> Object:
    del old
    return _stateful_set(value)


def _definition(value: Object) -> Object:
    """Note of a CustomResourceDefinition in which version its objects are stored."""
    stored = [each.get("name", "") for each in (value.get("spec") or {}).get("versions") or () if each.get("storage")]
    return {**value, "status": {"storedVersions": stored}} if stored else value


_WITH_STATUS = Strategy(generation=False)
_SPEC_ONLY = Strategy(status=False)
_WEBHOOKS = Strategy(status=False, counted=("webhooks",), unconditional=False)
STRATEGIES: Final[Mapping[str, Strategy]] = {
    "v1/Pod": Strategy(
        create=admit_pod,
        update=admit_changed_pod,
        kept_status=("qosClass",),
        parts={"ephemeralcontainers": with_ephemeral_containers},
    ),
    "v1/Namespace": Strategy(generation=False, create=_namespace, update=_kept_namespace),
    "v1/PersistentVolumeClaim": Strategy(generation=False, create=_in_use("pvc")),
    "v1/PersistentVolume": Strategy(generation=False, create=_in_use("pv")),
    "v1/ReplicationController": Strategy(),
    "v1/Service": _WITH_STATUS,
    "v1/Node": Strategy(generation=False, status=False, create=_node),
    "coordination.k8s.io/v1/Lease": Strategy(generation=False, status=False, create=_lease, unconditional=False),
    "v1/ResourceQuota": _WITH_STATUS,
    "v1/PodTemplate": Strategy(status=False, counted=("template",)),
    "apps/v1/Deployment": Strategy(counted=("spec", "metadata.annotations")),
    "apps/v1/ReplicaSet": Strategy(),
    "apps/v1/StatefulSet": Strategy(create=_stateful_set, update=_stateful_set_update),
    "apps/v1/DaemonSet": Strategy(create=_daemon_set, update=_daemon_set_update),
    "batch/v1/Job": Strategy(create=_job),
    "batch/v1/CronJob": Strategy(),
    "policy/v1/PodDisruptionBudget": Strategy(unconditional=False),
    "autoscaling/v1/HorizontalPodAutoscaler": _WITH_STATUS,
    "autoscaling/v2/HorizontalPodAutoscaler": _WITH_STATUS,
    "networking.k8s.io/v1/Ingress": Strategy(),
    "networking.k8s.io/v1/IngressClass": _SPEC_ONLY,
    "networking.k8s.io/v1/ServiceCIDR": Strategy(),
    "discovery.k8s.io/v1/EndpointSlice": Strategy(
        status=False, counted=("endpoints", "ports", "addressType", "metadata.labels"), create=_slice
    ),
    "scheduling.k8s.io/v1/PriorityClass": Strategy(status=False, counted=()),
    "apiextensions.k8s.io/v1/CustomResourceDefinition": Strategy(create=_definition),
    "apiregistration.k8s.io/v1/APIService": _WITH_STATUS,
    "certificates.k8s.io/v1/CertificateSigningRequest": _WITH_STATUS,
    "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration": _WEBHOOKS,
    "admissionregistration.k8s.io/v1/MutatingWebhookConfiguration": _WEBHOOKS,
    "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy": Strategy(),
    "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding": _SPEC_ONLY,
    "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy": _SPEC_ONLY,
    "admissionregistration.k8s.io/v1/MutatingAdmissionPolicyBinding": _SPEC_ONLY,
    "flowcontrol.apiserver.k8s.io/v1/FlowSchema": Strategy(),
    "flowcontrol.apiserver.k8s.io/v1/PriorityLevelConfiguration": Strategy(),
    "storage.k8s.io/v1/CSIDriver": Strategy(status=False, unconditional=False),
    "node.k8s.io/v1/RuntimeClass": Strategy(generation=False, status=False, unconditional=False),
    "storage.k8s.io/v1/VolumeAttachment": _WITH_STATUS,
}


def strategy_of(name: str) -> Strategy:
    """Give the strategy of a kind, written ``apps/v1/Deployment``; most small kinds have none of their own."""
    return STRATEGIES.get(name, PLAIN)
