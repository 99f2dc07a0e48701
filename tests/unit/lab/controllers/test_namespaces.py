"""Namespaces: what they have from the start, and how they go; nodes and load balancers beside them."""

from __future__ import annotations

from podfence.lab.address_plan import LOAD_BALANCER_NETWORKS
from podfence.lab.controllers.accounts import CONFIG_MAPS, SERVICE_ACCOUNTS, NamespaceContentController
from podfence.lab.controllers.endpointslices import SERVICES
from podfence.lab.controllers.events import EventRecorder
from podfence.lab.controllers.load_balancers import LoadBalancerController
from podfence.lab.controllers.namespaces import NAMESPACES, NamespaceController
from podfence.lab.controllers.nodes import LEASE_NAMESPACE, LEASES, NodeHeartbeat, node
from podfence.lab.controllers.placement import NODES, is_up
from podfence.lab.controllers.pods import PODS
from podfence.lab.interface import Object
from podfence.lab.load_balancer_pool import LoadBalancerPool
from tests.unit.lab.controllers.cluster import Cluster, Store

CONTENT = (SERVICE_ACCOUNTS, CONFIG_MAPS, PODS)


def new_cluster() -> Cluster:
    cluster = Cluster(
        lambda s: NamespaceContentController(s, "certificate"),
        lambda s: NamespaceController(s, s.clock, lambda: CONTENT),
    )
    namespace: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    namespace |= {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
    cluster.store.create(NAMESPACES, None, namespace)
    cluster.settle()
    return cluster


def test_a_namespace_has_its_account_and_certificate_and_gets_them_again() -> None:
    cluster = new_cluster()
    cluster.store.delete(SERVICE_ACCOUNTS, "shop", "default")
    cluster.store.delete(CONFIG_MAPS, "shop", "kube-root-ca.crt")
    cluster.settle()
    assert cluster.names(SERVICE_ACCOUNTS, "shop") == ["default"]
    (published,) = cluster.store.list(CONFIG_MAPS, "shop")
    assert published["data"] == {"ca.crt": "certificate"}


def test_a_deleted_namespace_is_emptied_and_then_goes() -> None:
    cluster = new_cluster()
    pod: Object = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "finalizers": ["example.com/hold"]}}
    cluster.store.create(PODS, "shop", pod | {"spec": {"containers": [], "nodeName": "n"}})
    cluster.store.delete(NAMESPACES, None, "shop")
    cluster.settle()
    conditions = {one["type"]: one for one in cluster.status(NAMESPACES, "shop", None)["conditions"]}
    assert cluster.status(NAMESPACES, "shop", None)["phase"] == "Terminating"
    assert conditions["NamespaceContentRemaining"]["message"] == (
        "Some resources are remaining: pods. has 1 resource instances"
    )
    assert conditions["NamespaceFinalizersRemaining"]["message"] == (
        "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"
    )
    held = cluster.store.get(PODS, "shop", "p")
    assert held is not None
    free = {name: value for name, value in held["metadata"].items() if name != "finalizers"}
    cluster.store.update(PODS, "shop", held | {"metadata": free})
    cluster.settle()
    assert cluster.names(NAMESPACES, None) == []
    assert [cluster.names(resource, "shop") for resource in CONTENT] == [[], [], []]


def test_a_node_registers_is_ready_and_renews_its_lease() -> None:
    store = Store()
    described = node("node-1", ["172.18.0.2"], ["10.244.0.0/24"], version="v1.32.0", is_first=True)
    heartbeat = NodeHeartbeat(store, store.clock, described)
    heartbeat.beat()
    (registered,) = store.list(NODES)
    first = store.list(LEASES)[0]["spec"]["renewTime"]
    store.now_s += 10
    heartbeat.beat()
    lease = store.get(LEASES, LEASE_NAMESPACE, "node-1")
    assert lease is not None
    assert is_up(registered)
    assert lease["spec"]["renewTime"] > first
    heartbeat.stop()
    assert not is_up(store.list(NODES)[0])


def test_a_load_balancer_has_an_outside_address_for_as_long_as_it_is_one() -> None:
    pools = {"IPv4": LoadBalancerPool(LOAD_BALANCER_NETWORKS[0]), "IPv6": LoadBalancerPool(LOAD_BALANCER_NETWORKS[1])}
    cluster = Cluster(lambda s: LoadBalancerController(s, pools, EventRecorder(s, "service-controller", s.clock)))

    def apply(name: str, kind: str, *families: str) -> None:
        spec = {"type": kind, "ipFamilies": list(families)}
        cluster.apply(SERVICES, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})
        cluster.settle()

    def addresses(name: str) -> list[str]:
        return [one["ip"] for one in cluster.status(SERVICES, name).get("loadBalancer", {}).get("ingress", ())]

    apply("a", "LoadBalancer", "IPv4", "IPv6")
    apply("b", "LoadBalancer", "IPv4")
    assert addresses("a") == ["198.51.100.1", "2001:db8:51:100::1"]
    assert addresses("b") == ["198.51.100.2"]
    apply("a", "ClusterIP", "IPv4", "IPv6")
    assert addresses("a") == []
