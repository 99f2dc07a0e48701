"""What makes pods: Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs, controllers, autoscalers."""

from __future__ import annotations

from tests.conformance.corpus.builtin.edits import GONE, Edit, each
from tests.conformance.corpus.builtin.pods import NAMES
from tests.conformance.corpus.text import Tree

TEMPLATE: Tree = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "main", "image": "nginx:1.25", "ports": [{"containerPort": 80}]}]},
}
SELECTOR: Tree = {"matchLabels": {"app": "web"}}


def workload(kind: str, version: str = "apps/v1", **spec: object) -> Tree:
    """Make a workload of a kind."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "web"}, "spec": spec}


DEPLOYMENT = workload("Deployment", selector=SELECTOR, template=TEMPLATE)
REPLICA_SET = workload("ReplicaSet", selector=SELECTOR, template=TEMPLATE)
STATEFUL_SET = workload("StatefulSet", selector=SELECTOR, template=TEMPLATE, serviceName="web")
DAEMON_SET = workload("DaemonSet", selector=SELECTOR, template=TEMPLATE)
CONTROLLER = workload("ReplicationController", "v1", selector={"app": "web"}, template=TEMPLATE)
JOB = workload(
    "Job", "batch/v1", template={"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b"}]}}
)
CRON_JOB = workload("CronJob", "batch/v1", schedule="*/5 * * * *", jobTemplate={"spec": JOB["spec"]})
AUTOSCALER = workload(
    "HorizontalPodAutoscaler",
    "autoscaling/v2",
    scaleTargetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
    maxReplicas=3,
)
OLD_AUTOSCALER = {**AUTOSCALER, "apiVersion": "autoscaling/v1"}
BUDGET = workload("PodDisruptionBudget", "policy/v1", selector=SELECTOR, minAvailable=1)


def common() -> list[Edit]:
    """List the changes that suit every kind of apps."""
    template = "spec.template"
    return [
        *each("metadata.name", *NAMES[:8], GONE),
        *each("metadata.labels", {"a b": "c"}),
        *each("spec", GONE, {}),
        *each("spec.selector", GONE, {}, {"matchLabels": {"app": "other"}}, {"matchLabels": {"a b": "c"}}),
        *each("spec.selector", {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}),
        *each("spec.selector", {"matchExpressions": [{"key": "app", "operator": "X"}]}),
        *each("spec.selector", {"matchExpressions": [{"key": "app", "operator": "In"}]}, {"app": "web"}),
        *each(template, GONE, {}, {"spec": TEMPLATE["spec"]}),
        *each(f"{template}.metadata.labels", {"a b": "c"}, {}),
        *each(f"{template}.metadata.name", "Named", "web"),
        *each(f"{template}.metadata.annotations", {"a b": "c"}),
        *each(f"{template}.spec", GONE, {}),
        *each(f"{template}.spec.containers", [], [{"name": "a"}], [{"image": "a"}], [{"name": "a", "image": "b"}] * 2),
        *each(f"{template}.spec.restartPolicy", "Never", "OnFailure", "Always", "X"),
        *each(f"{template}.spec.activeDeadlineSeconds", 5),
        *each(f"{template}.spec.ephemeralContainers", [{"name": "e", "image": "x"}]),
        *each(f"{template}.spec.containers.0.resources", {"limits": {"cpu": "1"}}),
        *each(f"{template}.spec.hostNetwork", True),
        *each(f"{template}.spec.serviceAccountName", "builder"),
        *each(f"{template}.spec.volumes", [{"name": "v", "configMap": {"name": "c"}}]),
        *each(f"{template}.spec.nodeSelector", {"kubernetes.io/os": "linux"}, {"beta.kubernetes.io/os": "linux"}),
        *each("spec.replicas", 0, -1, 5, "3", 1.5, None),
        *each("spec.minReadySeconds", -1, 3),
        *each("spec.revisionHistoryLimit", -1, 0),
        *each("status", {"replicas": 3}),
        *each("spec.foo", 1),
    ]


def deployment() -> list[Edit]:
    """List the changes of a Deployment."""
    return [
        *common(),
        *each("spec.strategy", {}, {"type": "Recreate"}, {"type": "X"}, {"type": "Recreate", "rollingUpdate": {}}),
        *each("spec.strategy", {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}),
        *each("spec.strategy", {"rollingUpdate": {"maxSurge": "0%", "maxUnavailable": 0}}),
        *each("spec.strategy", {"rollingUpdate": {"maxSurge": -1}}, {"rollingUpdate": {"maxSurge": "x"}}),
        *each("spec.strategy", {"rollingUpdate": {"maxUnavailable": "101%"}}, {"rollingUpdate": {"maxSurge": "150%"}}),
        *each("spec.strategy", {"rollingUpdate": {"maxUnavailable": 1, "maxSurge": "50%"}}),
        *each("spec.progressDeadlineSeconds", 0, -1, 5, 600),
        {"spec.progressDeadlineSeconds": 5, "spec.minReadySeconds": 5},
        *each("spec.paused", True),
    ]


def stateful_set() -> list[Edit]:
    """List the changes of a StatefulSet."""
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    return [
        *common(),
        *each("spec.serviceName", GONE, "", "Bad_"),
        *each("spec.podManagementPolicy", "Parallel", "X", ""),
        *each("spec.updateStrategy", {}, {"type": "OnDelete"}, {"type": "X"}, {"type": "RollingUpdate"}),
        *each("spec.updateStrategy", {"type": "OnDelete", "rollingUpdate": {}}, {"rollingUpdate": {"partition": -1}}),
        *each(
            "spec.updateStrategy", {"rollingUpdate": {"maxUnavailable": 2}}, {"rollingUpdate": {"maxUnavailable": 0}}
        ),
        *each("spec.volumeClaimTemplates", [claim], [{}]),
        *each("spec.persistentVolumeClaimRetentionPolicy", {"whenDeleted": "Delete"}, {"whenScaled": "X"}),
        *each("spec.ordinals", {"start": 3}, {"start": -1}),
    ]


def daemon_set() -> list[Edit]:
    """List the changes of a DaemonSet."""
    return [
        *common(),
        *each("spec.updateStrategy", {"type": "OnDelete"}, {"type": "X"}, {"rollingUpdate": {"maxUnavailable": 0}}),
        *each(
            "spec.updateStrategy",
            {"rollingUpdate": {"maxSurge": 1}},
            {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        ),
        *each(
            "spec.updateStrategy",
            {"rollingUpdate": {"maxUnavailable": "150%"}},
            {"rollingUpdate": {"maxSurge": "x", "maxUnavailable": 0}},
        ),
    ]


def controller() -> list[Edit]:
    """List the changes of a ReplicationController."""
    return [
        *each("metadata.name", *NAMES[:4]),
        *each("spec", GONE, {}),
        *each("spec.selector", GONE, {}, {"app": "other"}, {"a b": "c"}),
        *each("spec.template", GONE, {}),
        *each("spec.template.metadata.labels", {}),
        *each("spec.template.spec.restartPolicy", "Never"),
        *each("spec.replicas", 0, -1, 5),
        *each("spec.minReadySeconds", -1),
    ]


def job(prefix: str = "spec") -> list[Edit]:
    """List the changes of a Job."""
    template = f"{prefix}.template"
    return [
        *each(prefix, GONE, {}),
        *each(f"{prefix}.completions", 0, -1, 5, None),
        *each(f"{prefix}.parallelism", 0, -1, 5, 20000),
        *each(f"{prefix}.backoffLimit", 0, -1),
        *each(f"{prefix}.activeDeadlineSeconds", 0, -1, 5),
        *each(f"{prefix}.ttlSecondsAfterFinished", 0, -1),
        *each(f"{prefix}.completionMode", "Indexed", "NonIndexed", "X"),
        {f"{prefix}.completionMode": "Indexed", f"{prefix}.completions": 3, f"{prefix}.parallelism": 2},
        {f"{prefix}.completionMode": "Indexed", f"{prefix}.completions": 3, f"{prefix}.backoffLimitPerIndex": 1},
        *each(f"{prefix}.backoffLimitPerIndex", 1),
        *each(f"{prefix}.maxFailedIndexes", 1),
        *each(f"{prefix}.suspend", True, None),
        *each(f"{prefix}.selector", {"matchLabels": {"a": "b"}}),
        *each(f"{prefix}.manualSelector", True),
        {
            f"{prefix}.manualSelector": True,
            f"{prefix}.selector": {"matchLabels": {"a": "b"}},
            f"{template}.metadata.labels": {"a": "b"},
        },
        {
            f"{prefix}.manualSelector": True,
            f"{prefix}.selector": {"matchLabels": {"a": "c"}},
            f"{template}.metadata.labels": {"a": "b"},
        },
        *each(f"{template}.spec.restartPolicy", GONE, "OnFailure", "Always"),
        *each(f"{template}.spec.containers", []),
        *each(f"{template}.metadata.labels", {"a": "b"}, {"a b": "c"}),
        *each(f"{prefix}.podReplacementPolicy", "Failed", "X"),
        *each(
            f"{prefix}.podFailurePolicy",
            {"rules": []},
            {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "A"}]}]},
        ),
        *each(
            f"{prefix}.podFailurePolicy",
            {"rules": [{}]},
            {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1]}}]},
        ),
        *each(f"{prefix}.managedBy", "example.com/x", "bad"),
    ]


def one_job() -> list[Edit]:
    """List the changes of a Job and of its name."""
    return [*each("metadata.name", *NAMES), *each("metadata.labels", {"x": "y"}), *job()]


def cron_job() -> list[Edit]:
    """List the changes of a CronJob."""
    return [
        *each("metadata.name", *NAMES, "a" * 53),
        *each("spec", GONE, {}),
        *each(
            "spec.schedule",
            GONE,
            "",
            "x",
            "* * * *",
            "@daily",
            "@every 1h",
            "TZ=UTC * * * * *",
            "60 * * * *",
            "0 0 31 2 *",
            "*/0 * * * *",
        ),
        *each("spec.timeZone", "Europe/Berlin", "Nowhere/X", "", "Local"),
        *each("spec.concurrencyPolicy", "Forbid", "Replace", "X", ""),
        *each("spec.startingDeadlineSeconds", 0, -1),
        *each("spec.successfulJobsHistoryLimit", 0, -1),
        *each("spec.failedJobsHistoryLimit", -1),
        *each("spec.suspend", True),
        *each("spec.jobTemplate", GONE, {}),
        *each("spec.jobTemplate.metadata", {"labels": {"a b": "c"}}, {"labels": {"a": "b"}}),
        *job("spec.jobTemplate.spec"),
    ]


def autoscaler() -> list[Edit]:
    """List the changes of an autoscaler."""
    return [
        *each("spec", GONE, {}),
        *each("spec.maxReplicas", 0, -1, GONE),
        *each("spec.minReplicas", 0, 1, 5),
        *each("spec.scaleTargetRef", {}, {"kind": "K", "name": "a/b"}, {"kind": "a b", "name": "n"}),
    ]


def new_autoscaler() -> list[Edit]:
    """List the changes of an autoscaler of version 2."""
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
    }
    return [
        *autoscaler(),
        *each("spec.metrics", [metric], [{}], [{"type": "X"}], [{"type": "Resource"}]),
        *each(
            "spec.behavior", {}, {"scaleDown": {"stabilizationWindowSeconds": 5}}, {"scaleUp": {"selectPolicy": "X"}}
        ),
    ]


def budget() -> list[Edit]:
    """List the changes of a PodDisruptionBudget."""
    return [
        *each("spec", GONE, {}),
        *each("spec.minAvailable", -1, "50%", "x", "150%", GONE, 0),
        *each("spec.maxUnavailable", 1),
        {"spec.minAvailable": GONE, "spec.maxUnavailable": "-1%"},
        {"spec.minAvailable": GONE, "spec.maxUnavailable": 2},
        *each("spec.selector", {}, GONE, {"matchLabels": {"a b": "c"}}),
        *each("spec.unhealthyPodEvictionPolicy", "AlwaysAllow", "X"),
    ]
