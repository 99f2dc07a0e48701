"""Field ownership: FieldsV1, updates, and server-side apply with its conflicts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.lab.apiserver.merge_types import of_builtin, of_custom_resource
from podfence.lab.apiserver.ownership.apply import apply_configuration
from podfence.lab.apiserver.ownership.managers import Manager, Owned, read_managers, write_managers
from podfence.lab.apiserver.ownership.paths import fields_v1, paths_of, shown_path
from podfence.lab.apiserver.ownership.updates import managed_after_update
from podfence.lab.apiserver.status import StatusError
from podfence.manifests.validation.schema import Schema

DEPLOYMENT = of_builtin("apps/v1", "Deployment")
SERVICE = of_builtin("v1", "Service")
ALICE, BOB = Manager("alice", "Apply", "apps/v1"), Manager("bob", "Apply", "apps/v1")
NOW = "2026-01-01T00:00:00Z"


def deployment(replicas: int | None = None, image: str = "", **labels: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "d"} | ({"labels": labels} if labels else {})
    spec: dict[str, Any] = {} if replicas is None else {"replicas": replicas}
    if image:
        spec["template"] = {"spec": {"containers": [{"name": "c", "image": image}]}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


elements = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'v:"y"'])


@given(st.frozensets(st.lists(elements, min_size=1, max_size=4).map(tuple), max_size=8))
def test_paths_survive_their_written_form(paths: frozenset[tuple[str, ...]]) -> None:
    assert paths_of(fields_v1(paths)) == paths


def test_a_leaf_is_empty_and_a_parent_that_is_owned_itself_has_a_dot() -> None:
    written = fields_v1({("f:a",), ("f:b",), ("f:b", "f:c")})
    assert written == {"f:a": {}, "f:b": {".": {}, "f:c": {}}}


def test_a_path_is_shown_as_the_server_shows_it() -> None:
    path = ("f:spec", 'k:{"containerPort":80,"protocol":"TCP"}', "f:x", 'v:"y"')
    assert shown_path(path) == '.spec[containerPort=80,protocol="TCP"].x[="y"]'


def test_who_creates_owns_all_and_who_changes_takes_over() -> None:
    first = deployment(1, "nginx", app="d")
    creator = Manager("kubectl-create", "Update", "apps/v1")
    first["metadata"]["managedFields"] = managed_after_update(first, None, DEPLOYMENT, creator, NOW)
    second = deployment(3, "nginx", app="d")
    editor = Manager("kubectl-edit", "Update", "apps/v1")
    managers = read_managers(managed_after_update(second, first, DEPLOYMENT, editor, NOW))
    assert managers[editor].paths == {("f:spec", "f:replicas")}
    assert ("f:spec", "f:replicas") not in managers[creator].paths
    assert ("f:metadata", "f:labels", "f:app") in managers[creator].paths


def test_an_update_without_a_change_leaves_ownership_alone() -> None:
    value = deployment(1)
    manager = Manager("a", "Update", "apps/v1")
    value["metadata"]["managedFields"] = managed_after_update(value, None, DEPLOYMENT, manager, NOW)
    other = Manager("b", "Update", "apps/v1")
    assert managed_after_update(value, value, DEPLOYMENT, other, "later") == value["metadata"]["managedFields"]


def test_the_status_is_owned_through_its_subresource_alone() -> None:
    value = deployment(1) | {"status": {"replicas": 1}}
    manager = Manager("controller", "Update", "apps/v1", "status")
    managers = read_managers(managed_after_update(value, deployment(1), DEPLOYMENT, manager, NOW))
    assert managers[manager].paths == {("f:status", "f:replicas")}


def test_two_appliers_of_one_value_share_it() -> None:
    one = apply_configuration(deployment(), deployment(2), DEPLOYMENT, {}, ALICE, NOW, force=False)
    both = apply_configuration(one.value, deployment(2), DEPLOYMENT, one.managers, BOB, NOW, force=False)
    assert all(("f:spec", "f:replicas") in both.managers[each].paths for each in (ALICE, BOB))


def test_changing_the_value_of_another_applier_is_a_conflict_that_names_both() -> None:
    one = apply_configuration(deployment(), deployment(2, "nginx"), DEPLOYMENT, {}, ALICE, NOW, force=False)
    with pytest.raises(StatusError) as refused:
        apply_configuration(one.value, deployment(3), DEPLOYMENT, one.managers, BOB, NOW, force=False)
    assert refused.value.message == 'Apply failed with 1 conflict: conflict with "alice": .spec.replicas'
    with pytest.raises(StatusError) as refused:
        apply_configuration(one.value, deployment(3, "httpd"), DEPLOYMENT, one.managers, BOB, NOW, force=False)
    lines = refused.value.message.splitlines()
    assert lines[0] == 'Apply failed with 2 conflicts: conflicts with "alice":'
    assert lines[1:] == ["- .spec.replicas", '- .spec.template.spec.containers[name="c"].image']


def test_force_takes_the_field_away() -> None:
    one = apply_configuration(deployment(), deployment(2), DEPLOYMENT, {}, ALICE, NOW, force=False)
    forced = apply_configuration(one.value, deployment(3), DEPLOYMENT, one.managers, BOB, NOW, force=True)
    assert forced.value["spec"]["replicas"] == 3
    assert ALICE not in forced.managers


def test_what_an_applier_no_longer_names_goes_unless_another_owns_it() -> None:
    one = apply_configuration(deployment(), deployment(2, a="1", b="2"), DEPLOYMENT, {}, ALICE, NOW, force=False)
    two = apply_configuration(one.value, deployment(b="2"), DEPLOYMENT, one.managers, BOB, NOW, force=False)
    three = apply_configuration(two.value, deployment(), DEPLOYMENT, two.managers, ALICE, NOW, force=False)
    assert three.value["metadata"]["labels"] == {"b": "2"}
    assert "replicas" not in three.value["spec"]


def test_items_of_lists_go_by_their_keys_with_default_protocol() -> None:
    def service(*ports: dict[str, Any]) -> dict[str, Any]:
        return {"metadata": {"name": "s"}, "spec": {"ports": list(ports)}}

    live = service({"port": 80, "protocol": "TCP", "nodePort": 30000})
    applied = apply_configuration(
        live, service({"port": 80}, {"port": 53, "protocol": "UDP"}), SERVICE, {}, ALICE, NOW, force=False
    )
    assert applied.value["spec"]["ports"] == [
        {"port": 80, "protocol": "TCP", "nodePort": 30000},
        {"port": 53, "protocol": "UDP"},
    ]


def test_a_custom_resource_without_list_types_owns_lists_as_a_whole() -> None:
    schema = Schema("object", {"spec": Schema("object", {"items": Schema("array", items=Schema("string"))})})
    kind = of_custom_resource(schema)
    one = apply_configuration(
        {"metadata": {}}, {"metadata": {}, "spec": {"items": ["a"]}}, kind, {}, ALICE, NOW, force=False
    )
    assert one.managers[ALICE].paths == {("f:spec", "f:items")}


def test_entries_are_sorted_appliers_first_then_by_time() -> None:
    updater = Manager("u", "Update", "v1")
    managers = {updater: Owned(frozenset({("f:a",)}), "1"), ALICE: Owned(frozenset({("f:b",)}), "2")}
    written = write_managers(managers)
    assert [entry["manager"] for entry in written] == ["alice", "u"]
    assert read_managers(written) == managers
