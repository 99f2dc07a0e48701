"""Which built-in kinds are in namespaces."""

from __future__ import annotations

from typing import Final

CLUSTER_SCOPED: Final = frozenset(
    [
        "v1/ComponentStatus",
        "v1/Namespace",
        "v1/Node",
        "v1/PersistentVolume",
        "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy",
        "admissionregistration.k8s.io/v1/MutatingAdmissionPolicyBinding",
        "admissionregistration.k8s.io/v1/MutatingWebhookConfiguration",
        "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy",
        "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding",
        "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration",
        "apiextensions.k8s.io/v1/CustomResourceDefinition",
        "apiregistration.k8s.io/v1/APIService",
        "authentication.k8s.io/v1/SelfSubjectReview",
        "authentication.k8s.io/v1/TokenReview",
        "authorization.k8s.io/v1/SelfSubjectAccessReview",
        "authorization.k8s.io/v1/SelfSubjectRulesReview",
        "authorization.k8s.io/v1/SubjectAccessReview",
        "certificates.k8s.io/v1/CertificateSigningRequest",
        "flowcontrol.apiserver.k8s.io/v1/FlowSchema",
        "flowcontrol.apiserver.k8s.io/v1/PriorityLevelConfiguration",
        "networking.k8s.io/v1/IPAddress",
        "networking.k8s.io/v1/IngressClass",
        "networking.k8s.io/v1/ServiceCIDR",
        "node.k8s.io/v1/RuntimeClass",
        "rbac.authorization.k8s.io/v1/ClusterRole",
        "rbac.authorization.k8s.io/v1/ClusterRoleBinding",
        "resource.k8s.io/v1/DeviceClass",
        "resource.k8s.io/v1/ResourceSlice",
        "scheduling.k8s.io/v1/PriorityClass",
        "storage.k8s.io/v1/CSIDriver",
        "storage.k8s.io/v1/CSINode",
        "storage.k8s.io/v1/StorageClass",
        "storage.k8s.io/v1/VolumeAttachment",
        "storage.k8s.io/v1/VolumeAttributesClass",
    ]
)
"""The built-in kinds whose objects belong to no namespace."""


def is_namespaced(name: str) -> bool:
    """Tell whether objects of a kind, written ``apps/v1/Deployment``, are in namespaces."""
    return name not in CLUSTER_SCOPED
