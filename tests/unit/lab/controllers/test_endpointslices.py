"""EndpointSlices and Endpoints: who stands behind a Service."""

from __future__ import annotations

import pytest

from podfence.lab.controllers.endpointslices import ENDPOINTS, SERVICES, SLICES, EndpointSliceController
from podfence.lab.controllers.kubernetes_service import KubernetesServiceController
from podfence.lab.controllers.namespaces import NAMESPACES
from podfence.lab.controllers.pods import PODS
from podfence.lab.interface import Object
from tests.unit.lab.controllers.cluster import Cluster


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(EndpointSliceController, binds=False)


def add_service(cluster: Cluster, *ports: Object, **spec: object) -> None:
    full: Object = {"selector": {"app": "web"}, "ports": list(ports), "ipFamilies": ["IPv4"], **spec}
    cluster.apply(SERVICES, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": full})


def add_pod(
    cluster: Cluster, name: str, ip: str, *, ready: bool = True, ports: dict[str, int] | None = None, **spec: object
) -> None:
    declared = [{"name": key, "containerPort": number} for key, number in (ports or {}).items()]
    pod: Object = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "web"}}}
    pod["spec"] = {"containers": [{"name": "c", "ports": declared}], "nodeName": "n1", **spec}
    pod["status"] = {"phase": "Running", "podIPs": [{"ip": ip}, {"ip": f"fd00::{ip.rpartition('.')[2]}"}]}
    pod["status"]["conditions"] = [{"type": "Ready", "status": str(ready)}]
    cluster.store.create(PODS, "default", pod)


def slices(cluster: Cluster) -> list[tuple[str, list[int], list[tuple[str, bool]]]]:
    return sorted(
        (
            one["addressType"],
            [port["port"] for port in one["ports"]],
            [(each["addresses"][0], each["conditions"]["ready"]) for each in one["endpoints"]],
        )
        for one in cluster.store.list(SLICES)
    )


HTTP = {"name": "http", "protocol": "TCP", "port": 80, "targetPort": "web"}


def test_a_named_port_is_the_pod_s_own_number(cluster: Cluster) -> None:
    add_service(cluster, HTTP)
    add_pod(cluster, "a", "10.0.0.1", ports={"web": 8080})
    add_pod(cluster, "b", "10.0.0.2", ports={"web": 9090})
    add_pod(cluster, "c", "10.0.0.3", ports={"other": 1})
    cluster.settle()
    assert slices(cluster) == [("IPv4", [8080], [("10.0.0.1", True)]), ("IPv4", [9090], [("10.0.0.2", True)])]


def test_each_family_has_slices_of_its_own(cluster: Cluster) -> None:
    add_service(cluster, {"port": 80}, ipFamilies=["IPv4", "IPv6"])
    add_pod(cluster, "a", "10.0.0.1")
    cluster.settle()
    assert slices(cluster) == [("IPv4", [80], [("10.0.0.1", True)]), ("IPv6", [80], [("fd00::1", True)])]


def test_what_is_not_ready_is_said_not_to_be_unless_all_is_published(cluster: Cluster) -> None:
    add_service(cluster, {"port": 80})
    add_pod(cluster, "a", "10.0.0.1", ready=False)
    cluster.settle()
    assert slices(cluster) == [("IPv4", [80], [("10.0.0.1", False)])]
    endpoints = cluster.store.get(ENDPOINTS, "default", "web")
    assert endpoints is not None
    assert "addresses" not in endpoints["subsets"][0]
    assert endpoints["subsets"][0]["notReadyAddresses"][0]["ip"] == "10.0.0.1"
    add_service(cluster, {"port": 80}, publishNotReadyAddresses=True)
    cluster.settle()
    assert slices(cluster) == [("IPv4", [80], [("10.0.0.1", True)])]


def test_a_terminating_pod_serves_but_is_not_ready(cluster: Cluster) -> None:
    add_service(cluster, {"port": 80})
    add_pod(cluster, "a", "10.0.0.1")
    cluster.store.delete(PODS, "default", "a")
    cluster.settle(kubelet=False)
    (one,) = cluster.store.list(SLICES)
    assert one["endpoints"][0]["conditions"] == {"ready": False, "serving": True, "terminating": True}
    cluster.settle()
    assert slices(cluster) == [("IPv4", [], [])]


def test_a_pod_whose_labels_change_leaves(cluster: Cluster) -> None:
    add_service(cluster, {"port": 80})
    add_pod(cluster, "a", "10.0.0.1")
    cluster.settle()
    pod = cluster.store.get(PODS, "default", "a")
    assert pod is not None
    cluster.store.update(PODS, "default", pod | {"metadata": pod["metadata"] | {"labels": {"app": "other"}}})
    cluster.settle()
    assert slices(cluster) == [("IPv4", [], [])]


def test_a_headless_service_knows_host_names_and_needs_no_ports(cluster: Cluster) -> None:
    add_service(cluster, clusterIP="None")
    add_pod(cluster, "db-0", "10.0.0.1", hostname="db-0", subdomain="web")
    cluster.settle()
    (one,) = cluster.store.list(SLICES)
    assert one["endpoints"][0]["hostname"] == "db-0"
    assert one["metadata"]["labels"]["service.kubernetes.io/headless"] == ""


def test_many_endpoints_are_divided_and_slices_are_kept(cluster: Cluster) -> None:
    add_service(cluster, {"port": 80})
    for number in range(1, 251):
        add_pod(cluster, f"p{number:03d}", f"10.0.0.{number}")
    cluster.settle()
    assert sorted(len(one["endpoints"]) for one in cluster.store.list(SLICES)) == [50, 100, 100]
    names = set(cluster.names(SLICES))
    add_pod(cluster, "p999", "10.0.0.251")
    cluster.settle()
    assert set(cluster.names(SLICES)) == names


def test_a_service_that_goes_takes_its_slices_along(cluster: Cluster) -> None:
    add_service(cluster, {"port": 80})
    cluster.settle()
    cluster.store.delete(SERVICES, "default", "web")
    cluster.settle()
    assert cluster.names(SLICES) == []


def test_endpoints_written_by_hand_are_mirrored(cluster: Cluster) -> None:
    add_service(cluster, {"port": 80}, selector=None)
    subset = {"addresses": [{"ip": "192.0.2.1"}, {"ip": "2001:db8::1"}], "ports": [{"port": 8080, "protocol": "TCP"}]}
    value = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "web"}, "subsets": [subset]}
    cluster.store.create(ENDPOINTS, "default", value)
    cluster.settle()
    assert slices(cluster) == [("IPv4", [8080], [("192.0.2.1", True)]), ("IPv6", [8080], [("2001:db8::1", True)])]


def test_the_api_server_has_a_service_that_comes_again() -> None:
    cluster = Cluster(
        EndpointSliceController, lambda s: KubernetesServiceController(s, "10.96.0.1", "172.18.0.1", 6443), binds=False
    )
    cluster.store.create(NAMESPACES, None, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}})
    cluster.settle()
    for resource in (SERVICES, ENDPOINTS, SLICES):
        cluster.store.delete(resource, "default", "kubernetes")
        cluster.settle()
        assert cluster.names(resource) == ["kubernetes"]
    assert slices(cluster) == [("IPv4", [6443], [("172.18.0.1", True)])]


def test_a_finished_pod_stands_behind_nothing(cluster: Cluster) -> None:
    add_service(cluster, {"port": 80})
    add_pod(cluster, "a", "10.0.0.1")
    pod = cluster.store.get(PODS, "default", "a")
    assert pod is not None
    cluster.store.update(PODS, "default", pod | {"status": pod["status"] | {"phase": "Succeeded"}}, "status")
    cluster.settle()
    assert slices(cluster) == [("IPv4", [], [])]
