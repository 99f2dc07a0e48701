"""Changes of stored objects: what may change, what never may, and what an update keeps without being told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.conformance.corpus.builtin import configuration, pods, services, workloads
from tests.conformance.corpus.builtin.edits import GONE, Edit, each, edited
from tests.conformance.corpus.text import Tree, to_json


@dataclass(frozen=True)
class Replaced:
    """An object to be created, and what replaces it; a place written @NAME takes the stored value of it."""

    id: str
    api_version: str
    kind: str
    old: str
    new: str
    subresource: str = ""


AT = {"spec.clusterIP": "10.96.8.8"}
"""An address that is the same each time."""


def metadata() -> list[Edit]:
    """List changes of metadata."""
    return [
        {},
        *each("metadata.labels", {"a": "b"}, {"a b": "c"}),
        *each("metadata|annotations", {"a": "b"}),
        *each("metadata.finalizers", ["bare"], ["example.com/x"]),
        *each("metadata.uid", "x"),
        *each("metadata.resourceVersion", "1"),
        *each("metadata.generation", 7),
        *each("metadata.creationTimestamp", "2020-01-01T00:00:00Z"),
        *each("metadata.deletionGracePeriodSeconds", 5),
    ]


def workload() -> list[Edit]:
    """List changes of a workload."""
    template = "spec.template"
    return [
        *metadata(),
        *each("spec.replicas", 0, 3, -1, GONE),
        *each("spec.minReadySeconds", 3),
        *each("spec.selector.matchLabels", {"app": "other"}),
        {"spec.selector.matchLabels": {"app": "other"}, f"{template}.metadata.labels": {"app": "other"}},
        *each(f"{template}.metadata.labels", {"app": "web", "x": "y"}, {}),
        *each(f"{template}.spec.containers.0.image", "nginx:2", ""),
        *each(f"{template}.spec.containers.0.env", [{"name": "A", "value": "b"}]),
        *each("status", {"replicas": 9}),
        *each("spec.foo", 1),
    ]


def themes() -> dict[str, tuple[Tree, list[Edit]]]:
    """List what is changed and how."""
    stateful = edited(
        workloads.STATEFUL_SET,
        {"spec.volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": configuration.CLAIM["spec"]}]},
    )
    node_port = edited(services.SERVICE, {"spec.type": "NodePort", "spec.ports.0.nodePort": 30500, **AT})
    balancer = edited(node_port, {"spec.type": "LoadBalancer", "spec.loadBalancerClass": "a.b/c"})
    fixed = edited(services.SERVICE, AT)
    headless = edited(services.SERVICE, {"spec.clusterIP": "None"})
    external = edited(
        services.SERVICE, {"spec.type": "ExternalName", "spec.externalName": "a.example", "spec.ports": []}
    )
    frozen = {**configuration.CONFIG_MAP, "immutable": True}
    secret = {**configuration.SECRET, "immutable": True}
    return {
        "deployment": (
            workloads.DEPLOYMENT,
            [*workload(), *each("spec.strategy", {"type": "Recreate"}), *each("spec.paused", True)],
        ),
        "replicaset": (workloads.REPLICA_SET, workload()),
        "statefulset": (
            stateful,
            [
                *workload(),
                *each("spec.serviceName", "other"),
                *each("spec.podManagementPolicy", "Parallel"),
                *each("spec.volumeClaimTemplates", [], GONE),
                *each("spec.updateStrategy", {"type": "OnDelete"}),
                *each("spec.revisionHistoryLimit", 3),
            ],
        ),
        "daemonset": (workloads.DAEMON_SET, [*workload(), *each("spec.updateStrategy", {"type": "OnDelete"})]),
        "service": (
            fixed,
            [
                *metadata(),
                *each("spec.clusterIP", "10.96.8.9", "None", "", GONE),
                *each("spec.ports", [{"port": 81}], []),
                *each("spec.ports.0.targetPort", 8080),
                *each("spec.selector", {"app": "other"}, GONE),
                {"spec.type": "NodePort", "spec.ports.0.nodePort": 30501},
                {"spec.type": "ExternalName", "spec.externalName": "a.example", "spec.clusterIP": GONE},
                {"spec.type": "ExternalName", "spec.externalName": "a.example"},
                *each("spec.ipFamilies", ["IPv6"]),
                *each("spec.sessionAffinity", "ClientIP"),
                *each("status", {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}),
            ],
        ),
        "node-port": (
            node_port,
            [
                {},
                *each("spec.ports.0.nodePort", GONE, 30502),
                *each("spec.ports.0.port", 81),
                *each("spec.type", "ClusterIP"),
                {"spec.type": "ClusterIP", "spec.ports.0.nodePort": GONE},
            ],
        ),
        "balancer": (
            balancer,
            [{}, *each("spec.loadBalancerClass", "x.y/z"), {"spec.type": "ClusterIP", "spec.loadBalancerClass": GONE}],
        ),
        "headless": (headless, [{}, *each("spec.clusterIP", "10.96.8.10", GONE)]),
        "external": (external, [{}, *each("spec.externalName", "b.example")]),
        "pod": (
            pods.SMALL,
            [
                *metadata(),
                *each("spec.containers.0.image", "nginx:2", "", " x"),
                *each("spec.containers.0.name", "other"),
                *each("spec.containers.0.env", [{"name": "A"}]),
                *each("spec.activeDeadlineSeconds", 5),
                *each("spec.tolerations.0", {"key": "x", "operator": "Exists"}),
                *each("spec.nodeName", "n"),
                *each("spec.restartPolicy", "Never"),
                *each("status", {"phase": "Running"}),
            ],
        ),
        "configmap": (
            configuration.CONFIG_MAP,
            [*metadata(), *each("data", {"a": "c"}, {}, {"a b": "c"}), *each("immutable", True)],
        ),
        "frozen": (
            frozen,
            [{}, *each("data", {"a": "c"}), *each("immutable", False, GONE), *each("metadata.labels", {"a": "b"})],
        ),
        "secret": (
            configuration.SECRET,
            [
                *metadata(),
                *each("data", {"a": "Yw=="}),
                *each("stringData", {"a": "x"}),
                *each("type", "example.com/x"),
            ],
        ),
        "frozen-secret": (secret, [{}, *each("data", {"a": "Yw=="}), *each("immutable", GONE)]),
        "job": (
            workloads.JOB,
            [
                {},
                *each("spec.parallelism", 3),
                *each("spec.completions", 3),
                *each("spec.template.spec.containers.0.image", "c"),
                *each("spec.suspend", True),
                *each("spec.ttlSecondsAfterFinished", 5),
            ],
        ),
        "cronjob": (
            workloads.CRON_JOB,
            [*metadata(), *each("spec.schedule", "@daily", "x"), *each("spec.suspend", True)],
        ),
        "ingress": (services.INGRESS, [*metadata(), *each("spec.ingressClassName", "d"), *each("spec.rules", [])]),
        "ingressclass": (services.INGRESS_CLASS, [{}, *each("spec.controller", "x.y/z")]),
        "endpointslice": (
            services.SLICE,
            [*metadata(), *each("addressType", "IPv6"), *each("endpoints", []), *each("ports", [])],
        ),
        "rolebinding": (configuration.BINDING, [*metadata(), *each("roleRef.name", "other"), *each("subjects", [])]),
        "clusterrolebinding": (configuration.CLUSTER_BINDING, [{}, *each("roleRef.name", "other")]),
        "role": (configuration.ROLE, [*metadata(), *each("rules", [])]),
        "namespace": (
            configuration.NAMESPACE,
            [*metadata(), *each("spec", {"finalizers": []}), *each("status", {"phase": "Terminating"})],
        ),
        "claim": (
            configuration.CLAIM,
            [
                {},
                *each("spec.accessModes", ["ReadWriteMany"]),
                *each("spec.resources", {"requests": {"storage": "2Gi"}}),
            ],
        ),
        "lease": (configuration.LEASE, [*metadata(), *each("spec.holderIdentity", "you")]),
        "budget": (workloads.BUDGET, [*metadata(), *each("spec.minAvailable", 2)]),
        "quota": (
            configuration.QUOTA,
            [{}, *each("spec.hard", {"pods": "5"}), *each("status", {"hard": {"pods": "1"}})],
        ),
        "priority": (configuration.PRIORITY, [{}, *each("value", 5), *each("preemptionPolicy", "Never")]),
        "storage": (
            configuration.STORAGE,
            [{}, *each("provisioner", "x.y/z"), *each("parameters", {"a": "b"}), *each("allowVolumeExpansion", True)],
        ),
        "node": (
            configuration.NODE,
            [
                {},
                *each("spec.unschedulable", True),
                *each("spec.podCIDR", "10.9.0.0/24"),
                *each("metadata.labels", {"a": "b"}),
            ],
        ),
    }


def statuses() -> dict[str, tuple[Tree, list[Edit]]]:
    """List changes that go to the status of an object."""
    return {
        "pod": (
            pods.SMALL,
            [{"status": {"phase": "Running", "podIP": "10.0.0.1"}}, {"status.phase": "Running", "spec.nodeName": "n"}],
        ),
        "deployment": (
            workloads.DEPLOYMENT,
            [{"status": {"replicas": 3, "updatedReplicas": 3}}, {"status": {"replicas": 1}, "spec.replicas": 9}],
        ),
        "service": (edited(services.SERVICE, AT), [{"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}]),
        "namespace": (configuration.NAMESPACE, [{"status": {"phase": "Active"}}]),
        "node": (
            configuration.NODE,
            [{"status": {"capacity": {"cpu": "2"}}}, {"status": {}, "spec.unschedulable": True}],
        ),
        "job": (workloads.JOB, [{"status": {"active": 1}}]),
    }


def replacements() -> Iterator[Replaced]:
    """List all changes."""
    for subresource, found in (("", themes()), ("status", statuses())):
        for theme, (old, edits) in found.items():
            for number, edit in enumerate(edits):
                name = f"update/{theme}{'-status' if subresource else ''}/{number:04}"
                text = to_json(edited(old, edit))
                yield Replaced(name, old["apiVersion"], old["kind"], to_json(old), text, subresource)
