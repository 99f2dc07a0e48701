"""The Go types of NetworkPolicy and of object metadata, as data (k8s.io/api/networking/v1, apimachinery meta/v1)."""

from __future__ import annotations

from podfence.manifests.validation.decoding import (
    Anything,
    Flag,
    ListOf,
    MapOf,
    NumberOrText,
    Record,
    Text,
    Time,
    Whole,
)

_TEXT = Text()
_TEXTS = ListOf(_TEXT, "string")

_OWNER_REFERENCE = Record(
    "OwnerReference",
    {
        "apiVersion": _TEXT,
        "kind": _TEXT,
        "name": _TEXT,
        "uid": Text("types.UID"),
        "controller": Flag(),
        "blockOwnerDeletion": Flag(),
    },
)

_MANAGED_FIELDS = Record(
    "ManagedFieldsEntry",
    {
        "manager": _TEXT,
        "operation": Text("v1.ManagedFieldsOperationType"),
        "apiVersion": _TEXT,
        "time": Time(),
        "fieldsType": _TEXT,
        "fieldsV1": Anything(),
        "subresource": _TEXT,
    },
)

OBJECT_META = Record(
    "ObjectMeta",
    {
        "name": _TEXT,
        "generateName": _TEXT,
        "namespace": _TEXT,
        "selfLink": _TEXT,
        "uid": Text("types.UID"),
        "resourceVersion": _TEXT,
        "generation": Whole(64),
        "creationTimestamp": Time(),
        "deletionTimestamp": Time(),
        "deletionGracePeriodSeconds": Whole(64),
        "labels": MapOf(),
        "annotations": MapOf(),
        "ownerReferences": ListOf(_OWNER_REFERENCE, "v1.OwnerReference"),
        "finalizers": _TEXTS,
        "managedFields": ListOf(_MANAGED_FIELDS, "v1.ManagedFieldsEntry"),
    },
)

_REQUIREMENT = Record(
    "LabelSelectorRequirement",
    {"key": _TEXT, "operator": Text("v1.LabelSelectorOperator"), "values": _TEXTS},
)

LABEL_SELECTOR = Record(
    "LabelSelector",
    {"matchLabels": MapOf(), "matchExpressions": ListOf(_REQUIREMENT, "v1.LabelSelectorRequirement")},
)

_PORT = Record(
    "NetworkPolicyPort",
    {"protocol": Text("v1.Protocol"), "port": NumberOrText(), "endPort": Whole(32)},
)

_PEER = Record(
    "NetworkPolicyPeer",
    {
        "podSelector": LABEL_SELECTOR,
        "namespaceSelector": LABEL_SELECTOR,
        "ipBlock": Record("IPBlock", {"cidr": _TEXT, "except": _TEXTS}),
    },
)

_PORTS = ListOf(_PORT, "v1.NetworkPolicyPort")
_PEERS = ListOf(_PEER, "v1.NetworkPolicyPeer")
_INGRESS = Record("NetworkPolicyIngressRule", {"ports": _PORTS, "from": _PEERS})
_EGRESS = Record("NetworkPolicyEgressRule", {"ports": _PORTS, "to": _PEERS})

NETWORK_POLICY = Record(
    "NetworkPolicy",
    {
        "apiVersion": _TEXT,
        "kind": _TEXT,
        "metadata": OBJECT_META,
        "spec": Record(
            "NetworkPolicySpec",
            {
                "podSelector": LABEL_SELECTOR,
                "ingress": ListOf(_INGRESS, "v1.NetworkPolicyIngressRule"),
                "egress": ListOf(_EGRESS, "v1.NetworkPolicyEgressRule"),
                "policyTypes": ListOf(Text("v1.PolicyType"), "v1.PolicyType"),
            },
        ),
    },
)
