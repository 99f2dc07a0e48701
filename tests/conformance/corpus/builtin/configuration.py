"""Namespaces, ConfigMaps, Secrets, accounts, roles, leases, events, quotas, volumes and classes, good and bad."""

from __future__ import annotations

from tests.conformance.corpus.builtin.edits import GONE, Edit, each
from tests.conformance.corpus.builtin.pods import NAMES
from tests.conformance.corpus.text import Tree


def thing(kind: str, version: str = "v1", name: str = "thing", **fields: object) -> Tree:
    """Make an object of a kind."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **fields}


RBAC = "rbac.authorization.k8s.io"
NAMESPACE = thing("Namespace")
CONFIG_MAP = thing("ConfigMap", data={"a": "b"})
SECRET = thing("Secret", data={"a": "Yg=="})
ACCOUNT = thing("ServiceAccount")
ROLE = thing("Role", f"{RBAC}/v1", rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}])
CLUSTER_ROLE = {**ROLE, "kind": "ClusterRole"}
BINDING = thing(
    "RoleBinding",
    f"{RBAC}/v1",
    roleRef={"apiGroup": RBAC, "kind": "Role", "name": "thing"},
    subjects=[{"kind": "ServiceAccount", "name": "a", "namespace": "b"}, {"kind": "User", "name": "u"}],
)
CLUSTER_BINDING = thing(
    "ClusterRoleBinding",
    f"{RBAC}/v1",
    roleRef={"apiGroup": RBAC, "kind": "ClusterRole", "name": "thing"},
    subjects=[{"kind": "Group", "name": "g"}],
)
LEASE = thing("Lease", "coordination.k8s.io/v1", spec={"holderIdentity": "me", "leaseDurationSeconds": 15})
EVENT = thing("Event", involvedObject={"kind": "Pod", "name": "p"}, reason="R", message="m", type="Normal")
NODE = thing("Node", spec={"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.1.0.0/24"]})
LIMITS = thing("LimitRange", spec={"limits": [{"type": "Container", "max": {"cpu": "2"}, "min": {"cpu": "100m"}}]})
QUOTA = thing("ResourceQuota", spec={"hard": {"pods": "4", "requests.cpu": "2"}})
CLAIM = thing(
    "PersistentVolumeClaim", spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
)
VOLUME = thing(
    "PersistentVolume",
    spec={"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/data"}},
)
PRIORITY = thing("PriorityClass", "scheduling.k8s.io/v1", value=1000)
STORAGE = thing("StorageClass", "storage.k8s.io/v1", provisioner="example.com/p")
RUNTIME = thing("RuntimeClass", "node.k8s.io/v1", handler="runc")
TEMPLATE = thing(
    "PodTemplate", template={"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "b"}]}}
)
REVISION = thing("ControllerRevision", "apps/v1", revision=1, data={"a": {"b": 1}})
WEBHOOKS = thing(
    "ValidatingWebhookConfiguration",
    "admissionregistration.k8s.io/v1",
    webhooks=[
        {
            "name": "a.example.com",
            "clientConfig": {"service": {"namespace": "a", "name": "b"}},
            "rules": [
                {"operations": ["CREATE"], "apiGroups": ["x.example"], "apiVersions": ["v1"], "resources": ["pods"]}
            ],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
    ],
)
MUTATING = {**WEBHOOKS, "kind": "MutatingWebhookConfiguration"}
SERVICE_API = thing(
    "APIService",
    "apiregistration.k8s.io/v1",
    "v1.example.com",
    spec={
        "group": "example.com",
        "version": "v1",
        "groupPriorityMinimum": 100,
        "versionPriority": 10,
        "service": {"name": "a", "namespace": "b"},
        "insecureSkipTLSVerify": True,
    },
)


def names() -> list[Edit]:
    """List the names that any object may have."""
    return each("metadata.name", *NAMES, GONE, "a:b", "a/b", "..", "%")


def namespace() -> list[Edit]:
    """List the changes of a Namespace."""
    return [
        *names(),
        {"metadata.name": GONE, "metadata.generateName": "gen-"},
        *each("metadata.labels", {"kubernetes.io/metadata.name": "other"}, {"a": "b"}, {"a b": "c"}),
        *each(
            "metadata.labels",
            {"pod-security.kubernetes.io/enforce": "x"},
            {"pod-security.kubernetes.io/enforce": "restricted"},
        ),
        *each("spec", {"finalizers": ["kubernetes"]}, {"finalizers": ["bare"]}, {}),
        *each("status", {"phase": "Terminating"}),
        *each("metadata.namespace", "x"),
    ]


def config_map() -> list[Edit]:
    """List the changes of a ConfigMap."""
    return [
        *names(),
        *each(
            "data",
            GONE,
            {},
            {"a b": "c"},
            {"..": "x"},
            {".": "x"},
            {"..a": "x"},
            {"a" * 254: "x"},
            {"a": 1},
            {"a": None},
            [],
        ),
        *each(
            "binaryData",
            {"b": "Yg=="},
            {"a": "Yg=="},
            {"b": "x"},
            {"b c": "Yg=="},
            {"b": "Yg="},
            {"b": "Y!=="},
            {"b": 1},
            {"b": ""},
        ),
        *each("immutable", True, False, "x"),
    ]


def secret() -> list[Edit]:
    """List the changes of a Secret."""
    typed = (
        "kubernetes.io/tls",
        "kubernetes.io/basic-auth",
        "kubernetes.io/ssh-auth",
        "kubernetes.io/dockerconfigjson",
    )
    return [
        *names(),
        *each(
            "data",
            GONE,
            {},
            {"a b": "Yg=="},
            {"a": "b"},
            {"a": "!"},
            {"a": "Yg"},
            {"a": ""},
            {"a": None},
            {"a": "Y\ng=="},
        ),
        *each("stringData", {"a": "new"}, {"c": "d"}, {"a b": "c"}, {}, {"a": 1}),
        *each(
            "type",
            "Opaque",
            "",
            "example.com/x",
            "kubernetes.io/service-account-token",
            "kubernetes.io/dockercfg",
            *typed,
        ),
        {"type": "kubernetes.io/tls", "data": {"tls.crt": "", "tls.key": ""}},
        {"type": "kubernetes.io/basic-auth", "data": {"username": "Yg=="}},
        {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "Yg=="}},
        {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "e30="}},
        {
            "type": "kubernetes.io/service-account-token",
            "metadata|annotations": {"kubernetes.io/service-account.name": "a"},
        },
        *each("immutable", True),
    ]


def account() -> list[Edit]:
    """List the changes of a ServiceAccount."""
    return [
        *names(),
        *each("secrets", [{"name": "a"}], []),
        *each("imagePullSecrets", [{"name": "a"}], [{}]),
        *each("automountServiceAccountToken", False),
    ]


def role() -> list[Edit]:
    """List the changes of a Role."""
    return [
        *names(),
        *each("rules", GONE, [], [{}], [{"verbs": ["get"]}], [{"verbs": ["get"], "resources": ["pods"]}]),
        *each("rules", [{"verbs": [], "apiGroups": [""], "resources": ["pods"]}]),
        *each("rules", [{"verbs": ["get"], "nonResourceURLs": ["/healthz"]}]),
        *each("rules", [{"verbs": ["get"], "nonResourceURLs": ["/x"], "resources": ["pods"], "apiGroups": [""]}]),
        *each("rules", [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"]}]),
    ]


def cluster_role() -> list[Edit]:
    """List the changes of a ClusterRole."""
    selector = {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}
    return [*role(), *each("aggregationRule", selector, {}, {"clusterRoleSelectors": [{"matchLabels": {"a b": "c"}}]})]


def binding() -> list[Edit]:
    """List the changes of a RoleBinding."""
    return [
        *names(),
        *each(
            "roleRef",
            GONE,
            {},
            {"kind": "Role", "name": "a"},
            {"kind": "X", "name": "a"},
            {"apiGroup": "x", "kind": "Role", "name": "a"},
        ),
        *each(
            "roleRef",
            {"kind": "Role", "name": "a/b"},
            {"kind": "Role", "name": ""},
            {"kind": "ClusterRole", "name": "a:b"},
        ),
        *each("subjects", GONE, [], [{}], [{"kind": "X", "name": "a"}], [{"kind": "ServiceAccount", "name": "a"}]),
        *each("subjects", [{"kind": "ServiceAccount", "name": "A_", "namespace": "b"}], [{"kind": "User", "name": ""}]),
        *each("subjects", [{"kind": "User", "name": "a", "apiGroup": "x"}], [{"kind": "Group", "name": "a"}]),
        *each("subjects", [{"kind": "ServiceAccount", "name": "a", "namespace": "b", "apiGroup": "x"}]),
    ]


def lease() -> list[Edit]:
    """List the changes of a Lease."""
    return [
        *names(),
        *each("spec", GONE, {}),
        *each("spec.leaseDurationSeconds", 0, -1),
        *each("spec.leaseTransitions", -1),
        *each(
            "spec.renewTime",
            "2026-01-01T00:00:00.000000Z",
            "2026-01-01T00:00:00Z",
            "2026-01-01T01:00:00.123456+01:00",
            5,
        ),
        *each("spec.strategy", "OldestEmulationVersion", "X"),
        *each("spec.holderIdentity", ""),
        *each("spec.preferredHolder", "you"),
    ]


def event() -> list[Edit]:
    """List the changes of an Event."""
    return [
        *each("involvedObject", {}, {"kind": "Pod", "name": "p", "namespace": "other"}, {"kind": "Node", "name": "n"}),
        *each("type", "Warning", "X", ""),
        *each("count", 5),
        *each("firstTimestamp", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5+02:00", "x"),
        *each("eventTime", "2026-01-01T00:00:00.000000Z"),
        *each("source", {"component": "c"}),
    ]


def node() -> list[Edit]:
    """List the changes of a Node."""
    return [
        *names(),
        *each("spec", GONE, {}),
        *each("spec.podCIDR", "10.2.0.0/24", "x", GONE),
        *each("spec.podCIDRs", ["x"], ["10.1.0.0/24", "10.2.0.0/24"], ["10.1.0.0/24", "2001:db8::/64"]),
        *each(
            "spec.taints",
            [{"key": "a", "effect": "NoSchedule"}],
            [{}],
            [{"key": "a b", "effect": "X"}],
            [{"key": "a", "effect": "NoSchedule"}] * 2,
        ),
        *each("spec.unschedulable", True),
        *each(
            "status",
            {"capacity": {"cpu": "1", "memory": "1.5Gi"}},
            {"addresses": [{"type": "InternalIP", "address": "192.0.2.1"}]},
        ),
    ]


def limits() -> list[Edit]:
    """List the changes of a LimitRange."""
    item = "spec.limits.0"
    return [
        *each("spec", GONE, {}),
        *each("spec.limits", [], [{}], [{"type": "Pod"}], [{"type": "Pod"}, {"type": "Pod"}]),
        *each(f"{item}.type", "Pod", "PersistentVolumeClaim", "X"),
        *each(f"{item}.max", {"cpu": "50m"}, {"foo": "1"}),
        *each(f"{item}.default", {"cpu": "1"}, {"cpu": "3"}, {"memory": "1Gi"}),
        *each(f"{item}.defaultRequest", {"cpu": "50m"}, {"cpu": "1"}),
        *each(f"{item}.maxLimitRequestRatio", {"cpu": "2"}, {"cpu": "0.5"}),
    ]


def quota() -> list[Edit]:
    """List the changes of a ResourceQuota."""
    return [
        *each("spec", GONE, {}),
        *each(
            "spec.hard",
            {"pods": "-1"},
            {"foo": "1"},
            {"count/deployments.apps": "3"},
            {"pods": "1.5"},
            {"requests.storage": "1.5Gi"},
            {"a b": "1"},
        ),
        *each("spec.scopes", ["BestEffort"], ["X"], ["BestEffort", "NotBestEffort"]),
        *each("status", {"hard": {"pods": "1"}}),
    ]


def claim() -> list[Edit]:
    """List the changes of a PersistentVolumeClaim."""
    return [
        *names(),
        *each("spec", GONE, {}),
        *each(
            "spec.accessModes",
            [],
            ["X"],
            ["ReadWriteMany", "ReadOnlyMany"],
            ["ReadWriteOncePod"],
            ["ReadWriteOncePod", "ReadWriteOnce"],
        ),
        *each(
            "spec.resources",
            {},
            {"requests": {"storage": "0"}},
            {"requests": {"storage": "-1"}},
            {"requests": {"cpu": "1"}},
        ),
        *each("spec.resources", {"requests": {"storage": "1.5Gi"}, "limits": {"storage": "1Gi"}}),
        *each("spec.storageClassName", "", "fast", "Bad_"),
        *each("spec.volumeMode", "Block", "X"),
        *each("spec.selector", {"matchLabels": {"a b": "c"}}, {"matchLabels": {"a": "c"}}),
        *each("spec.dataSource", {"kind": "PersistentVolumeClaim", "name": "x"}, {"kind": "K", "name": "x"}),
        *each("status", {"phase": "Bound"}),
    ]


def volume() -> list[Edit]:
    """List the changes of a PersistentVolume."""
    return [
        *each("spec", GONE, {}),
        *each("spec.capacity", GONE, {}, {"storage": "-1"}, {"cpu": "1"}),
        *each("spec.accessModes", GONE, [], ["X"]),
        *each("spec.hostPath", GONE, {}, {"path": "/a/../b"}),
        *each("spec.persistentVolumeReclaimPolicy", "Delete", "Recycle", "X"),
        *each("spec.storageClassName", "fast", "Bad_"),
        *each("spec.nfs", {"server": "s", "path": "/p"}),
        *each("spec.volumeMode", "Block", "X"),
    ]


def classes() -> dict[str, tuple[Tree, list[Edit]]]:
    """List the changes of the classes: priority, storage, runtime."""
    return {
        "priority": (
            PRIORITY,
            [
                *each("value", GONE, 0, -1, 2_000_000_000, 1_000_000_001),
                *each("preemptionPolicy", "Never", "X"),
                *each("globalDefault", True),
                *each("metadata.name", "system-x"),
            ],
        ),
        "storage": (
            STORAGE,
            [
                *each("provisioner", GONE, "", "Bad_", "a/b/c"),
                *each("reclaimPolicy", "Retain", "X", "Recycle"),
                *each("volumeBindingMode", "WaitForFirstConsumer", "X"),
                *each("parameters", {"a": "b"}, {"": "x"}),
                *each("allowedTopologies", [{"matchLabelExpressions": [{"key": "a", "values": ["b"]}]}], [{}]),
            ],
        ),
        "runtime": (
            RUNTIME,
            [
                *each("handler", GONE, "", "Bad_"),
                *each("overhead", {"podFixed": {"cpu": "1"}}, {"podFixed": {"cpu": "-1"}}),
            ],
        ),
    }


def others() -> dict[str, tuple[Tree, list[Edit]]]:
    """List the changes of what few people write by hand."""
    hook = "webhooks.0"
    return {
        "template": (TEMPLATE, [*each("template", {}, GONE), *each("template.spec.containers", [])]),
        "revision": (REVISION, [*each("data", GONE, None), *each("revision", -1)]),
        "hooks": (
            WEBHOOKS,
            [
                *each("webhooks", [], GONE, [{}]),
                *each(f"{hook}.name", "short", "Bad_", ""),
                *each(f"{hook}.sideEffects", GONE, "Some", "X"),
                *each(f"{hook}.failurePolicy", "Ignore", "X"),
                *each(f"{hook}.admissionReviewVersions", [], ["v9"], ["v1", "v1"]),
                *each(f"{hook}.timeoutSeconds", 0, 31, 5),
                *each(f"{hook}.clientConfig", {}, {"url": "https://a.example/x"}, {"url": "http://a"}, {"url": ":"}),
                *each(f"{hook}.rules.0.operations", [], ["X"], ["*", "CREATE"]),
                *each(f"{hook}.rules.0.resources", [], ["*", "pods"], ["pods/", "*/*"]),
                *each(f"{hook}.rules.0.scope", "Cluster", "X"),
            ],
        ),
        "mutating": (MUTATING, [*each(f"{hook}.reinvocationPolicy", "IfNeeded", "X")]),
        "service-api": (
            SERVICE_API,
            [
                *each("metadata.name", "wrong"),
                *each("spec.groupPriorityMinimum", 0, 20001),
                *each("spec.versionPriority", 0, 1001),
                *each("spec.service", {"name": "", "namespace": ""}, {"name": "a", "namespace": "b", "port": 70000}),
            ],
        ),
    }
