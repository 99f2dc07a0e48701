"""StatefulSets: stable names, order, and updates from the top."""

from __future__ import annotations

import pytest

from podfence.lab.controllers.claims import CLAIMS
from podfence.lab.controllers.pods import PODS, is_ready
from podfence.lab.controllers.statefulsets import STATEFULSETS, StatefulSetController
from tests.unit.lab.controllers.cluster import Cluster, images, workload


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(lambda s: StatefulSetController(s, s.clock))


def deploy(cluster: Cluster, image: str = "nginx:1", **spec: object) -> None:
    cluster.apply(STATEFULSETS, workload("StatefulSet", image, {"replicas": 3, "serviceName": "db", **spec}))


def test_pods_have_stable_names_in_the_domain_of_their_service(cluster: Cluster) -> None:
    deploy(cluster)
    cluster.settle()
    assert cluster.names(PODS) == ["web-0", "web-1", "web-2"]
    pod = cluster.store.list(PODS)[1]
    assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == ("web-1", "db")
    assert pod["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] == "web-1"
    assert pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"] == "1"


def test_the_next_pod_waits_for_the_one_before(cluster: Cluster) -> None:
    cluster.kubelet.is_broken = lambda pod: pod["metadata"]["name"] == "web-1"
    deploy(cluster)
    cluster.settle()
    assert cluster.names(PODS) == ["web-0", "web-1"]


def test_parallel_pods_wait_for_nobody(cluster: Cluster) -> None:
    cluster.kubelet.is_broken = lambda _: True
    deploy(cluster, podManagementPolicy="Parallel")
    cluster.settle()
    assert cluster.names(PODS) == ["web-0", "web-1", "web-2"]


def test_a_smaller_set_loses_its_highest_pods(cluster: Cluster) -> None:
    deploy(cluster)
    cluster.settle()
    deploy(cluster, replicas=1)
    cluster.settle()
    assert cluster.names(PODS) == ["web-0"]


def test_an_update_goes_from_the_top_one_by_one(cluster: Cluster) -> None:
    deploy(cluster)
    cluster.settle()
    deploy(cluster, "nginx:2")
    for _ in range(30):
        cluster.settle(kubelet=False)
        pods = cluster.store.list(PODS)
        assert sum(map(is_ready, pods)) >= 2
        versions = [one["spec"]["containers"][0]["image"] for one in pods]
        assert versions == sorted(versions)
        if not cluster.kubelet.sync():
            break
    assert images(cluster) == ["nginx:2"] * 3
    status = cluster.status(STATEFULSETS, "web")
    assert status["currentRevision"] == status["updateRevision"]
    assert status["updatedReplicas"] == status["currentReplicas"] == 3


def test_a_partition_holds_the_lower_pods_back_even_when_they_are_made_anew(cluster: Cluster) -> None:
    deploy(cluster)
    cluster.settle()
    deploy(cluster, "nginx:2", updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 2}})
    cluster.settle()
    cluster.store.delete(PODS, "default", "web-0")
    cluster.settle()
    assert [one["spec"]["containers"][0]["image"] for one in cluster.store.list(PODS)] == [
        "nginx:1",
        "nginx:1",
        "nginx:2",
    ]
    assert cluster.status(STATEFULSETS, "web")["updatedReplicas"] == 1


def test_each_pod_has_claims_of_its_own_which_its_successor_takes_over(cluster: Cluster) -> None:
    deploy(cluster, replicas=2, volumeClaimTemplates=[{"metadata": {"name": "data"}, "spec": {}}])
    cluster.settle()
    volumes = [one["spec"]["volumes"] for one in cluster.store.list(PODS)]
    assert volumes == [
        [{"name": "data", "persistentVolumeClaim": {"claimName": f"data-web-{number}"}}] for number in range(2)
    ]
    claims = [one["metadata"]["uid"] for one in cluster.store.list(CLAIMS)]
    cluster.store.delete(PODS, "default", "web-0")
    cluster.settle()
    assert [one["metadata"]["uid"] for one in cluster.store.list(CLAIMS)] == claims
    assert len(cluster.store.list(PODS)) == len(claims) == 2
