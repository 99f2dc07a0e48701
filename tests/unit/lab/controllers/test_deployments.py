"""Deployments: how a change rolls out, and what is said of it."""

from __future__ import annotations

import pytest

from podfence.lab.controllers.controller import own_key
from podfence.lab.controllers.deployments import DEPLOYMENTS, DeploymentController
from podfence.lab.controllers.events import EVENTS
from podfence.lab.controllers.pods import PODS, is_ready, is_terminating
from podfence.lab.controllers.replicasets import REPLICASETS, ReplicaSetController
from podfence.lab.interface import Object
from tests.unit.lab.controllers.cluster import Cluster, images, template, true_conditions, workload


def new_cluster() -> Cluster:
    return Cluster(lambda s: DeploymentController(s, s.clock), lambda s: ReplicaSetController(s, s.clock))


@pytest.fixture
def cluster() -> Cluster:
    return new_cluster()


def deploy(cluster: Cluster, image: str = "nginx:1", **spec: object) -> None:
    cluster.apply(DEPLOYMENTS, workload("Deployment", image, {"replicas": 3, **spec}))


def test_a_new_deployment_comes_to_have_all_its_pods_available(cluster: Cluster) -> None:
    deploy(cluster)
    cluster.settle()
    status = cluster.status(DEPLOYMENTS, "web")
    assert {name: status[name] for name in status if name.endswith("eplicas")} == {
        "replicas": 3,
        "updatedReplicas": 3,
        "readyReplicas": 3,
        "availableReplicas": 3,
    }
    assert status["observedGeneration"] == 1
    assert true_conditions(status) == {"Available": "MinimumReplicasAvailable", "Progressing": "NewReplicaSetAvailable"}


def test_names_and_labels_carry_the_hash_of_the_template(cluster: Cluster) -> None:
    deploy(cluster)
    cluster.settle()
    (name,) = cluster.names(REPLICASETS)
    suffix = name.removeprefix("web-")
    pods = cluster.store.list(PODS)
    assert {one["metadata"]["labels"]["pod-template-hash"] for one in pods} == {suffix}
    assert all(one["metadata"]["name"].startswith(f"{name}-") for one in pods)


def test_a_new_template_replaces_all_pods_and_keeps_the_old_set_empty(cluster: Cluster) -> None:
    deploy(cluster)
    cluster.settle()
    deploy(cluster, "nginx:2")
    cluster.settle()
    assert images(cluster) == ["nginx:2"] * 3
    assert sorted(one["spec"]["replicas"] for one in cluster.store.list(REPLICASETS)) == [0, 3]


@pytest.mark.parametrize(
    ("surge", "unavailable", "most", "least"), [(1, 0, 4, 3), (0, 1, 3, 2), ("25%", "25%", 4, 3), ("100%", "50%", 6, 2)]
)
def test_a_rollout_stays_within_its_limits(surge: int | str, unavailable: int | str, most: int, least: int) -> None:
    cluster = new_cluster()
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    deploy(cluster, strategy=strategy)
    cluster.settle()
    deploy(cluster, "nginx:2", strategy=strategy)
    seen = []
    for _ in range(100):
        cluster.settle(kubelet=False)
        active = [one for one in cluster.store.list(PODS) if not is_terminating(one)]
        seen.append((len(active), sum(map(is_ready, active))))
        if not cluster.kubelet.sync():
            break
    assert images(cluster) == ["nginx:2"] * 3
    assert max(count for count, _ in seen) <= most
    assert min(ready for _, ready in seen) >= least


def test_recreate_never_runs_old_and_new_together(cluster: Cluster) -> None:
    deploy(cluster, strategy={"type": "Recreate"})
    cluster.settle()
    deploy(cluster, "nginx:2", strategy={"type": "Recreate"})
    for _ in range(20):
        cluster.settle(kubelet=False)
        assert len({one["spec"]["containers"][0]["image"] for one in cluster.store.list(PODS)}) < 2
        if not cluster.kubelet.sync():
            break
    assert images(cluster) == ["nginx:2"] * 3


def test_a_rollout_that_cannot_become_ready_keeps_what_works(cluster: Cluster) -> None:
    deploy(cluster)
    cluster.settle()
    cluster.kubelet.is_broken = lambda pod: pod["spec"]["containers"][0]["image"] == "nginx:bad"
    deploy(cluster, "nginx:bad", progressDeadlineSeconds=60)
    cluster.settle()
    ready = [one for one in cluster.store.list(PODS) if is_ready(one)]
    assert len(ready) == 3
    assert true_conditions(cluster.status(DEPLOYMENTS, "web"))["Progressing"] == "ReplicaSetUpdated"
    cluster.pass_time(61)
    conditions = cluster.status(DEPLOYMENTS, "web")["conditions"]
    overdue = next(one for one in conditions if one["type"] == "Progressing")
    assert (overdue["status"], overdue["reason"]) == ("False", "ProgressDeadlineExceeded")


def test_an_undo_numbers_the_old_template_anew(cluster: Cluster) -> None:
    for image in ("nginx:1", "nginx:2", "nginx:1"):
        deploy(cluster, image)
        cluster.settle()
    revisions = {
        one["spec"]["template"]["spec"]["containers"][0]["image"]: one["metadata"]["annotations"][
            "deployment.kubernetes.io/revision"
        ]
        for one in cluster.store.list(REPLICASETS)
    }
    assert revisions == {"nginx:1": "3", "nginx:2": "2"}
    deployment = cluster.store.get(DEPLOYMENTS, "default", "web")
    assert deployment is not None
    assert deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"


def test_history_beyond_its_limit_is_forgotten(cluster: Cluster) -> None:
    for number in range(5):
        deploy(cluster, f"nginx:{number}", revisionHistoryLimit=2)
        cluster.settle()
    assert len(cluster.names(REPLICASETS)) == 3


def test_scaling_and_a_paused_deployment(cluster: Cluster) -> None:
    deploy(cluster)
    cluster.settle()
    deploy(cluster, replicas=5)
    cluster.settle()
    assert len(images(cluster)) == 5
    deploy(cluster, "nginx:2", replicas=5, paused=True)
    cluster.settle()
    assert images(cluster) == ["nginx:1"] * 5
    deploy(cluster, "nginx:2", replicas=0)
    cluster.settle()
    assert images(cluster) == []


def test_a_pod_that_is_deleted_comes_again_and_progress_is_not_told_anew(cluster: Cluster) -> None:
    deploy(cluster)
    cluster.settle()
    cluster.store.delete(PODS, "default", cluster.names(PODS)[0])
    cluster.settle()
    assert len(images(cluster)) == 3
    assert true_conditions(cluster.status(DEPLOYMENTS, "web"))["Progressing"] == "NewReplicaSetAvailable"


def test_events_tell_what_describe_shows(cluster: Cluster) -> None:
    deploy(cluster, replicas=1)
    cluster.settle()
    (name,) = cluster.names(REPLICASETS)
    messages = {(one["reason"], one["message"]) for one in cluster.store.list(EVENTS)}
    assert ("ScalingReplicaSet", f"Scaled up replica set {name} from 0 to 1") in messages
    assert any(reason == "SuccessfulCreate" and text.startswith(f"Created pod: {name}-") for reason, text in messages)


def test_a_set_that_its_deployment_left_behind_is_taken_back(cluster: Cluster) -> None:
    deploy(cluster)
    cluster.settle()
    (name,) = cluster.names(REPLICASETS)
    orphan = cluster.store.get(REPLICASETS, "default", name)
    assert orphan is not None
    metadata = {key: value for key, value in orphan["metadata"].items() if key != "ownerReferences"}
    cluster.store.delete(DEPLOYMENTS, "default", "web")
    cluster.store.update(REPLICASETS, "default", orphan | {"metadata": metadata})
    deploy(cluster)
    cluster.settle()
    assert cluster.names(REPLICASETS) == [name]


def test_reconciling_again_changes_nothing(cluster: Cluster) -> None:
    deploy(cluster)
    cluster.settle()
    before = len(cluster.store.history)
    for controller in cluster.controllers:
        for resource in controller.watched:
            for value in cluster.store.list(resource):
                if resource in {DEPLOYMENTS, REPLICASETS}:
                    controller.reconcile(own_key(value)[0])
    assert len(cluster.store.history) == before


def test_a_replica_set_deletes_what_is_missed_least() -> None:
    cluster = Cluster(lambda s: ReplicaSetController(s, s.clock))
    cluster.apply(REPLICASETS, workload("ReplicaSet", replicas=3))
    cluster.kubelet.is_broken = lambda pod: pod["metadata"]["name"] == cluster.names(PODS)[1]
    cluster.settle()
    broken = cluster.names(PODS)[1]
    cluster.apply(REPLICASETS, workload("ReplicaSet", replicas=2))
    cluster.settle()
    assert broken not in cluster.names(PODS)
    assert cluster.status(REPLICASETS, "web")["readyReplicas"] == 2


def test_minimum_ready_seconds_delay_availability(cluster: Cluster) -> None:
    deploy(cluster, minReadySeconds=30)
    cluster.settle()
    assert "availableReplicas" not in cluster.status(DEPLOYMENTS, "web")
    cluster.pass_time(31)
    assert cluster.status(DEPLOYMENTS, "web")["availableReplicas"] == 3


def test_template_of_a_pod_is_the_template(cluster: Cluster) -> None:
    value: Object = workload("Deployment", replicas=1)
    value["spec"]["template"] = template("nginx:1", app="web", tier="front")
    value["spec"]["template"]["metadata"]["annotations"] = {"note": "kept"}
    cluster.apply(DEPLOYMENTS, value)
    cluster.settle()
    (pod,) = cluster.store.list(PODS)
    assert pod["metadata"]["annotations"] == {"note": "kept"}
    assert pod["metadata"]["labels"].items() >= {"app": "web", "tier": "front"}.items()
