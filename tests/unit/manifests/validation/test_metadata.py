"""Metadata: rows M01 to M21, D16, D17 of the checklist."""

# ruff: noqa: E501 (one case, one line)

from __future__ import annotations

import pytest

from podfence.manifests.validation.admission import Api, validate_update
from podfence.manifests.validation.metadata import MAX_ANNOTATIONS_BYTES, with_generated_name
from tests.unit.manifests.validation.answers import ask, ask_value, cluster_network_policy, network_policy, parse

CONTROLLER = "{apiVersion: apps/v1, kind: Deployment, name: web, uid: u, controller: true}"

CASES = [
    ("M01 name is required", "{}", ["Required metadata.name"]),
    ("M01 empty name is required", '{name: ""}', ["Required metadata.name"]),
    ("M01 generateName does instead", "{generateName: web-}", []),
    ("M02 dots are fine in a name", "{name: a.b-c.d1}", []),
    ("M03 name of 253 is valid", "{name: %s}" % ("a" * 253), []),
    ("M03 name of 254 is invalid", "{name: %s}" % ("a" * 254), ["Invalid metadata.name"]),
    ("M04 upper case is invalid", "{name: Web}", ["Invalid metadata.name"]),
    ("M04 underscore is invalid", "{name: a_b}", ["Invalid metadata.name"]),
    ("M04 leading dash is invalid", "{name: -a}", ["Invalid metadata.name"]),
    ("M04 trailing dot is invalid", "{name: a.}", ["Invalid metadata.name"]),
    ("M04 double dot is invalid", "{name: a..b}", ["Invalid metadata.name"]),
    ("M05 trailing dash is fine in generateName", "{generateName: np-}", []),
    ("M05 so are two", "{generateName: np--}", []),
    ("M05 upper case is not", "{generateName: Np-}", ["Invalid metadata.generateName", "Invalid metadata.name"]),
    ("M07 namespace without dots", "{name: a, namespace: a.b}", ["Invalid metadata.namespace"]),
    ("M07 namespace of 63", "{name: a, namespace: %s}" % ("a" * 63), []),
    ("M07 namespace of 64", "{name: a, namespace: %s}" % ("a" * 64), ["Invalid metadata.namespace"]),
    ("M12 empty label value", '{name: a, labels: {a: ""}}', []),
    ("M15 annotation key in upper case", "{name: a, annotations: {Example.COM/Key: x}}", []),
    ("M15 annotation key with a space", "{name: a, annotations: {a b: x}}", ["Invalid metadata.annotations"]),
    ("M17 owner needs everything", "{name: a, ownerReferences: [{}]}",
     [f"Invalid metadata.ownerReferences.{field}" for field in ("apiVersion", "kind", "name", "uid")]),
    ("M17 Event is no owner", "{name: a, ownerReferences: [{apiVersion: v1, kind: Event, name: e, uid: u}]}",
     ["Invalid metadata.ownerReferences"]),
    ("M17 two controllers", f"{{name: a, ownerReferences: [{CONTROLLER}, {CONTROLLER.replace('web', 'api')}]}}",
     ["Invalid metadata.ownerReferences"]),
    ("M18 bare finalizer", "{name: a, finalizers: [cleanup]}", ["Invalid metadata.finalizers[0]"]),
    ("M18 qualified finalizer", "{name: a, finalizers: [example.com/cleanup]}", []),
    ("M18 standard finalizer", "{name: a, finalizers: [kubernetes]}", []),
    ("M18 both propagation finalizers", "{name: a, finalizers: [orphan, foregroundDeletion]}", ["Invalid metadata.finalizers"]),
    ("M18 finalizer that is no name", "{name: a, finalizers: [a/b c]}", ["Invalid metadata.finalizers"]),
    ("M19 label faults stand at the map", "{name: a, labels: {-a: -b}}", ["Invalid metadata.labels", "Invalid metadata.labels"]),
    ("D16 generation is ignored, even below zero", "{name: a, generation: -1}", []),
    ("M20 uid and creationTimestamp of a manifest are ignored", '{name: a, uid: x, creationTimestamp: "2020-01-01T00:00:00Z"}', []),
    ("M21 resourceVersion on create is accepted", '{name: a, resourceVersion: "5"}', []),
]  # fmt: skip


@pytest.mark.parametrize(("metadata", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_metadata_is_judged_as_the_server_does(metadata: str, expected: list[str]) -> None:
    assert ask(network_policy("{podSelector: {}}", metadata)).faults == expected


def test_M06_a_generated_name_is_the_base_cut_to_58_and_five_more() -> None:
    assert with_generated_name({"generateName": "a" * 80})["name"] == "a" * 58 + "xxxxx"
    assert with_generated_name({"generateName": "a-", "name": "own"})["name"] == "own"


def test_M07_a_namespace_with_dots_is_told_so() -> None:
    answer = ask(network_policy("{}", "{name: a, namespace: a.b}"))
    assert answer.messages == ['Invalid value: "a.b": must not contain dots']


def test_M16_annotations_above_256_kib_are_too_long() -> None:
    value = parse(network_policy("{podSelector: {}}"))
    value["metadata"] = {"name": "a", "annotations": {"k": "x" * (MAX_ANNOTATIONS_BYTES - 1)}}
    assert ask_value(value).code == 201
    value["metadata"] = {"name": "a", "annotations": {"k": "x" * MAX_ANNOTATIONS_BYTES}}
    assert ask_value(value).messages == ["Too long: may not be more than 262144 bytes"]


def test_D17_the_namespace_of_the_request_is_filled_in() -> None:
    assert ask(network_policy("{}")).stored["metadata"] == {"name": "web", "namespace": "default"}
    kept = ask(network_policy("{}", "{name: web, namespace: shop}")).stored["metadata"]
    assert kept["namespace"] == "shop"


def test_metadata_of_the_wrong_type_is_a_decoding_error() -> None:
    assert ask(network_policy("{}", "[]")).messages == [
        "json: cannot unmarshal array into Go struct field NetworkPolicy.metadata of type v1.ObjectMeta"
    ]
    assert ask(network_policy("{}", "{name: 5}")).faults == ["WrongType metadata.name"]


def test_a_field_that_metadata_does_not_have_is_unknown() -> None:
    answer = ask(network_policy("{}", "{name: a, clusterName: c, selfLink: /x}"))
    assert answer.messages == ['unknown field "metadata.clusterName"']


def test_an_unqualified_finalizer_of_a_custom_resource_draws_a_warning() -> None:
    answer = ask(
        cluster_network_policy(metadata="{name: a, finalizers: [cleanup, a.b, orphan]}"), Api.CLUSTER_NETWORK_POLICY
    )
    assert (answer.code, len(answer.warnings)) == (201, 2)


UPDATES = [
    ("M20 name", {"name": "b"}, {"metadata.name"}),
    ("M20 namespace", {"name": "a", "namespace": "n"}, {"metadata.namespace"}),
    ("M20 uid", {"name": "a", "uid": "other"}, {"metadata.uid"}),
    ("M21 no resourceVersion is fine", {"name": "a"}, set()),
    ("M21 labels may change", {"name": "a", "labels": {"a": "b"}}, set()),
    ("M19 but not to bad ones", {"name": "a", "labels": {"a": "-"}}, {"metadata.labels"}),
    ("M18 finalizers are still judged", {"name": "a", "finalizers": ["x"]}, {"metadata.finalizers[0]"}),
]  # fmt: skip


@pytest.mark.parametrize(("new", "expected"), [case[1:] for case in UPDATES], ids=[case[0] for case in UPDATES])
def test_an_update_may_not_change_identity(new: dict[str, object], expected: set[str]) -> None:
    old = {"metadata": {"name": "a", "namespace": "default", "uid": "u"}, "spec": {}}
    causes = validate_update(Api.NETWORK_POLICY, {"metadata": {"namespace": "default"} | new, "spec": {}}, old)
    assert {cause.field for cause in causes} == expected


def test_M21_a_custom_resource_must_name_its_resource_version_on_update() -> None:
    value = parse(cluster_network_policy())
    fields = {cause.field for cause in validate_update(Api.CLUSTER_NETWORK_POLICY, value, value)}
    assert fields == {"metadata.resourceVersion"}


def test_no_finalizer_can_be_added_to_an_object_that_is_being_deleted() -> None:
    old = {"metadata": {"name": "a", "deletionTimestamp": "2020-01-01T00:00:00Z"}, "spec": {}}
    new = {"metadata": {"name": "a", "deletionTimestamp": "2020-01-01T00:00:00Z", "finalizers": ["orphan"]}, "spec": {}}
    assert {cause.reason.value for cause in validate_update(Api.NETWORK_POLICY, new, old)} == {"FieldValueForbidden"}
