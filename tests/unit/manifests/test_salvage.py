"""What is left of an object with wrong types, and the names of the fields that had them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.manifests import wire
from podfence.manifests.convert.fields import FieldProblem
from podfence.manifests.salvage import salvage

KINDS = [
    *(wire.Object, wire.Pod, wire.Deployment, wire.Replicated, wire.Job, wire.CronJob),
    *(wire.Node, wire.Service, wire.EndpointSlice),
]


def salvaged(value: object, wanted: type[Any]) -> tuple[Any, list[FieldProblem]]:
    problems: list[FieldProblem] = []
    return salvage(value, wanted, problems), problems


def test_each_wrong_field_is_named_and_the_others_are_read() -> None:
    value = {
        "metadata": {"name": 7, "namespace": "shop", "labels": {"app": "web", "version": 1, "none": None}},
        "spec": {
            "nodeName": "n1",
            "hostNetwork": "yes",
            "containers": [{"ports": [{"name": "http", "containerPort": "80"}, "x", None]}, 3],
        },
        "status": [],
    }
    pod, problems = salvaged(value, wire.Pod)
    assert pod == wire.Pod(
        metadata=wire.ObjectMeta(namespace="shop", labels={"app": "web", "none": None}),
        spec=wire.PodSpec(
            node_name="n1",
            containers=[wire.Container(ports=[wire.ContainerPort(name="http"), None, None]), None],
        ),
    )
    assert problems == [
        FieldProblem("metadata.name", "expected a string, found a number"),
        FieldProblem("metadata.labels.version", "expected a string, found a number"),
        FieldProblem("spec.containers[0].ports[0].containerPort", "expected a whole number, found a string"),
        FieldProblem("spec.containers[0].ports[1]", "expected a mapping, found a string"),
        FieldProblem("spec.containers[1]", "expected a mapping, found a number"),
        FieldProblem("spec.hostNetwork", "expected true or false, found a string"),
        FieldProblem("status", "expected a mapping, found a list"),
    ]


@pytest.mark.parametrize("target", [80, "http"])
def test_a_field_of_two_types_takes_both(target: object) -> None:
    service, problems = salvaged({"spec": {"ports": [{"targetPort": target}]}}, wire.Service)
    assert service.spec.ports[0].target_port == target
    assert problems == []


def test_a_field_of_two_types_refuses_a_third() -> None:
    _, problems = salvaged({"spec": {"ports": [{"targetPort": True}]}}, wire.Service)
    assert problems == [
        FieldProblem("spec.ports[0].targetPort", "expected a whole number or a string, found a boolean")
    ]


def names(kind: type[Any]) -> set[str]:
    """List every field name that a wire struct may read, however deep."""
    found: set[str] = set()
    waiting: list[Any] = [msgspec.inspect.type_info(kind)]
    while waiting:
        match waiting.pop():
            case msgspec.inspect.StructType(fields=fields):
                found |= {field.encode_name for field in fields}
                waiting += [field.type for field in fields]
            case msgspec.inspect.UnionType(types=types):
                waiting += types
            case msgspec.inspect.ListType(item_type=item):
                waiting.append(item)
            case msgspec.inspect.DictType(value_type=item):
                waiting.append(item)
    return found


@given(data=st.data(), kind=st.sampled_from(KINDS))
def test_salvage_reads_like_msgspec_and_finds_fault_exactly_where_msgspec_does(
    data: st.DataObject, kind: type[Any]
) -> None:
    fields = st.sampled_from(sorted(names(kind)))
    # A whole float is an integer to msgspec; Go refuses it, and so does salvage.
    scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.just(0.5) | st.text(max_size=3)
    tree = st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(fields, inner, max_size=4), max_leaves=12
    )
    value = data.draw(st.dictionaries(st.sampled_from(["metadata", "spec", "status", "ports"]), tree))
    found, problems = salvaged(value, kind)
    try:
        expected = msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError:
        assert problems
    else:
        assert problems == []
        assert found == expected


def test_a_whole_number_that_json_writes_with_a_point_is_whole() -> None:
    read, problems = salvaged({"spec": {"ports": [{"port": 80.0}, {"port": 80.5}]}}, wire.Service)
    assert [port.port for port in read.spec.ports] == [80, None]
    assert [problem.path for problem in problems] == ["spec.ports[1].port"]
