"""The text of a made-up cluster, as the API server or a folder of YAML would have it: full pods, with status."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from podfence.manifests.write import policy_object
from podfence.model.net import format_address
from podfence.model.objects import Namespace, Pod
from podfence.model.policy import AddressPeer, Policy, Tier
from podfence.model.snapshot import Snapshot

Plain = dict[str, Any]


def objects(cluster: Snapshot) -> Iterator[Plain]:
    """Give every object of a cluster as plain values."""
    yield from map(namespace_object, cluster.namespaces)
    yield from map(pod_object, cluster.pods)
    yield from map(policy_with_excepts, cluster.policies)


def write_json(cluster: Snapshot, folder: Path) -> list[Path]:
    """Write one List per kind, without white space, as the API server sends it; the pods take nearly all of it."""
    return [
        _write_list(folder / "namespaces.json", map(namespace_object, cluster.namespaces)),
        _write_list(folder / "pods.json", map(pod_object, cluster.pods)),
        _write_list(folder / "policies.json", map(policy_with_excepts, cluster.policies)),
    ]


def write_yaml(cluster: Snapshot, folder: Path) -> list[Path]:
    """Write one file of many documents."""
    path = folder / "cluster.yaml"
    with path.open("w", encoding="utf-8") as file:
        for value in objects(cluster):
            file.write("---\n")
            yaml.dump(value, file, Dumper=yaml.CSafeDumper, sort_keys=False)
    return [path]


def write_folder(cluster: Snapshot, folder: Path) -> list[str]:
    """Write one YAML file per object; gives the pods as endpoint arguments."""
    for number, value in enumerate(objects(cluster)):
        with (folder / f"{number:04d}-{value['kind'].lower()}.yaml").open("w", encoding="utf-8") as file:
            yaml.dump(value, file, Dumper=yaml.CSafeDumper, sort_keys=False)
    return [f"{pod.namespace}/{pod.name}" for pod in cluster.pods]


def _write_list(path: Path, values: Iterable[Plain]) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.write('{"apiVersion":"v1","kind":"List","metadata":{"resourceVersion":""},"items":[\n')
        for number, value in enumerate(values):
            file.write((",\n" if number else "") + json.dumps(value, separators=(",", ":")))
        file.write("\n]}\n")
    return path


def namespace_object(namespace: Namespace) -> Plain:
    """Write a namespace."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": namespace.name, "labels": dict(namespace.labels)},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def policy_with_excepts(policy: Policy) -> Plain:
    """Write a policy, with its blocks in the form of the corpus: a CIDR and an except."""
    value = policy_object(policy)
    for direction in ("ingress", "egress"):
        for rule, written in zip(getattr(policy, direction) or (), value["spec"].get(direction) or (), strict=True):
            blocks = [peer for peer in rule.peers or () if isinstance(peer, AddressPeer)]
            if blocks and policy.tier is Tier.NETWORK_POLICY:
                others = [peer for peer in written[rule.peers_field] if "ipBlock" not in peer]
                written[rule.peers_field] = [*others, *map(_block, blocks)]
    return value


def _block(peer: AddressPeer) -> Plain:
    outer, _, inner = peer.text.partition(" except ")
    return {"ipBlock": {"cidr": outer, **({"except": [inner]} if inner else {})}}


def pod_object(pod: Pod) -> Plain:
    """Write a pod with all that a real one carries: probes, volumes, tolerations, conditions, statuses."""
    address = format_address(pod.addresses[0])
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "annotations": {
                "checksum/config": "1f0b2a5f54e4f5c6b6a17d3d4f0f2c4f7d9b1c3e5a7f9b0d2e4c6a8f0b1d3e5f",
                "prometheus.io/scrape": "true",
            },
            "creationTimestamp": "2026-11-02T10:20:30Z",
            "generateName": f"{pod.workload[1]}-",
            "labels": dict(pod.labels),
            "name": pod.name,
            "namespace": pod.namespace,
            "resourceVersion": "123456789",
            "uid": f"0a1b2c3d-{pod.addresses[0]:012x}",
        },
        "spec": {
            "containers": [_container(pod)],
            "dnsPolicy": "ClusterFirst",
            "enableServiceLinks": True,
            "nodeName": pod.node,
            "preemptionPolicy": "PreemptLowerPriority",
            "priority": 0,
            "restartPolicy": "Always",
            "schedulerName": "default-scheduler",
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "serviceAccountName": "default",
            "terminationGracePeriodSeconds": 30,
            "tolerations": [
                {
                    "effect": "NoExecute",
                    "key": f"node.kubernetes.io/{key}",
                    "operator": "Exists",
                    "tolerationSeconds": 300,
                }
                for key in ("not-ready", "unreachable")
            ],
            "volumes": [
                {"configMap": {"defaultMode": 420, "name": "app-config"}, "name": "config"},
                {"emptyDir": {}, "name": "cache"},
            ],
        },
        "status": {
            "conditions": [
                {
                    "lastProbeTime": None,
                    "lastTransitionTime": "2026-11-02T10:20:41Z",
                    "status": "True",
                    "type": kind,
                }
                for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
            ],
            "containerStatuses": [
                {
                    "containerID": f"containerd://{pod.addresses[0]:064x}",
                    "image": "registry.example/shop/app:1.2.3",
                    "imageID": f"registry.example/shop/app@sha256:{pod.addresses[0]:064x}",
                    "lastState": {},
                    "name": "app",
                    "ready": True,
                    "restartCount": 0,
                    "started": True,
                    "state": {"running": {"startedAt": "2026-11-02T10:20:40Z"}},
                }
            ],
            "hostIP": "10.128.0.7",
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "qosClass": "Burstable",
            "startTime": "2026-11-02T10:20:31Z",
        },
    }


def _container(pod: Pod) -> Plain:
    probe = {
        "failureThreshold": 3,
        "httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"},
        "periodSeconds": 10,
    }
    return {
        "env": [
            {"name": "LOG_LEVEL", "value": "info"},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}},
        ],
        "image": "registry.example/shop/app:1.2.3",
        "imagePullPolicy": "IfNotPresent",
        "livenessProbe": probe,
        "name": "app",
        "ports": [
            {"containerPort": port.number, "name": port.name, "protocol": port.protocol.value}
            for port in pod.named_ports
        ],
        "readinessProbe": probe,
        "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "terminationMessagePath": "/dev/termination-log",
        "volumeMounts": [{"mountPath": "/etc/app", "name": "config", "readOnly": True}],
    }
