"""Requests for objects, and what a real server answers to them: codes, reasons, messages, warnings."""

from __future__ import annotations

from typing import Any

import pytest

from podfence.lab.apiserver import storage as storage_module
from tests.protocol.apiserver.asking import TABLE, Asking

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


def config_map(name: str = "a", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def deployment(name: str = "d") -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


@pytest.fixture
def lab() -> Asking:
    return Asking()


# Create, read, replace, delete


def test_an_object_is_created_read_and_deleted(lab: Asking) -> None:
    created = lab.ask("POST", CONFIG_MAPS, config_map(k="v"), agent="kubectl/v1.32.0 (linux/amd64)")
    assert created.code == 201
    assert created.value["metadata"]["managedFields"][0]["manager"] == "kubectl"
    assert lab.ask("GET", f"{CONFIG_MAPS}/a").value == created.value
    deleted = lab.ask("DELETE", f"{CONFIG_MAPS}/a").value
    uid = created.value["metadata"]["uid"]
    assert (deleted["status"], deleted["details"]) == ("Success", {"name": "a", "kind": "configmaps", "uid": uid})
    missing = lab.ask("GET", f"{CONFIG_MAPS}/a")
    assert missing.value == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'configmaps "a" not found',
        "reason": "NotFound",
        "details": {"name": "a", "kind": "configmaps"},
        "code": 404,
    }


@pytest.mark.parametrize(
    ("method", "path", "code", "message"),
    [
        ("GET", "/api/v1/none", 404, "the server could not find the requested resource"),
        ("GET", "/apis/apps/v9/deployments", 404, "the server could not find the requested resource"),
        ("POST", PODS + "/p", 405, "the server does not allow this method on the requested resource"),
        ("POST", "/api/v1/pods", 405, "the server does not allow this method on the requested resource"),
        ("PUT", "/api/v1/namespaces", 405, "the server does not allow this method on the requested resource"),
    ],
)
def test_what_is_not_served_is_refused(lab: Asking, method: str, path: str, code: int, message: str) -> None:
    answer = lab.ask(method, path, config_map() if method != "GET" else None)
    assert (answer.code, answer.value["message"]) == (code, message)


def test_a_path_of_nobody_is_a_plain_page(lab: Asking) -> None:
    for path in ("/apis/none.io/v1/things", "/none"):
        answer = lab.ask("GET", path)
        assert (answer.code, answer.text) == (404, "404 page not found\n")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (config_map() | {"metadata": {"name": "a", "namespace": "x"}}, "the namespace of the provided object does not"),
        (config_map() | {"apiVersion": "v2"}, "the API version in the data (v2) does not match the expected API vers"),
        (config_map() | {"data": {"k": 1}}, 'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot'),
        (b"{", "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json pars"),
        (b"[]", "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type"),
    ],
)
def test_a_body_that_does_not_belong_here_is_a_bad_request(lab: Asking, body: object, message: str) -> None:
    answer = lab.ask("POST", CONFIG_MAPS, body)
    assert (answer.code, answer.value["reason"]) == (400, "BadRequest")
    assert answer.value["message"].startswith(message)


def test_a_body_of_unknown_form_is_refused(lab: Asking) -> None:
    answer = lab.ask("POST", CONFIG_MAPS, b"<a/>", form="application/xml")
    assert (answer.code, answer.value["reason"]) == (415, "UnsupportedMediaType")


def test_unknown_fields_are_refused_warned_of_or_dropped(lab: Asking) -> None:
    body = config_map() | {"dat": {}}
    strict = lab.ask("POST", f"{CONFIG_MAPS}?fieldValidation=Strict", body)
    start = 'ConfigMap in version "v1" cannot be handled as a ConfigMap: '
    assert (strict.code, strict.value["message"]) == (400, f'{start}strict decoding error: unknown field "dat"')
    warned = lab.ask("POST", f"{CONFIG_MAPS}?dryRun=All", body)
    assert (warned.code, warned.warnings) == (201, ('299 - "unknown field \\"dat\\""',))
    ignored = lab.ask("POST", f"{CONFIG_MAPS}?fieldValidation=Ignore", body)
    assert (ignored.code, ignored.warnings) == (201, ())
    assert "dat" not in ignored.value


def test_an_invalid_object_is_refused_with_its_causes(lab: Asking) -> None:
    answer = lab.ask("POST", CONFIG_MAPS, config_map("A_"))
    status = answer.value
    assert (answer.code, status["reason"]) == (422, "Invalid")
    assert status["message"].startswith(
        'ConfigMap "A_" is invalid: metadata.name: Invalid value: "A_": a lowercase RFC'
    )
    assert [cause["field"] for cause in status["details"]["causes"]] == ["metadata.name"]


def test_a_dry_run_changes_nothing(lab: Asking) -> None:
    lab.ask("POST", CONFIG_MAPS, config_map(k="1"))
    before = lab.ask("GET", CONFIG_MAPS).text
    assert lab.ask("POST", f"{CONFIG_MAPS}?dryRun=All", config_map("b")).code == 201
    assert lab.ask("PUT", f"{CONFIG_MAPS}/a?dryRun=All", config_map(k="2")).value["data"] == {"k": "2"}
    merge = "application/merge-patch+json"
    assert lab.ask("PATCH", f"{CONFIG_MAPS}/a?dryRun=All", {"data": {"k": "3"}}, form=merge).code == 200
    assert lab.ask("DELETE", f"{CONFIG_MAPS}/a?dryRun=All").code == 200
    assert lab.ask("GET", CONFIG_MAPS).text == before
    assert lab.ask("POST", f"{CONFIG_MAPS}?dryRun=Some", config_map("b")).code == 422


# Patches


def test_an_object_whose_empty_lists_are_stored_as_null_is_patched_like_any_other(lab: Asking) -> None:
    path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    slice_: dict[str, object] = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4"}
    made = lab.ask("POST", path, slice_ | {"metadata": {"name": "a"}, "endpoints": [{"addresses": ["10.1.2.3"]}]}).value
    assert made["ports"] is None
    patch = {"metadata": {"labels": {"a": "b"}}}
    answer = lab.ask("PATCH", f"{path}/a", patch, form="application/merge-patch+json")
    assert (answer.code, answer.value["metadata"]["labels"]) == (200, {"a": "b"})
    answer = lab.ask("PUT", f"{path}/a", answer.value)
    assert (answer.code, answer.value["endpoints"]) == (200, made["endpoints"])


def test_a_strategic_patch_that_makes_no_object_is_shown_as_go_shows_it(lab: Asking) -> None:
    lab.ask("POST", DEPLOYMENTS, deployment())
    form = "application/strategic-merge-patch+json"
    path = f"{DEPLOYMENTS}/d?fieldValidation=Strict"
    status = lab.ask("PATCH", path, {"spec": {"replicass": 2}}, form=form).value
    why = 'Invalid value: "map[spec:map[replicass:2]]": strict decoding error: unknown field "spec.replicass"'
    assert (status["code"], status["message"]) == (422, f' "" is invalid: patch: {why}')


def test_a_json_patch_that_does_not_fit_is_said_to_be_unprocessable(lab: Asking) -> None:
    lab.ask("POST", CONFIG_MAPS, config_map())
    patch = [{"op": "remove", "path": "/data/none"}]
    status = lab.ask("PATCH", f"{CONFIG_MAPS}/a", patch, form="application/json-patch+json").value
    assert status["message"] == "the server rejected our request due to an error in our request"
    assert (status["code"], status["reason"]) == (422, "Invalid")
    assert "details" not in status


def test_custom_resources_know_no_strategic_patch(lab: Asking) -> None:
    path = "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies/x"
    answer = lab.ask("PATCH", path, {}, form="application/strategic-merge-patch+json")
    assert answer.code == 415
    assert answer.value["message"].endswith(
        "include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
    )


def test_a_patch_of_an_old_version_is_a_conflict(lab: Asking) -> None:
    lab.ask("POST", CONFIG_MAPS, config_map())
    patch = {"metadata": {"resourceVersion": "1"}, "data": {"k": "v"}}
    assert lab.ask("PATCH", f"{CONFIG_MAPS}/a", patch, form="application/merge-patch+json").code == 409


# Server-side apply


def applied(lab: Asking, manager: str, value: dict[str, Any], force: str = "") -> Any:  # noqa: ANN401 (any answer)
    path = f"{DEPLOYMENTS}/d?fieldManager={manager}{force}"
    return lab.ask("PATCH", path, value, form="application/apply-patch+yaml")


def test_apply_creates_then_changes_nothing_then_meets_others(lab: Asking) -> None:
    value = deployment()
    value["spec"]["replicas"] = 2
    first = applied(lab, "one", value)
    assert first.code == 201
    again = applied(lab, "one", value)
    assert (again.code, again.value) == (200, first.value)
    value["spec"]["replicas"] = 3
    refused = applied(lab, "two", value)
    assert refused.code == 409
    assert refused.value["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".spec.replicas"}
    ]
    assert applied(lab, "two", value, "&force=true").value["spec"]["replicas"] == 3


def test_apply_without_a_manager_or_with_an_unknown_field_is_refused(lab: Asking) -> None:
    nobody = lab.ask("PATCH", f"{DEPLOYMENTS}/d", deployment(), form="application/apply-patch+yaml")
    assert nobody.code == 422
    assert "fieldManager: Required value: is required for apply patch" in nobody.value["message"]
    value = deployment()
    value["spec"]["replicass"] = 2
    refused = applied(lab, "one", value)
    start = "failed to create typed patch object (default/d; apps/v1, Kind=Deployment)"
    assert (refused.code, refused.value["message"]) == (500, f"{start}: .spec.replicass: field not declared in schema")


# Lists


def names(value: dict[str, Any]) -> list[str]:
    return [item["metadata"]["name"] for item in value["items"]]


def test_a_list_comes_in_pages_of_one_moment(lab: Asking) -> None:
    for name in "abcde":
        lab.ask("POST", CONFIG_MAPS, config_map(name))
    first = lab.ask("GET", f"{CONFIG_MAPS}?limit=2").value
    assert (names(first), first["metadata"]["remainingItemCount"]) == (["a", "b"], 3)
    lab.ask("DELETE", f"{CONFIG_MAPS}/c")
    lab.ask("POST", CONFIG_MAPS, config_map("cc"))
    token = first["metadata"]["continue"]
    second = lab.ask("GET", f"{CONFIG_MAPS}?limit=2&continue={token}").value
    third = lab.ask("GET", f"{CONFIG_MAPS}?limit=2&continue={second['metadata']['continue']}").value
    assert names(second) + names(third) == ["c", "d", "e"]
    assert first["metadata"]["resourceVersion"] == third["metadata"]["resourceVersion"]
    assert "continue" not in third["metadata"]


def test_a_page_of_a_moment_that_is_forgotten_is_gone(lab: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_module, "HISTORY", 1)
    for name in "abc":
        lab.ask("POST", CONFIG_MAPS, config_map(name))
    token = lab.ask("GET", f"{CONFIG_MAPS}?limit=1").value["metadata"]["continue"]
    for name in "def":
        lab.ask("POST", CONFIG_MAPS, config_map(name))
    answer = lab.ask("GET", f"{CONFIG_MAPS}?limit=1&continue={token}")
    assert (answer.code, answer.value["reason"]) == (410, "Expired")
    assert lab.ask("GET", f"{CONFIG_MAPS}?continue=x").code == 400


def test_the_items_of_a_typed_list_do_not_say_their_kind(lab: Asking) -> None:
    lab.ask("POST", CONFIG_MAPS, config_map())
    listed = lab.ask("GET", CONFIG_MAPS).value
    assert (listed["kind"], listed["apiVersion"]) == ("ConfigMapList", "v1")
    assert "kind" not in listed["items"][0]


def test_versions_in_the_future_are_not_there_yet(lab: Asking) -> None:
    answer = lab.ask("GET", f"{CONFIG_MAPS}?resourceVersion=999999")
    assert (answer.code, answer.value["reason"]) == (504, "Timeout")
    assert lab.ask("GET", f"{CONFIG_MAPS}?resourceVersion=x").code == 400
    assert lab.ask("GET", f"{CONFIG_MAPS}?resourceVersionMatch=Exact").code == 400


def test_a_collection_is_deleted_by_label(lab: Asking) -> None:
    for name, label in (("a", "x"), ("b", "y"), ("c", "x")):
        body = config_map(name)
        body["metadata"]["labels"] = {"l": label}
        lab.ask("POST", CONFIG_MAPS, body)
    assert names(lab.ask("DELETE", f"{CONFIG_MAPS}?labelSelector=l%3Dx").value) == ["a", "c"]
    assert names(lab.ask("GET", CONFIG_MAPS).value) == ["b"]


def test_a_table_has_columns_and_rows_with_the_metadata(lab: Asking) -> None:
    lab.ask("POST", CONFIG_MAPS, config_map(k="v"))
    table = lab.ask("GET", CONFIG_MAPS, accept=TABLE).value
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Data", "Age"]
    (row,) = table["rows"]
    assert row["cells"][:2] == ["a", 1]
    assert row["object"]["kind"] == "PartialObjectMetadata"


# Subresources


def test_scale_reads_and_writes_the_replicas(lab: Asking) -> None:
    lab.ask("POST", DEPLOYMENTS, deployment())
    scale = lab.ask("GET", f"{DEPLOYMENTS}/d/scale").value
    assert (scale["kind"], scale["spec"], scale["status"]) == (
        "Scale",
        {"replicas": 1},
        {"replicas": 0, "selector": "app=d"},
    )
    merge = "application/merge-patch+json"
    scaled = lab.ask("PATCH", f"{DEPLOYMENTS}/d/scale", {"spec": {"replicas": 4}}, form=merge)
    assert (scaled.code, scaled.value["spec"]["replicas"]) == (200, 4)
    assert lab.ask("GET", f"{DEPLOYMENTS}/d").value["metadata"]["generation"] == 2
    negative = lab.ask("PATCH", f"{DEPLOYMENTS}/d/scale", {"spec": {"replicas": -1}}, form=merge)
    assert negative.code == 422


def pod(name: str = "p") -> dict[str, Any]:
    spec = {"containers": [{"name": "c", "image": "nginx"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def test_a_pod_is_bound_once_and_can_be_evicted(lab: Asking) -> None:
    lab.ask("POST", PODS, pod())
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": {"name": "node-1"}}
    assert lab.ask("POST", f"{PODS}/p/binding", binding).code == 201
    bound = lab.ask("GET", f"{PODS}/p").value
    assert bound["spec"]["nodeName"] == "node-1"
    assert [each["type"] for each in bound["status"]["conditions"]] == ["PodScheduled"]
    again = lab.ask("POST", f"{PODS}/p/binding", binding)
    assert (again.code, again.value["reason"]) == (409, "Conflict")
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}
    assert lab.ask("POST", f"{PODS}/p/eviction", eviction).code == 201
    assert "deletionTimestamp" in lab.ask("GET", f"{PODS}/p").value["metadata"]


def test_a_service_account_gets_a_token(lab: Asking) -> None:
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    lab.ask("POST", accounts, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}})
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    assert lab.ask("POST", f"{accounts}/robot/token", request).value["status"]["token"]


def test_streams_need_an_upgrade_and_logs_a_runtime(lab: Asking) -> None:
    lab.ask("POST", PODS, pod())
    assert lab.ask("POST", f"{PODS}/p/exec?command=sh").value["message"] == "Upgrade request required"
    assert (lab.ask("GET", f"{PODS}/p/log").code, lab.ask("GET", f"{PODS}/p/log").text) == (200, "")
    placed = pod("placed")
    placed["spec"]["nodeName"] = "node-1"
    lab.ask("POST", PODS, placed)
    assert lab.ask("GET", f"{PODS}/placed/log").code == 500


def test_everything_is_allowed(lab: Asking) -> None:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"verb": "create", "resource": "pods"}},
    }
    answer = lab.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    assert (answer.code, answer.value["status"]) == (201, {"allowed": True})
