"""The subresource ``ephemeralcontainers`` of pods: every refusal here was a real kube-apiserver's (1.36.3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.protocol.apiserver.asking import Answer, Asking

PODS = "/api/v1/namespaces/default/pods"
EPHEMERAL = f"{PODS}/p/ephemeralcontainers"
STRATEGIC = "application/strategic-merge-patch+json"
NOT_ALLOWED = "Forbidden: cannot be set for an Ephemeral Container"


@pytest.fixture
def lab() -> Asking:
    asking = Asking()
    assert asking.ask("POST", PODS, pod("p")).code == 201
    return asking


def pod(name: str, **spec: object) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "nginx"}], **spec}}


def with_one(name: str = "d", **fields: object) -> dict[str, Any]:
    return {"spec": {"ephemeralContainers": [{"name": name, "image": "busybox", **fields}]}}


def patched(lab: Asking, patch: dict[str, Any]) -> Answer:
    return lab.ask("PATCH", EPHEMERAL, patch, form=STRATEGIC)


def names(answer: Answer) -> list[str]:
    return [each["name"] for each in answer.value["spec"].get("ephemeralContainers") or ()]


def test_containers_are_added_and_the_pod_counts_the_change(lab: Asking) -> None:
    first = patched(lab, with_one(targetContainerName="c"))
    assert first.code == 200
    assert names(first) == ["d"]
    assert first.value["metadata"]["generation"] == 2
    added = first.value["spec"]["ephemeralContainers"][0]
    assert (added["imagePullPolicy"], added["terminationMessagePolicy"]) == ("Always", "File")
    # The server puts what a patch brings before what is there, where the patch does not say the order.
    assert names(patched(lab, with_one("e"))) == ["e", "d"]
    assert names(lab.ask("GET", EPHEMERAL)) == ["e", "d"]


def test_nothing_else_of_the_pod_changes(lab: Asking) -> None:
    before = lab.ask("GET", f"{PODS}/p").value
    change = {"metadata": {"labels": {"a": "b"}}, "spec": {"hostNetwork": True, "activeDeadlineSeconds": 5}}
    assert patched(lab, change).code == 200
    assert lab.ask("GET", f"{PODS}/p").value == before
    one = {**with_one()["spec"], "activeDeadlineSeconds": 5}
    assert "activeDeadlineSeconds" not in patched(lab, {"spec": one}).value["spec"]


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"name": "c"}, "name", 'Duplicate value: "c"'),
        ({"image": ""}, "image", "Required value"),
        ({"image": " x"}, "image", 'Invalid value: " x": must not have leading or trailing whitespace'),
        ({"targetContainerName": "zzz"}, "targetContainerName", 'Not found: "zzz"'),
        ({"targetContainerName": "d"}, "targetContainerName", 'Not found: "d"'),
        ({"ports": [{"containerPort": 80}]}, "ports", NOT_ALLOWED),
        ({"resources": {"limits": {"cpu": "1"}}}, "resources", NOT_ALLOWED),
        ({"livenessProbe": {"exec": {"command": ["x"]}}}, "livenessProbe", NOT_ALLOWED),
        ({"restartPolicy": "Always"}, "restartPolicy", NOT_ALLOWED),
        ({"resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}]}, "resizePolicy", NOT_ALLOWED),
    ],
)
def test_what_an_ephemeral_container_cannot_be_is_refused(
    lab: Asking, fields: dict[str, Any], field: str, message: str
) -> None:
    refused = patched(lab, with_one(**fields))
    where = f"spec.ephemeralContainers[0].{field}"
    assert (refused.code, refused.value["message"]) == (422, f'Pod "p" is invalid: {where}: {message}')


def test_a_mount_of_a_part_of_a_volume_is_refused(lab: Asking) -> None:
    mounts = [{"name": "zz", "mountPath": "/x", "subPath": "a"}]
    causes = patched(lab, with_one(volumeMounts=mounts)).value["details"]["causes"]
    start = "spec.ephemeralContainers[0].volumeMounts[0]"
    assert [(each["field"], each["message"]) for each in causes] == [
        (f"{start}.name", 'Not found: "zz"'),
        (f"{start}.subPath", NOT_ALLOWED),
    ]


def test_what_is_there_stays_as_it_is(lab: Asking) -> None:
    patched(lab, with_one())
    start = 'Pod "p" is invalid: spec.ephemeralContainers: Forbidden: existing ephemeral containers "d" may not be '
    removal = [{"op": "remove", "path": "/spec/ephemeralContainers"}]
    removed = lab.ask("PATCH", EPHEMERAL, removal, form="application/json-patch+json")
    assert removed.value["message"] == f"{start}removed\n"
    assert lab.ask("PUT", EPHEMERAL, pod("p")).value["message"] == f"{start}removed\n"
    # What the server adds here is the difference of its own structs.
    assert patched(lab, with_one(image="other")).value["message"] == f"{start}changed\n"


def test_only_the_subresource_adds_them(lab: Asking) -> None:
    patched(lab, with_one())
    refused = lab.ask("PATCH", f"{PODS}/p", with_one("e"), form=STRATEGIC)
    assert [each["field"] for each in refused.value["details"]["causes"]] == ["spec"]
    labelled = lab.ask("PATCH", f"{PODS}/p", {"metadata": {"labels": {"x": "y"}}}, form=STRATEGIC)
    assert names(labelled) == ["d"]
    created = lab.ask("POST", PODS, pod("q", **with_one()["spec"]))
    message = 'Pod "q" is invalid: spec.ephemeralContainers: Forbidden: cannot be set on create'
    assert created.value["message"] == message


def test_a_pod_that_is_not_there_is_not_found_and_other_verbs_are_not_served(lab: Asking) -> None:
    missing = lab.ask("PATCH", f"{PODS}/nope/ephemeralcontainers", with_one(), form=STRATEGIC)
    assert (missing.code, missing.value["message"]) == (404, 'pods "nope" not found')
    assert lab.ask("DELETE", EPHEMERAL).code == 405
