"""Which pods a set of Pod objects and workloads stands for."""

from __future__ import annotations

from typing import Any

import pytest

from podfence.model.net import format_address
from podfence.model.objects import Pod
from tests.unit.manifests.texts import loaded


def pods(text: str) -> dict[str, Pod]:
    return {pod.name: pod for pod in loaded(text).snapshot.pods}


def owned(name: str, kind: str, owner: str, *, labels: str = "{}", phase: str = "Running", api: str = "apps/v1") -> str:
    return f"""
---
apiVersion: v1
kind: Pod
metadata:
  name: {name}
  labels: {labels}
  ownerReferences: [{{apiVersion: {api}, kind: {kind}, name: {owner}, controller: true}}]
status: {{phase: {phase}}}
"""


def workload(kind: str, name: str, spec: str = "{}", *, owner: str = "[]", api: str = "apps/v1") -> str:
    return f"""
---
apiVersion: {api}
kind: {kind}
metadata: {{name: {name}, ownerReferences: {owner}}}
spec: {spec}
"""


def controller(kind: str, name: str, api: str = "apps/v1") -> str:
    return f"[{{apiVersion: {api}, kind: {kind}, name: {name}, controller: true}}]"


TEMPLATE = (
    "{template: {metadata: {labels: {app: web}}, spec: {containers: [{ports: [{name: http, containerPort: 80}]}]}}}"
)


@pytest.mark.parametrize(
    ("kind", "api"),
    [
        ("Deployment", "apps/v1"),
        ("Deployment", "apps/v1beta1"),
        ("Deployment", "apps/v1beta2"),
        ("Deployment", "extensions/v1beta1"),
        ("StatefulSet", "apps/v1"),
        ("StatefulSet", "apps/v1beta1"),
        ("ReplicaSet", "apps/v1"),
        ("ReplicaSet", "extensions/v1beta1"),
        ("ReplicationController", "v1"),
        ("Job", "batch/v1"),
    ],
)
def test_a_workload_without_pods_stands_for_those_it_will_have(kind: str, api: str) -> None:
    (pod,) = pods(workload(kind, "web", TEMPLATE, api=api)).values()
    assert (pod.name, pod.workload, pod.count, pod.from_template) == ("web", (kind, "web"), 1, True)
    assert pod.labels == (("app", "web"),)
    assert [port.name for port in pod.named_ports] == ["http"]


@pytest.mark.parametrize("api", ["batch/v1", "batch/v1beta1", "batch/v2alpha1"])
def test_a_cron_job_stands_for_the_pods_of_one_job(api: str) -> None:
    (pod,) = pods(workload("CronJob", "night", f"{{jobTemplate: {{spec: {TEMPLATE}}}}}", api=api)).values()
    assert (pod.workload, pod.count, pod.labels) == (("CronJob", "night"), 1, (("app", "web"),))


@pytest.mark.parametrize(
    ("kind", "spec", "count"),
    [
        ("Deployment", "{replicas: 3}", 3),
        ("Deployment", "{replicas: 0}", 0),
        ("Deployment", "{replicas: null}", 1),
        ("StatefulSet", "{replicas: 2}", 2),
        ("Job", "{parallelism: 4}", 4),
        ("Job", "{parallelism: 4, completions: 2}", 2),
        ("CronJob", "{jobTemplate: {spec: {parallelism: 2}}}", 2),
        ("DaemonSet", "{}", 2),
    ],
)
def test_how_many_pods_a_workload_stands_for(kind: str, spec: str, count: int) -> None:
    api = "batch/v1" if "Job" in kind else "apps/v1"
    (pod,) = pods(workload(kind, "w", spec, api=api)).values()
    assert pod.count == count


def test_a_daemon_set_has_one_pod_on_each_known_node() -> None:
    nodes = "".join(f"\n---\n{{apiVersion: v1, kind: Node, metadata: {{name: {name}}}}}" for name in ("n2", "n1"))
    found = pods(workload("DaemonSet", "log", TEMPLATE) + nodes)
    assert [(pod.name, pod.node, pod.count) for pod in found.values()] == [("log-0", "n1", 1), ("log-1", "n2", 1)]
    assert {pod.workload for pod in found.values()} == {("DaemonSet", "log")}


def test_pod_objects_replace_the_template_of_the_deployment_above_their_replica_set() -> None:
    text = workload("Deployment", "web", TEMPLATE)
    text += workload("ReplicaSet", "web-1", TEMPLATE, owner=controller("Deployment", "web"))
    text += owned("web-1-a", "ReplicaSet", "web-1") + owned("web-1-b", "ReplicaSet", "web-1")
    assert {name: pod.workload for name, pod in pods(text).items()} == {
        "web-1-a": ("Deployment", "web"),
        "web-1-b": ("Deployment", "web"),
    }


def test_pods_that_have_ended_are_no_endpoints_and_still_replace_the_template() -> None:
    text = workload("Job", "once", TEMPLATE, api="batch/v1")
    assert list(pods(text)) == ["once"]
    assert pods(text + owned("once-x", "Job", "once", api="batch/v1", phase="Succeeded")) == {}


def test_an_owned_replica_set_or_job_is_no_endpoint_of_its_own() -> None:
    text = workload("Deployment", "web", TEMPLATE)
    text += workload("ReplicaSet", "web-1", TEMPLATE, owner=controller("Deployment", "web"))
    text += workload("CronJob", "night", api="batch/v1")
    text += workload("Job", "night-1", TEMPLATE, api="batch/v1", owner=controller("CronJob", "night", "batch/v1"))
    assert sorted(pods(text)) == ["night", "web"]


def test_an_owner_outside_the_input_leaves_the_workload_to_itself_and_its_empty_leftovers_out() -> None:
    rollout = controller("Rollout", "web", "argoproj.io/v1alpha1")
    text = workload("ReplicaSet", "web-1", "{replicas: 2}", owner=rollout)
    text += workload("ReplicaSet", "web-0", "{replicas: 0}", owner=rollout)
    text += workload("ReplicaSet", "empty", "{replicas: 0}")
    assert {name: pod.count for name, pod in pods(text).items()} == {"web-1": 2, "empty": 0}


def test_a_kind_of_another_api_group_is_another_kind() -> None:
    text = workload("StatefulSet", "db") + owned("db-0", "StatefulSet", "db", api="apps.kruise.io/v1beta1")
    assert {name: pod.workload for name, pod in pods(text).items()} == {
        "db": ("StatefulSet", "db"),
        "db-0": ("Pod", "db-0"),
    }


@pytest.mark.parametrize(
    ("kind", "owner"), [("ReplicaSet", "gone"), ("Node", "n1"), ("Deployment", "gone"), ("Job", "gone-12")]
)
def test_a_pod_whose_owner_is_not_in_the_input_is_itself(kind: str, owner: str) -> None:
    assert pods(owned("p", kind, owner, api="v1" if kind == "Node" else "apps/v1"))["p"].workload == ("Pod", "p")


DEPLOYMENT = "{selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}}}"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("{app: web, pod-template-hash: 7d9f}", ("Deployment", "web")),
        ("{app: other, pod-template-hash: 7d9f}", ("Pod", "p")),
        ("{app: web, pod-template-hash: 9999}", ("Pod", "p")),
        ("{app: web}", ("Pod", "p")),
    ],
)
def test_a_missing_replica_set_is_passed_by_the_hash_in_its_name(labels: str, expected: tuple[str, str]) -> None:
    labels = labels.replace("9999", "'9999'")
    found = pods(workload("Deployment", "web", DEPLOYMENT) + owned("p", "ReplicaSet", "web-7d9f", labels=labels))
    assert found["p"].workload == expected
    assert ("web" in found) is (expected[0] == "Pod")


def test_a_missing_job_is_passed_by_the_number_in_its_name() -> None:
    found = pods(workload("CronJob", "night", api="batch/v1") + owned("p", "Job", "night-2839", api="batch/v1"))
    assert {name: pod.workload for name, pod in found.items()} == {"p": ("CronJob", "night")}


def test_owners_in_a_circle_own_nothing() -> None:
    text = workload("ReplicaSet", "a", owner=controller("ReplicaSet", "b"))
    text += workload("ReplicaSet", "b", owner=controller("ReplicaSet", "a"))
    text += workload("Deployment", "c", owner=controller("Deployment", "c"))
    text += owned("p", "ReplicaSet", "a")
    assert sorted(pods(text)) == ["a", "b", "c", "p"]


def test_an_owner_that_is_no_controller_owns_nothing() -> None:
    text = workload("Deployment", "web", TEMPLATE) + owned("p", "Deployment", "web").replace(", controller: true", "")
    assert pods(text)["p"].workload == ("Pod", "p")


def pod_at(name: str, phase: str, *addresses: str, spec: str = "{}") -> str:
    listed = ", ".join(f"{{ip: '{address}'}}" for address in addresses)
    status = f"{{phase: {phase}, podIPs: [{listed}]}}"
    return f"\n---\n{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {spec}, status: {status}}}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            pod_at("a", "Pending", "10.0.0.1") + pod_at("b", "Running", "10.0.0.1"),
            {"a": [], "b": ["10.0.0.1"]},
            id="S63 the running pod wins",
        ),
        pytest.param(
            pod_at("a", "Running", "10.0.0.1") + pod_at("b", "Running", "10.0.0.1", "10.0.0.2"),
            {"a": ["10.0.0.1"], "b": ["10.0.0.2"]},
            id="S63 else the first",
        ),
        pytest.param(
            pod_at("a", "Pending", "10.0.0.1")
            + pod_at("b", "Pending", "10.0.0.1")
            + pod_at("c", "Running", "10.0.0.1"),
            {"a": [], "b": [], "c": ["10.0.0.1"]},
            id="S63 of three",
        ),
        pytest.param(
            pod_at("a", "Running", "10.0.0.1").replace("name: a", "name: a, deletionTimestamp: '2026-01-01T00:00:00Z'")
            + pod_at("b", "Running", "10.0.0.1"),
            {"a": [], "b": ["10.0.0.1"]},
            id="S63 a pod that is being deleted has lost it",
        ),
        pytest.param(
            pod_at("a", "Succeeded", "10.0.0.1") + pod_at("b", "Pending", "10.0.0.1"),
            {"b": ["10.0.0.1"]},
            id="S62 an ended pod has lost its address",
        ),
        pytest.param(
            pod_at("a", "Running", "10.0.0.1", spec="{hostNetwork: true}") + pod_at("b", "Pending", "10.0.0.1"),
            {"a": ["10.0.0.1"], "b": ["10.0.0.1"]},
            id="S60 a hostNetwork pod takes no pod's address",
        ),
    ],
)
def test_an_address_has_one_pod(text: str, expected: dict[str, Any]) -> None:
    found = {name: [format_address(item) for item in pod.addresses] for name, pod in pods(text).items()}
    assert found == expected


def test_pods_are_sorted_by_namespace_and_name_with_templates_among_them() -> None:
    text = """
        {apiVersion: v1, kind: Pod, metadata: {name: z, namespace: b}}
        ---
        {apiVersion: v1, kind: Pod, metadata: {name: a, namespace: c}}
        ---
        {apiVersion: apps/v1, kind: Deployment, metadata: {name: m, namespace: b}}
    """
    assert [(pod.namespace, pod.name) for pod in loaded(text).snapshot.pods] == [("b", "m"), ("b", "z"), ("c", "a")]


def test_S58_a_host_network_template_is_marked() -> None:
    found = pods(workload("DaemonSet", "log", "{template: {spec: {hostNetwork: true, nodeName: n1}}}"))
    assert (found["log"].host_network, found["log"].node) == (True, "n1")
