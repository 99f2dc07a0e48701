"""The scheduler: where a pod goes, and why it cannot."""

from __future__ import annotations

import pytest

from podfence.lab.controllers.events import EVENTS
from podfence.lab.controllers.node_lifecycle import NodeLifecycleController
from podfence.lab.controllers.placement import NODES
from podfence.lab.controllers.pods import PODS
from podfence.lab.controllers.scheduler import Scheduler
from podfence.lab.interface import Object
from tests.unit.lab.controllers.cluster import Cluster, bind
from tests.unit.lab.controllers.test_daemonsets import add_node


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(lambda s: Scheduler(s, s.clock, lambda pod, node: bind(s, pod, node)), binds=False)


def add_pod(cluster: Cluster, name: str, **spec: object) -> None:
    value: Object = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "a"}}}
    value["spec"] = {"containers": [], **spec}
    cluster.store.create(PODS, "default", value)


def node_of(cluster: Cluster, name: str) -> str | None:
    pod = cluster.store.get(PODS, "default", name)
    assert pod is not None
    node: str | None = pod["spec"].get("nodeName")
    return node


def required(*expressions: Object) -> Object:
    term = {"nodeSelectorTerms": [{"matchExpressions": list(expressions)}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": term}}


def test_pods_are_spread_over_the_nodes(cluster: Cluster) -> None:
    for name in ("n1", "n2", "n3"):
        add_node(cluster, name)
    for number in range(9):
        add_pod(cluster, f"p{number}")
    cluster.settle()
    nodes = [one["spec"]["nodeName"] for one in cluster.store.list(PODS)]
    assert {name: nodes.count(name) for name in nodes} == {"n1": 3, "n2": 3, "n3": 3}
    assert "Scheduled" in {one["reason"] for one in cluster.store.list(EVENTS)}


@pytest.mark.parametrize(
    "spec",
    [
        {"nodeSelector": {"disk": "ssd"}},
        {"affinity": required({"key": "disk", "operator": "In", "values": ["ssd"]})},
        {"affinity": required({"key": "size", "operator": "Gt", "values": ["10"]})},
        {"affinity": required({"key": "old", "operator": "DoesNotExist"}, {"key": "disk", "operator": "Exists"})},
    ],
)
def test_a_pod_goes_where_its_selectors_allow(cluster: Cluster, spec: Object) -> None:
    add_node(cluster, "a", labels={"old": "", "size": "9", "disk": "hdd"})
    add_node(cluster, "b", labels={"disk": "ssd", "size": "11"})
    add_pod(cluster, "p", **spec)
    cluster.settle()
    assert node_of(cluster, "p") == "b"


def test_a_pod_that_fits_nowhere_says_why_and_is_placed_once_it_does(cluster: Cluster) -> None:
    add_node(cluster, "a", taints=[{"key": "own", "value": "x", "effect": "NoSchedule"}])
    add_node(cluster, "b", unschedulable=True)
    add_pod(cluster, "p")
    cluster.settle()
    (condition,) = cluster.status(PODS, "p")["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == ("PodScheduled", "False", "Unschedulable")
    assert condition["message"].startswith(
        "0/2 nodes are available: 1 node(s) had untolerated taint {own: x}, 1 node(s) were unschedulable."
    )
    add_node(cluster, "c")
    cluster.settle()
    assert node_of(cluster, "p") == "c"


@pytest.mark.parametrize(
    "toleration", [{"operator": "Exists"}, {"key": "own", "value": "x"}, {"key": "own", "operator": "Exists"}]
)
def test_a_toleration_opens_a_tainted_node(cluster: Cluster, toleration: Object) -> None:
    add_node(cluster, "a", taints=[{"key": "own", "value": "x", "effect": "NoSchedule"}])
    add_pod(cluster, "p", tolerations=[toleration])
    cluster.settle()
    assert node_of(cluster, "p") == "a"


def test_a_new_node_takes_pods_once_it_is_ready_and_none_while_it_is_cordoned() -> None:
    cluster = Cluster(
        NodeLifecycleController, lambda s: Scheduler(s, s.clock, lambda pod, node: bind(s, pod, node)), binds=False
    )
    taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    add_node(cluster, "a", taints=[taint, {"key": "own", "effect": "PreferNoSchedule"}])
    add_pod(cluster, "p")
    cluster.settle()
    assert node_of(cluster, "p") == "a"
    node = cluster.store.get(NODES, None, "a")
    assert node is not None
    cluster.store.update(NODES, None, node | {"spec": node["spec"] | {"unschedulable": True}})
    add_pod(cluster, "q")
    cluster.settle()
    assert node_of(cluster, "q") is None
    node = cluster.store.get(NODES, None, "a")
    assert node is not None
    assert [one["key"] for one in node["spec"]["taints"]] == ["own", "node.kubernetes.io/unschedulable"]


def test_anti_affinity_keeps_pods_apart(cluster: Cluster) -> None:
    for name in ("n1", "n2"):
        add_node(cluster, name, labels={"kubernetes.io/hostname": name})
    rule = {"labelSelector": {"matchLabels": {"app": "a"}}, "topologyKey": "kubernetes.io/hostname"}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [rule]}}
    for number in range(3):
        add_pod(cluster, f"p{number}", affinity=affinity)
    cluster.settle()
    assert sorted(str(node_of(cluster, f"p{number}")) for number in range(3)) == ["None", "n1", "n2"]


def taking(**port: object) -> list[Object]:
    return [{"name": "c", "ports": [{"containerPort": 80, **port}]}]


def test_a_port_of_the_node_is_given_once_and_again_when_its_pod_has_gone(cluster: Cluster) -> None:
    for name in ("n1", "n2"):
        add_node(cluster, name)
    # Without them the pods would be spread anyhow.
    for number in range(4):
        add_pod(cluster, f"other{number}", nodeName="n1")
    for number in range(3):
        add_pod(cluster, f"p{number}", containers=taking(hostPort=80))
    cluster.settle()
    assert [node_of(cluster, f"p{number}") for number in range(3)] == ["n2", "n1", None]
    (condition,) = cluster.status(PODS, "p2")["conditions"]
    assert condition["message"].startswith(
        "0/2 nodes are available: 2 node(s) didn't have free ports for the requested pod ports."
    )
    cluster.store.delete(PODS, "default", "p1", grace_s=0)
    cluster.settle()
    assert node_of(cluster, "p2") == "n1"


@pytest.mark.parametrize(
    ("other", "shares"),
    [
        (taking(hostPort=80, protocol="TCP"), False),
        (taking(hostPort=80, hostIP="10.0.0.1"), False),
        (taking(hostPort=80, protocol="UDP"), True),
        (taking(hostPort=81), True),
        (taking(), True),
    ],
)
def test_pods_share_a_node_unless_they_want_the_same_port_of_it(
    cluster: Cluster, other: list[Object], *, shares: bool
) -> None:
    add_node(cluster, "a")
    add_pod(cluster, "p", containers=taking(hostPort=80))
    add_pod(cluster, "q", containers=other)
    cluster.settle()
    assert (node_of(cluster, "p"), node_of(cluster, "q")) == ("a", "a" if shares else None)


def test_a_port_of_two_addresses_of_a_node_is_two_ports(cluster: Cluster) -> None:
    add_node(cluster, "a")
    for number in range(1, 3):
        add_pod(cluster, f"p{number}", containers=taking(hostPort=80, hostIP=f"10.0.0.{number}"))
    cluster.settle()
    assert [node_of(cluster, f"p{number}") for number in (1, 2)] == ["a", "a"]


def test_a_sidecar_takes_ports_and_a_container_that_ends_before_does_not(cluster: Cluster) -> None:
    add_node(cluster, "a")
    add_pod(cluster, "p", initContainers=taking(hostPort=80))
    add_pod(cluster, "q", initContainers=[one | {"restartPolicy": "Always"} for one in taking(hostPort=80)])
    add_pod(cluster, "r", containers=taking(hostPort=80))
    cluster.settle()
    assert [node_of(cluster, name) for name in "pqr"] == ["a", "a", None]


def test_pods_of_another_scheduler_and_gated_pods_are_left_alone(cluster: Cluster) -> None:
    add_node(cluster, "a")
    add_pod(cluster, "other", schedulerName="mine")
    add_pod(cluster, "gated", schedulingGates=[{"name": "wait"}])
    cluster.settle()
    assert (node_of(cluster, "other"), node_of(cluster, "gated")) == (None, None)


def wanting(**requests: str) -> list[Object]:
    return [{"name": "c", "resources": {"requests": requests}}]


def refusal(cluster: Cluster, name: str) -> str:
    (condition,) = cluster.status(PODS, name)["conditions"]
    message: str = condition["message"]
    return message


def test_a_node_takes_pods_until_what_they_request_is_all_that_it_has(cluster: Cluster) -> None:
    add_node(cluster, "a", allocatable={"cpu": "1", "memory": "1Gi"})
    for number in range(3):
        add_pod(cluster, f"p{number}", containers=wanting(cpu="500m", memory="100Mi"))
    add_pod(cluster, "small", containers=wanting())
    cluster.settle()
    assert [node_of(cluster, name) for name in ("p0", "p1", "p2", "small")] == ["a", "a", None, "a"]
    assert refusal(cluster, "p2") == (
        "0/1 nodes are available: 1 Insufficient cpu. "
        "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
    )
    cluster.store.delete(PODS, "default", "p0", grace_s=0)
    cluster.settle()
    assert node_of(cluster, "p2") == "a"


def test_every_resource_that_lacks_is_told_and_that_no_other_pods_end_would_help(cluster: Cluster) -> None:
    for name in ("a", "b"):
        add_node(cluster, name, allocatable={"cpu": "1", "memory": "1Gi"})
    add_node(cluster, "c", unschedulable=True)
    init = {"name": "init", "resources": {"requests": {"memory": "2Gi"}}}
    add_pod(cluster, "p", containers=wanting(cpu="2"), initContainers=[init])
    cluster.settle()
    assert refusal(cluster, "p") == (
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu, 2 Insufficient memory. "
        "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
    )


ZONE = "topology.kubernetes.io/zone"


def spread(**more: object) -> list[Object]:
    one = {"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule"}
    return [one | {"labelSelector": {"matchLabels": {"app": "a"}}} | more]


def test_pods_are_spread_over_zones_as_they_must_be(cluster: Cluster) -> None:
    add_node(cluster, "a1", labels={ZONE: "a"})
    add_node(cluster, "a2", labels={ZONE: "a"})
    add_node(cluster, "b1", labels={ZONE: "b"}, unschedulable=True)
    add_node(cluster, "none")
    for number in range(2):
        add_pod(cluster, f"p{number}", topologySpreadConstraints=spread())
    cluster.settle()
    assert [node_of(cluster, f"p{number}") for number in range(2)] == ["a1", None]
    assert refusal(cluster, "p1").startswith(
        "0/4 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label), "
        "1 node(s) were unschedulable, 2 node(s) didn't match pod topology spread constraints. "
    )


def test_pods_that_would_rather_be_spread_run_all_the_same(cluster: Cluster) -> None:
    add_node(cluster, "a1", labels={ZONE: "a"})
    add_node(cluster, "b1", labels={ZONE: "b"}, unschedulable=True)
    for number in range(3):
        add_pod(cluster, f"p{number}", topologySpreadConstraints=spread(whenUnsatisfiable="ScheduleAnyway"))
    add_pod(cluster, "few", topologySpreadConstraints=spread(maxSkew=4))
    cluster.settle()
    assert {node_of(cluster, name) for name in ("p0", "p1", "p2", "few")} == {"a1"}


def beside(kind: str, app: str) -> Object:
    rule = {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": ZONE}
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [rule]}}


def test_a_pod_goes_where_the_pods_are_that_it_must_be_beside(cluster: Cluster) -> None:
    for name in ("a1", "a2", "b1"):
        add_node(cluster, name, labels={ZONE: name[0]})
    add_pod(cluster, "first", affinity=beside("podAffinity", "a"))
    add_pod(cluster, "second", affinity=beside("podAffinity", "a"))
    add_pod(cluster, "lonely", affinity=beside("podAffinity", "nobody"))
    cluster.settle()
    assert [node_of(cluster, name) for name in ("first", "second", "lonely")] == ["a1", "a2", None]
    assert "3 node(s) didn't match pod affinity rules. " in refusal(cluster, "lonely")


def test_pods_that_are_there_keep_others_away_as_well(cluster: Cluster) -> None:
    add_node(cluster, "a1", labels={ZONE: "a"})
    rule = beside("podAntiAffinity", "a")
    add_pod(cluster, "shy", affinity=rule)
    add_pod(cluster, "tramp")
    cluster.settle()
    assert node_of(cluster, "tramp") is None
    assert "1 node(s) didn't satisfy existing pods anti-affinity rules. " in refusal(cluster, "tramp")
