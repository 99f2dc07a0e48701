"""What kubectl prints of objects: ages, pods in every state, and the columns of a CRD."""

from __future__ import annotations

from typing import Any

import pytest

from podfence.lab.apiserver.tables.choice import builtin_columns
from podfence.lab.apiserver.tables.custom import custom_columns, find_path
from podfence.lab.apiserver.tables.pods import PODS
from podfence.lab.apiserver.tables.words import duration, selector_text
from podfence.lab.interface import Resource

CREATED = "2026-01-01T00:00:00Z"
NOW = 1767225600.0 + 65  # 65 seconds after that


# apimachinery pkg/util/duration, TestHumanDuration
@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-2, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (121, "2m1s"),
        (599, "9m59s"),
        (600, "10m"),
        (3 * 3600 - 1, "179m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 60, "3h1m"),
        (8 * 3600, "8h"),
        (47 * 3600, "47h"),
        (48 * 3600, "2d"),
        (49 * 3600, "2d1h"),
        (8 * 86400, "8d"),
        (366 * 86400, "366d"),
        (2 * 365 * 86400, "2y"),
        (3 * 365 * 86400 + 86400, "3y1d"),
        (8 * 365 * 86400, "8y"),
    ],
)
def test_a_duration_is_written_as_kubectl_does(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def pod(status: dict[str, Any], **metadata: Any) -> dict[str, Any]:  # noqa: ANN401 (any metadata)
    spec = {"containers": [{"name": "a"}, {"name": "b"}], "initContainers": [{"name": "i"}]}
    return {"metadata": {"name": "p", "creationTimestamp": CREATED, **metadata}, "spec": spec, "status": status}


RUNNING = {"ready": True, "state": {"running": {}}}


@pytest.mark.parametrize(
    ("status", "ready", "word"),
    [
        ({"phase": "Pending"}, "0/2", "Pending"),
        ({"phase": "Running", "containerStatuses": [RUNNING, RUNNING]}, "2/2", "Running"),
        (
            {"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]},
            "0/2",
            "ContainerCreating",
        ),
        (
            {"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"reason": "Error", "exitCode": 1}}}]},
            "0/2",
            "Error",
        ),
        ({"phase": "Failed", "reason": "Evicted"}, "0/2", "Evicted"),
        ({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 3}}}]}, "0/2", "ExitCode:3"),
        ({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"signal": 9}}}]}, "0/2", "Signal:9"),
        (
            {"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"running": {}}}]},
            "0/2",
            "Init:0/1",
        ),
        (
            {"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"terminated": {"exitCode": 2}}}]},
            "0/2",
            "Init:ExitCode:2",
        ),
        (
            {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "False"}],
                "containerStatuses": [{"state": {"terminated": {"reason": "Completed"}}}, RUNNING],
            },
            "1/2",
            "NotReady",
        ),
    ],
)
def test_a_pod_is_told_of_in_kubectls_words(status: dict[str, Any], ready: str, word: str) -> None:
    assert PODS.cells(pod(status), NOW)[1:3] == [ready, word]


def test_a_pod_that_is_being_deleted_is_terminating() -> None:
    status = {"phase": "Running", "containerStatuses": [RUNNING, RUNNING]}
    assert PODS.cells(pod(status, deletionTimestamp=CREATED), NOW)[2] == "Terminating"


def test_restarts_say_when_the_last_one_was() -> None:
    last = {"lastState": {"terminated": {"finishedAt": CREATED}}, "restartCount": 2}
    status = {"phase": "Running", "containerStatuses": [RUNNING | last, RUNNING]}
    assert PODS.cells(pod(status), NOW)[3:5] == ["2 (65s ago)", "65s"]


def test_a_service_shows_addresses_ports_and_selector() -> None:
    spec = {
        "type": "LoadBalancer",
        "clusterIP": "10.96.0.1",
        "clusterIPs": ["10.96.0.1"],
        "ports": [{"port": 80, "nodePort": 30001, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}],
        "selector": {"b": "2", "a": "1"},
    }
    value = {"metadata": {"name": "s", "creationTimestamp": CREATED}, "spec": spec}
    cells = builtin_columns(Resource("", "services")).cells(value, NOW)
    assert cells == ["s", "LoadBalancer", "10.96.0.1", "<pending>", "80:30001/TCP,53/UDP", "65s", "a=1,b=2"]


def test_a_selector_is_written_as_one_types_it() -> None:
    expressions = [
        {"key": "tier", "operator": "In", "values": ["b", "a"]},
        {"key": "old", "operator": "DoesNotExist"},
        {"key": "new", "operator": "Exists"},
    ]
    selector = {"matchLabels": {"app": "web"}, "matchExpressions": expressions}
    assert selector_text(selector) == "app=web,new,!old,tier in (a,b)"
    assert selector_text({}) == "<none>"


def test_the_columns_of_a_crd_are_found_by_jsonpath() -> None:
    value = {
        "metadata": {"name": "x", "creationTimestamp": CREATED, "annotations": {"a.b/c": "noted"}},
        "spec": {"replicas": 3, "hosts": ["a", "b"], "map": {"k": 1}},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    definitions = [
        {"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas"},
        {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
        {"name": "Hosts", "type": "string", "jsonPath": ".spec.hosts[*]"},
        {"name": "Map", "type": "string", "jsonPath": ".spec.map"},
        {"name": "None", "type": "string", "jsonPath": ".spec.none"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]
    assert custom_columns(definitions).cells(value, NOW) == ["x", 3, "True", "a,b", '{"k":1}', None, "65s"]
    assert find_path(value, r".metadata.annotations.a\.b/c") == ["noted"]


def test_every_row_has_as_many_cells_as_there_are_columns() -> None:
    value = {"kind": "Any", "metadata": {"name": "x", "creationTimestamp": CREATED}}
    for group, plural in (
        *(("", each) for each in ("pods", "services", "endpoints", "namespaces", "nodes", "events", "configmaps")),
        *(("apps", each) for each in ("deployments", "replicasets", "statefulsets", "daemonsets", "none")),
        *(("batch", each) for each in ("jobs", "cronjobs")),
        *(("networking.k8s.io", each) for each in ("ingresses", "ingressclasses", "networkpolicies")),
        *(("rbac.authorization.k8s.io", each) for each in ("rolebindings", "roles")),
        *(("autoscaling", "horizontalpodautoscalers"), ("policy", "poddisruptionbudgets")),
        *(("discovery.k8s.io", "endpointslices"), ("coordination.k8s.io", "leases")),
        *(("scheduling.k8s.io", "priorityclasses"), ("", "secrets"), ("", "serviceaccounts")),
    ):
        columns = builtin_columns(Resource(group, plural))
        assert len(columns.cells(value, NOW)) == len(columns.columns), plural


def test_a_claim_shows_what_it_is_bound_to() -> None:
    spec = {"volumeName": "pvc-1", "volumeMode": "Filesystem", "storageClassName": "fast"}
    status = {"phase": "Bound", "accessModes": ["ReadWriteMany", "ReadWriteOnce"], "capacity": {"storage": "1Gi"}}
    claim = {"metadata": {"name": "data", "creationTimestamp": CREATED}, "spec": spec, "status": status}
    columns = builtin_columns(Resource("", "persistentvolumeclaims"))
    shown = ["data", "Bound", "pvc-1", "1Gi", "RWO,RWX", "fast", "<unset>", "65s", "Filesystem"]
    assert columns.cells(claim, NOW) == shown
