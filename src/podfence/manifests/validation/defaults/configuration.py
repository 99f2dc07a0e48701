"""Defaults of everything that is neither pod, workload nor Service (k8s.io/kubernetes pkg/apis)."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from podfence.manifests.validation.defaults.setting import Default, Object, fill, fill_inner, filling

_RBAC = "rbac.authorization.k8s.io"


def default_namespace(namespace: Object) -> None:
    """Label a namespace with its name."""
    metadata = namespace.get("metadata") or {}
    if metadata.get("name"):
        labels = {**(metadata.get("labels") or {}), "kubernetes.io/metadata.name": metadata["name"]}
        namespace["metadata"] = {**metadata, "labels": labels}


def default_binding(binding: Object) -> None:
    """Name the group of the role."""
    fill_inner(binding, "roleRef", apiGroup=_RBAC)


def default_subject(subject: Object) -> None:
    """Name the group of users and groups; service accounts are in the core."""
    if subject.get("kind") in {"User", "Group"}:
        fill(subject, apiGroup=_RBAC)


def default_limits(item: Object) -> None:
    """Derive the default limit and request of containers from the bounds."""
    if item.get("type") != "Container":
        return
    limit = {**(item.get("max") or {}), **(item.get("default") or {})}
    request = {**(item.get("min") or {}), **limit, **(item.get("defaultRequest") or {})}
    item["default"], item["defaultRequest"] = limit, request


def default_secret(secret: Object) -> None:
    """Give a Secret its type, and fold what was written as plain text into its data."""
    fill(secret, type="Opaque")
    texts = secret.pop("stringData", None)
    if texts:
        folded = {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()}
        secret["data"] = {**(secret.get("data") or {}), **folded}


def default_node_spec(spec: Object) -> None:
    """Keep the one block of addresses and the list of blocks in step; the one wins."""
    block, blocks = spec.get("podCIDR"), spec.get("podCIDRs")
    if block and (not blocks or blocks[0] != block):
        spec["podCIDRs"] = [block]
    elif blocks and not block:
        spec["podCIDR"] = blocks[0]


def default_node_status(status: Object) -> None:
    """Let a node give away all that it has."""
    if "capacity" in status:
        fill(status, allocatable=status["capacity"])


def default_csi_driver(driver: Object) -> None:
    """Fill in what a storage driver does not say."""
    spec = fill_inner(
        driver,
        "spec",
        attachRequired=True,
        podInfoOnMount=False,
        storageCapacity=False,
        fsGroupPolicy="ReadWriteOnceWithFSType",
        requiresRepublish=False,
        seLinuxMount=False,
    )
    if not spec.get("volumeLifecycleModes"):
        spec["volumeLifecycleModes"] = ["Persistent"]


def default_persistent_volume(volume: Object) -> None:
    """Fill in phase, reclaim policy and mode."""
    fill_inner(volume, "status", phase="Pending")
    fill_inner(volume, "spec", persistentVolumeReclaimPolicy="Retain", volumeMode="Filesystem")


def default_claim(claim: Object) -> None:
    """Fill in the phase."""
    fill_inner(claim, "status", phase="Pending")


def default_crd(crd: Object) -> None:
    """Take the names that follow from the kind, and convert nothing."""
    spec = dict(crd.get("spec") or {})
    names = dict(spec.get("names") or {})
    if names.get("kind"):
        fill(names, singular=names["kind"].lower(), listKind=f"{names['kind']}List")
    spec["names"] = names
    fill(spec, conversion={"strategy": "None"})
    crd["spec"] = spec


_WEBHOOK = {
    "failurePolicy": "Fail",
    "matchPolicy": "Equivalent",
    "namespaceSelector": {},
    "objectSelector": {},
    "timeoutSeconds": 10,
}
_PORT = filling(port=443)

DEFAULTS: Mapping[str, Default] = {
    "core.v1.Namespace": default_namespace,
    "core.v1.NamespaceStatus": filling(phase="Active"),
    "core.v1.Secret": default_secret,
    "core.v1.NodeSpec": default_node_spec,
    "core.v1.LimitRangeItem": default_limits,
    "core.v1.NodeStatus": default_node_status,
    "core.v1.PersistentVolume": default_persistent_volume,
    "core.v1.PersistentVolumeClaim": default_claim,
    "rbac.v1.ClusterRoleBinding": default_binding,
    "rbac.v1.RoleBinding": default_binding,
    "rbac.v1.Subject": default_subject,
    "storage.v1.StorageClass": filling(reclaimPolicy="Delete", volumeBindingMode="Immediate"),
    "storage.v1.CSIDriver": default_csi_driver,
    "scheduling.v1.PriorityClass": filling(preemptionPolicy="PreemptLowerPriority"),
    "authentication.v1.TokenRequestSpec": filling(expirationSeconds=3600),
    "flowcontrol.v1.FlowSchemaSpec": filling(matchingPrecedence=1000),
    "flowcontrol.v1.ExemptPriorityLevelConfiguration": filling(nominalConcurrencyShares=0, lendablePercent=0),
    "flowcontrol.v1.LimitedPriorityLevelConfiguration": filling(nominalConcurrencyShares=30, lendablePercent=0),
    "flowcontrol.v1.QueuingConfiguration": filling(handSize=8, queues=64, queueLengthLimit=50),
    "admissionregistration.v1.ValidatingWebhook": filling(**_WEBHOOK),
    "admissionregistration.v1.MutatingWebhook": filling(**_WEBHOOK, reinvocationPolicy="Never"),
    "admissionregistration.v1.Rule": filling(scope="*"),
    "admissionregistration.v1.RuleWithOperations": filling(scope="*"),
    "admissionregistration.v1.NamedRuleWithOperations": filling(scope="*"),
    "admissionregistration.v1.ServiceReference": _PORT,
    "admissionregistration.v1.ValidatingAdmissionPolicySpec": filling(failurePolicy="Fail"),
    "admissionregistration.v1.MutatingAdmissionPolicySpec": filling(failurePolicy="Fail"),
    "admissionregistration.v1.MatchResources": filling(
        matchPolicy="Equivalent", namespaceSelector={}, objectSelector={}
    ),
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition": default_crd,
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.ServiceReference": _PORT,
    "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.ServiceReference": _PORT,
}
