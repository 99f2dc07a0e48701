"""The three patch formats against the examples of their specifications and of Kubernetes' own documentation."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from podfence.lab.apiserver.merge_types import of_builtin
from podfence.lab.apiserver.patches.json_patch import PatchError, apply_json_patch
from podfence.lab.apiserver.patches.merge_patch import apply_merge_patch
from podfence.lab.apiserver.patches.patch import go_text
from podfence.lab.apiserver.patches.strategic import apply_strategic_patch

POD = of_builtin("v1", "Pod")
DEPLOYMENT = of_builtin("apps/v1", "Deployment")
SERVICE = of_builtin("v1", "Service")


# RFC 6902, appendix A


@pytest.mark.parametrize(
    ("value", "operation", "expected"),
    [
        ({"foo": "bar"}, {"op": "add", "path": "/baz", "value": "qux"}, {"foo": "bar", "baz": "qux"}),
        ({"foo": ["a", "c"]}, {"op": "add", "path": "/foo/1", "value": "b"}, {"foo": ["a", "b", "c"]}),
        ({"foo": ["a"]}, {"op": "add", "path": "/foo/-", "value": ["b"]}, {"foo": ["a", ["b"]]}),
        ({"baz": "q", "foo": "bar"}, {"op": "remove", "path": "/baz"}, {"foo": "bar"}),
        ({"foo": ["a", "b"]}, {"op": "remove", "path": "/foo/0"}, {"foo": ["b"]}),
        ({"baz": "q"}, {"op": "replace", "path": "/baz", "value": "boo"}, {"baz": "boo"}),
        ({"a": {"b": 1}, "c": {}}, {"op": "move", "from": "/a/b", "path": "/c/d"}, {"a": {}, "c": {"d": 1}}),
        ({"a": [1]}, {"op": "copy", "from": "/a", "path": "/b"}, {"a": [1], "b": [1]}),
        ({"a/b": 1, "m~n": 2}, {"op": "test", "path": "/a~1b", "value": 1}, {"a/b": 1, "m~n": 2}),
        ({"m~n": 2}, {"op": "replace", "path": "/m~0n", "value": 3}, {"m~n": 3}),
    ],
)
def test_a_json_patch_operation_does_what_the_rfc_says(
    value: dict[str, Any], operation: dict[str, Any], expected: dict[str, Any]
) -> None:
    before = copy.deepcopy(value)
    assert apply_json_patch(value, [operation]) == expected
    assert value == before


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/none"},
        {"op": "replace", "path": "/none", "value": 1},
        {"op": "add", "path": "/none/deeper", "value": 1},
        {"op": "test", "path": "/a", "value": 2},
        {"op": "add", "path": "/list/7", "value": 1},
        {"op": "bake", "path": "/a"},
        {"op": "add"},
    ],
)
def test_a_json_patch_that_does_not_fit_is_refused_as_a_whole(operation: dict[str, Any]) -> None:
    with pytest.raises(PatchError):
        apply_json_patch({"a": 1, "list": [1]}, [operation])


# RFC 7386, section 3


def test_a_merge_patch_merges_objects_and_removes_by_null() -> None:
    value = {"title": "Goodbye!", "author": {"given": "John", "family": "Doe"}, "tags": ["a", "b"], "content": "x"}
    patch = {"title": "Hello!", "phone": "+01", "author": {"family": None}, "tags": ["c"], "new": {"a": None}}
    expected = {"title": "Hello!", "author": {"given": "John"}, "tags": ["c"], "content": "x", "phone": "+01"}
    assert apply_merge_patch(value, patch) == expected | {"new": {}}


# Strategic merge patch


def deployment(*containers: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": list(containers)}}}}


def test_containers_are_merged_by_name() -> None:
    value = deployment({"name": "a", "image": "one"}, {"name": "b", "image": "two"})
    patch = deployment({"name": "b", "image": "three"}, {"name": "c", "image": "four"})
    containers = apply_strategic_patch(value, patch, DEPLOYMENT)["spec"]["template"]["spec"]["containers"]
    assert [(each["name"], each["image"]) for each in containers] == [("a", "one"), ("b", "three"), ("c", "four")]


def test_tolerations_have_no_key_and_are_replaced() -> None:
    patched = apply_strategic_patch({"spec": {"tolerations": [{"key": "a"}]}}, {"spec": {"tolerations": []}}, POD)
    assert patched == {"spec": {"tolerations": []}}


def test_an_item_is_deleted_and_a_list_replaced_by_directive() -> None:
    value = deployment({"name": "a"}, {"name": "b"})
    gone = apply_strategic_patch(value, deployment({"name": "a", "$patch": "delete"}), DEPLOYMENT)
    assert gone == deployment({"name": "b"})
    new = apply_strategic_patch(value, deployment({"name": "c"}, {"$patch": "replace"}), DEPLOYMENT)
    assert new == deployment({"name": "c"})


def test_retain_keys_drops_what_is_not_named() -> None:
    value = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert apply_strategic_patch(value, patch, DEPLOYMENT) == {"spec": {"strategy": {"type": "Recreate"}}}


def test_finalizers_are_added_and_deleted_one_by_one() -> None:
    value = {"metadata": {"finalizers": ["a/x", "a/y"]}}
    added = apply_strategic_patch(value, {"metadata": {"finalizers": ["a/z"]}}, POD)
    assert added == {"metadata": {"finalizers": ["a/z", "a/x", "a/y"]}}
    deleted = apply_strategic_patch(value, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/x"]}}, POD)
    assert deleted == {"metadata": {"finalizers": ["a/y"]}}


def test_the_order_that_apply_asks_for_is_kept() -> None:
    value = {"spec": {"ports": [{"port": 1}, {"port": 2}]}}
    patch = {"spec": {"$setElementOrder/ports": [{"port": 3}, {"port": 1}], "ports": [{"port": 3}]}}
    ports = apply_strategic_patch(value, patch, SERVICE)["spec"]["ports"]
    assert [each["port"] for each in ports if each["port"] != 2] == [3, 1]


def test_an_item_without_its_key_is_refused() -> None:
    with pytest.raises(PatchError, match="does not contain declared merge key: name"):
        apply_strategic_patch(deployment({"name": "a"}), deployment({"image": "x"}), DEPLOYMENT)


def test_a_patch_is_shown_as_go_shows_a_map() -> None:
    shown = go_text({"spec": {"b": [1, True, None], "a": "x"}})
    assert shown == "map[spec:map[a:x b:[1 true <nil>]]]"
