"""DaemonSets: one pod on each node that fits."""

from __future__ import annotations

import pytest

from podfence.lab.controllers.daemonsets import DAEMONSETS, DaemonSetController
from podfence.lab.controllers.placement import NODES
from podfence.lab.controllers.pods import PODS, is_ready
from podfence.lab.controllers.scheduler import Scheduler
from tests.unit.lab.controllers.cluster import Cluster, bind, images, workload


def add_node(
    cluster: Cluster,
    name: str,
    *,
    labels: dict[str, str] | None = None,
    allocatable: dict[str, str] | None = None,
    **spec: object,
) -> None:
    ready: dict[str, object] = {"conditions": [{"type": "Ready", "status": "True"}]}
    ready |= {"allocatable": allocatable} if allocatable else {}
    value = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels or {}}, "spec": spec}
    cluster.store.create(NODES, None, value | {"status": ready})


@pytest.fixture
def cluster() -> Cluster:
    cluster = Cluster(
        lambda s: DaemonSetController(s, s.clock),
        lambda s: Scheduler(s, s.clock, lambda pod, node: bind(s, pod, node)),
        binds=False,
    )
    for name in ("n1", "n2", "n3"):
        add_node(cluster, name)
    return cluster


def nodes_of(cluster: Cluster) -> list[str]:
    return sorted(one["spec"]["nodeName"] for one in cluster.store.list(PODS))


def test_each_node_gets_one_pod_new_nodes_too(cluster: Cluster) -> None:
    cluster.apply(DAEMONSETS, workload("DaemonSet"))
    cluster.settle()
    add_node(cluster, "n4")
    cluster.settle()
    assert nodes_of(cluster) == ["n1", "n2", "n3", "n4"]
    status = cluster.status(DAEMONSETS, "web")
    assert status["desiredNumberScheduled"] == status["numberReady"] == status["numberAvailable"] == 4


def test_selectors_and_taints_keep_daemons_away_but_a_cordon_does_not(cluster: Cluster) -> None:
    add_node(cluster, "gpu", labels={"kind": "gpu"}, unschedulable=True)
    add_node(cluster, "tainted", labels={"kind": "gpu"}, taints=[{"key": "own", "effect": "NoSchedule"}])
    value = workload("DaemonSet")
    value["spec"]["template"]["spec"]["nodeSelector"] = {"kind": "gpu"}
    cluster.apply(DAEMONSETS, value)
    cluster.settle()
    assert nodes_of(cluster) == ["gpu"]


def test_an_update_leaves_all_but_one_running(cluster: Cluster) -> None:
    cluster.apply(DAEMONSETS, workload("DaemonSet"))
    cluster.settle()
    cluster.apply(DAEMONSETS, workload("DaemonSet", image="nginx:2"))
    for _ in range(30):
        cluster.settle(kubelet=False)
        assert sum(map(is_ready, cluster.store.list(PODS))) >= 2
        if not cluster.kubelet.sync():
            break
    assert images(cluster) == ["nginx:2"] * 3
    assert nodes_of(cluster) == ["n1", "n2", "n3"]
    assert cluster.status(DAEMONSETS, "web")["updatedNumberScheduled"] == 3


def test_a_node_that_goes_takes_its_pod_along(cluster: Cluster) -> None:
    cluster.apply(DAEMONSETS, workload("DaemonSet"))
    cluster.settle()
    cluster.store.delete(NODES, None, "n2")
    cluster.settle()
    assert nodes_of(cluster) == ["n1", "n3"]
