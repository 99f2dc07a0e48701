"""Pods: the parts of them that decide a connection."""

from __future__ import annotations

import ipaddress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.manifests import wire
from podfence.manifests.convert.fields import FieldProblem
from podfence.manifests.convert.pods import PodRecord, pod_record, read_addresses
from podfence.manifests.convert.sharing import Owner, Shared
from podfence.model.net import Protocol, parse_address
from podfence.model.objects import NamedPort
from tests.unit.manifests.texts import loaded


def convert(pod: dict[str, Any], shared: Shared | None = None) -> tuple[PodRecord, list[str]]:
    problems: list[FieldProblem] = []
    read = msgspec.convert(pod, wire.Pod)
    return pod_record(read, "a.yaml", shared or Shared(), problems), [problem.path for problem in problems]


def ports(*written: dict[str, Any] | None, **container: object) -> dict[str, Any]:
    return {"ports": list(written), **container}


def test_a_pod_of_a_live_cluster() -> None:
    record, problems = convert(
        {
            "metadata": {
                "labels": {"tier": "b", "app": "web"},
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "ConfigMap", "name": "x"},
                    {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "controller": True},
                ],
            },
            "spec": {"nodeName": "n1", "containers": [ports({"name": "http", "containerPort": 8080})]},
            "status": {"phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]},
        }
    )
    assert problems == []
    assert record == PodRecord(
        labels=(("app", "web"), ("tier", "b")),
        named_ports=(NamedPort("http", Protocol.TCP, 8080),),
        addresses=(parse_address("10.0.0.1"), parse_address("fd00::1")),
        node="n1",
        host_network=False,
        owner=Owner("apps", "ReplicaSet", "web-1"),
        running=True,
        ended=False,
        file="a.yaml",
    )


@pytest.mark.parametrize("pod", [{}, {"metadata": None, "spec": None, "status": None}, {"spec": {"containers": None}}])
def test_S65_a_pod_that_tells_nothing_is_still_a_pod(pod: dict[str, Any]) -> None:
    record, problems = convert(pod)
    assert (record.labels, record.addresses, record.ended, problems) == ((), (), False, [])


def test_N11_restartable_init_containers_declare_ports_and_others_do_not() -> None:
    spec = {
        "containers": [None, ports({"name": "a", "containerPort": 1}), ports(None, {"containerPort": 2})],
        "initContainers": [
            ports({"name": "b", "containerPort": 3}, restartPolicy="Always"),
            ports({"name": "c", "containerPort": 4}),
            ports({"name": "d", "containerPort": 5}, restartPolicy="Never"),
        ],
    }
    record, problems = convert({"spec": spec})
    assert [port.name for port in record.named_ports] == ["a", "b"]
    assert problems == []


def test_N12_ephemeral_containers_declare_no_ports() -> None:
    spec = {"ephemeralContainers": [ports({"name": "a", "containerPort": 1})]}
    assert convert({"spec": spec})[0].named_ports == ()


def test_N18_a_container_port_is_tcp_unless_it_says_otherwise() -> None:
    declared = ports({"name": "a", "containerPort": 1}, {"name": "b", "containerPort": 2, "protocol": "UDP"})
    record, _ = convert({"spec": {"containers": [declared]}})
    assert [port.protocol for port in record.named_ports] == [Protocol.TCP, Protocol.UDP]


def test_container_ports_that_make_no_sense_are_left_out_and_named_for_every_pod() -> None:
    written: list[dict[str, Any]] = [
        {"name": "a", "containerPort": 0},
        {"name": "b", "containerPort": 80, "protocol": "tcp"},
        {"name": "c"},
        {"name": "d", "containerPort": 80},
    ]
    shared = Shared()
    for _ in range(2):
        record, problems = convert({"spec": {"containers": [{}, ports(*written)]}}, shared)
        assert [port.name for port in record.named_ports] == ["d"]
        assert problems == [
            "spec.containers[1].ports[0].containerPort",
            "spec.containers[1].ports[1].protocol",
            "spec.containers[1].ports[2].containerPort",
        ]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param({"podIP": "10.0.0.1"}, ["10.0.0.1"], id="S64 podIP alone"),
        pytest.param({"podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]}, ["10.0.0.1", "fd00::1"], id="S64 both"),
        pytest.param({"podIP": "", "podIPs": []}, [], id="S65 none yet"),
        pytest.param(
            {"podIPs": [None, {}, {"ip": "10.0.0.1"}, {"ip": "10.0.0.1"}]}, ["10.0.0.1"], id="junk and repeats"
        ),
    ],
)
def test_addresses_of_a_pod(status: dict[str, Any], expected: list[str]) -> None:
    record, problems = convert({"status": status})
    assert record.addresses == tuple(map(parse_address, expected))
    assert problems == []


def test_an_address_that_is_none_is_a_problem_and_the_others_stay() -> None:
    record, problems = convert({"status": {"podIPs": [{"ip": "10.0.0.256"}, {"ip": "10.0.0.1"}]}})
    assert record.addresses == (parse_address("10.0.0.1"),)
    assert problems == ["status.podIPs"]


@pytest.mark.parametrize(("phase", "ended"), [("Succeeded", True), ("Failed", True), ("Pending", False), (None, False)])
def test_S62_pods_that_have_ended_are_marked(phase: str | None, ended: bool) -> None:  # noqa: FBT001
    assert convert({"status": {"phase": phase}})[0].ended is ended


def test_equal_labels_and_ports_are_one_object() -> None:
    shared = Shared()
    pod = {
        "metadata": {"labels": {"b": "1", "a": None}},
        "spec": {"containers": [ports({"name": "a", "containerPort": 1})]},
    }
    other = {**pod, "metadata": {"labels": {"a": "", "b": "1"}}}
    (first, _), (second, _) = convert(pod, shared), convert(other, shared)
    assert first.labels is second.labels
    assert first.labels == (("a", ""), ("b", "1"))
    assert first.named_ports is second.named_ports


octets = st.sampled_from(["0", "1", "01", "10", "255", "256", "", " 1", "1_0", "+1", "a", "٣"])


@given(st.lists(octets, min_size=3, max_size=5).map(".".join))
def test_dotted_addresses_are_read_exactly_as_ipaddress_reads_them(text: str) -> None:
    problems: list[FieldProblem] = []
    found = read_addresses([text], "ip", problems)
    try:
        assert found == (int(ipaddress.ip_address(text)),)
        assert problems == []
    except ValueError:
        assert found == ()
        assert len(problems) == 1


def test_a_container_port_that_is_missing_or_no_number_is_said_once() -> None:
    read = loaded(
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: a}
        spec: {containers: [{ports: [{name: a}, {name: b, containerPort: [80]}, {name: c, containerPort: 0}]}]}
        """
    )
    path = "spec.containers[0].ports"
    assert [(problem.path, problem.message) for problem in read.problems] == [
        (f"{path}[1].containerPort", "expected a whole number, found a list"),
        (f"{path}[0].containerPort", "a port number is required"),
        (f"{path}[2].containerPort", "0 is not a port: 1 to 65535"),
    ]
