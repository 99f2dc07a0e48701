"""Defaults of what makes pods: apps, batch, replication controllers, autoscalers (k8s.io/kubernetes pkg/apis)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podfence.manifests.validation.defaults.setting import Default, Object, fill, fill_inner

_MOST_TRIES = (1 << 31) - 1


def default_deployment(deployment: Object) -> None:
    """Fill in replicas, rolling update and history."""
    spec = fill_inner(deployment, "spec", replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = fill_inner(spec, "strategy", type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill_inner(strategy, "rollingUpdate", maxUnavailable="25%", maxSurge="25%")


def default_replica_set(replica_set: Object) -> None:
    """Fill in one replica."""
    fill_inner(replica_set, "spec", replicas=1)


def default_daemon_set(daemon_set: Object) -> None:
    """Fill in rolling update and history."""
    spec = fill_inner(daemon_set, "spec", revisionHistoryLimit=10)
    strategy = fill_inner(spec, "updateStrategy", type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill_inner(strategy, "rollingUpdate", maxUnavailable=1, maxSurge=0)


def default_stateful_set(stateful_set: Object) -> None:
    """Fill in order, rolling update, what becomes of claims, replicas and history."""
    spec = fill_inner(stateful_set, "spec", podManagementPolicy="OrderedReady", replicas=1, revisionHistoryLimit=10)
    strategy = dict(spec.get("updateStrategy") or {})
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
        fill(strategy, rollingUpdate={})
    if strategy["type"] == "RollingUpdate" and strategy.get("rollingUpdate") is not None:
        fill_inner(strategy, "rollingUpdate", partition=0)
    spec["updateStrategy"] = strategy
    fill_inner(spec, "persistentVolumeClaimRetentionPolicy", whenDeleted="Retain", whenScaled="Retain")


def default_replication_controller(controller: Object) -> None:
    """Take selector and labels from the template."""
    spec = dict(controller.get("spec") or {})
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if labels:
        spec["selector"] = spec.get("selector") or labels
        _take_labels(controller, labels)
    controller["spec"] = spec


def _take_labels(value: Object, labels: Mapping[str, str]) -> None:
    metadata = value.get("metadata") or {}
    if not metadata.get("labels"):
        value["metadata"] = {**metadata, "labels": dict(labels)}


def default_job(job: Object) -> None:
    """Fill in how often and how many at once a job runs, and its labels from the template."""
    spec = dict(job.get("spec") or {})
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if labels:
        _take_labels(job, labels)
    fill(
        spec,
        parallelism=1,
        backoffLimit=_MOST_TRIES if "backoffLimitPerIndex" in spec else 6,
        completionMode="NonIndexed",
        suspend=False,
        podReplacementPolicy="Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed",
        manualSelector=False,
    )
    job["spec"] = spec


def default_cron_job(cron_job: Object) -> None:
    """Fill in concurrency and history."""
    fill_inner(
        cron_job,
        "spec",
        concurrencyPolicy="Allow",
        suspend=False,
        successfulJobsHistoryLimit=3,
        failedJobsHistoryLimit=1,
    )


_CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
_PERCENT = {"type": "Percent", "value": 100, "periodSeconds": 15}
_SCALE_UP: Mapping[str, Any] = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}, _PERCENT],
}
_SCALE_DOWN: Mapping[str, Any] = {"selectPolicy": "Max", "policies": [_PERCENT]}


def default_autoscaler(autoscaler: Object) -> None:
    """Fill in the least number of replicas, the metric and the behaviour."""
    spec = fill_inner(autoscaler, "spec", minReplicas=1)
    if not spec.get("metrics"):
        spec["metrics"] = [_CPU]
    behavior = spec.get("behavior")
    if behavior is not None:
        spec["behavior"] = {
            "scaleUp": {**_SCALE_UP, **(behavior.get("scaleUp") or {})},
            "scaleDown": {**_SCALE_DOWN, **(behavior.get("scaleDown") or {})},
        }


def default_old_autoscaler(autoscaler: Object) -> None:
    """Fill in what version 1 has: the least number of replicas and, on the way to storage, the processor's share."""
    fill_inner(autoscaler, "spec", minReplicas=1, targetCPUUtilizationPercentage=80)


def default_pattern(pattern: Object) -> None:
    """Let a pattern of pod conditions ask for True."""
    fill(pattern, status="True")


DEFAULTS: Mapping[str, Default] = {
    "apps.v1.Deployment": default_deployment,
    "apps.v1.ReplicaSet": default_replica_set,
    "apps.v1.DaemonSet": default_daemon_set,
    "apps.v1.StatefulSet": default_stateful_set,
    "core.v1.ReplicationController": default_replication_controller,
    "batch.v1.Job": default_job,
    "batch.v1.CronJob": default_cron_job,
    "batch.v1.PodFailurePolicyOnPodConditionsPattern": default_pattern,
    "autoscaling.v1.HorizontalPodAutoscaler": default_old_autoscaler,
    "autoscaling.v2.HorizontalPodAutoscaler": default_autoscaler,
}
