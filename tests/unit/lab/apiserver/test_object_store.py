"""The objects as controllers and nodes see them: the same admission, the same refusals, watches without gaps."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from podfence.lab.apiserver import storage as storage_module
from podfence.lab.apiserver.object_store import InProcessStore
from podfence.lab.apiserver.status import StatusError
from podfence.lab.interface import ObjectStore, Resource, Seen
from tests.unit.lab.apiserver.registries import steady_registry

PODS, NAMESPACES = Resource("", "pods"), Resource("", "namespaces")
SERVICES, CONFIG_MAPS = Resource("", "services"), Resource("", "configmaps")


def store() -> ObjectStore:
    return InProcessStore(steady_registry()[0], "controller")


def pod(name: str = "p", **spec: Any) -> dict[str, Any]:  # noqa: ANN401 (any field)
    container = {"name": "c", "image": "nginx"}
    return {"metadata": {"name": name}, "spec": {"containers": [container], **spec}}


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": data}


def test_a_new_pod_has_what_the_server_gives_it() -> None:
    made = store().create(PODS, "default", pod())
    assert (made["apiVersion"], made["kind"]) == ("v1", "Pod")
    assert made["metadata"]["creationTimestamp"] == "2026-01-01T00:00:00Z"
    assert made["metadata"]["generation"] == 1
    assert made["spec"]["serviceAccountName"] == "default"
    assert made["spec"]["restartPolicy"] == "Always"
    assert made["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    assert [entry["manager"] for entry in made["metadata"]["managedFields"]] == ["controller"]


def test_a_generated_name_has_a_random_end() -> None:
    objects = store()
    made = [objects.create(PODS, "default", {**pod(), "metadata": {"generateName": "web-"}}) for _ in range(2)]
    names = [each["metadata"]["name"] for each in made]
    assert len(set(names)) == 2
    assert all(len(name) == len("web-") + 5 and name.startswith("web-") for name in names)


def test_a_second_object_of_the_name_is_refused() -> None:
    objects = store()
    objects.create(CONFIG_MAPS, "default", config_map("a"))
    with pytest.raises(StatusError) as refused:
        objects.create(CONFIG_MAPS, "default", config_map("a"))
    assert (refused.value.code, refused.value.message) == (409, 'configmaps "a" already exists')


def test_nothing_is_created_in_a_namespace_that_is_missing_or_ends() -> None:
    objects = store()
    with pytest.raises(StatusError) as refused:
        objects.create(CONFIG_MAPS, "x", config_map("a"))
    assert (refused.value.code, refused.value.message) == (404, 'namespaces "x" not found')
    objects.create(NAMESPACES, None, {"metadata": {"name": "x"}})
    objects.delete(NAMESPACES, None, "x")
    with pytest.raises(StatusError) as refused:
        objects.create(CONFIG_MAPS, "x", config_map("a"))
    assert refused.value.message == (
        'configmaps "a" is forbidden: unable to create new content in namespace x because it is being terminated'
    )


def test_an_update_of_an_old_version_is_a_conflict() -> None:
    objects = store()
    first = objects.create(CONFIG_MAPS, "default", config_map("a", k="1"))
    objects.update(CONFIG_MAPS, "default", {**first, "data": {"k": "2"}})
    with pytest.raises(StatusError) as refused:
        objects.update(CONFIG_MAPS, "default", {**first, "data": {"k": "3"}})
    assert refused.value.code == 409
    assert "the object has been modified; please apply your changes" in refused.value.message


def test_an_update_that_changes_nothing_is_no_new_version() -> None:
    objects = store()
    first = objects.create(CONFIG_MAPS, "default", config_map("a", k="1"))
    assert objects.update(CONFIG_MAPS, "default", config_map("a", k="1")) is first


def test_status_and_wish_are_written_apart() -> None:
    objects = store()
    made = objects.create(PODS, "default", pod())
    running = objects.update(PODS, "default", {**made, "status": {"phase": "Running"}, "spec": {}}, "status")
    assert running["spec"] == made["spec"]
    assert running["status"]["phase"] == "Running"
    assert running["metadata"]["generation"] == 1
    labelled = {**running, "metadata": {**running["metadata"], "labels": {"a": "b"}}, "status": {}}
    assert objects.update(PODS, "default", labelled)["status"]["phase"] == "Running"


def test_a_pod_on_a_node_gets_its_grace_period_and_one_without_goes_at_once() -> None:
    registry, making = steady_registry()
    objects = InProcessStore(registry, "kubelet")
    objects.create(PODS, "default", pod("floating"))
    objects.create(PODS, "default", pod("placed", nodeName="n1"))
    for name in ("floating", "placed"):
        objects.delete(PODS, "default", name)
    assert objects.get(PODS, "default", "floating") is None
    ending = objects.get(PODS, "default", "placed")
    assert ending is not None
    assert ending["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:30Z"
    making.time += 5
    objects.delete(PODS, "default", "placed", grace_s=10)
    shortened = objects.get(PODS, "default", "placed")
    assert shortened is not None
    assert shortened["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:10Z"
    objects.delete(PODS, "default", "placed", grace_s=0)
    assert objects.get(PODS, "default", "placed") is None


def test_a_deletion_of_another_object_of_the_name_is_refused() -> None:
    objects = store()
    objects.create(PODS, "default", pod())
    with pytest.raises(StatusError, match="Precondition failed: UID in precondition: other"):
        objects.delete(PODS, "default", "p", uid="other")


def test_an_object_with_finalizers_goes_when_the_last_one_does() -> None:
    objects = store()
    made = config_map("a")
    made["metadata"]["finalizers"] = ["example.com/wait"]
    objects.create(CONFIG_MAPS, "default", made)
    objects.delete(CONFIG_MAPS, "default", "a")
    waiting = objects.get(CONFIG_MAPS, "default", "a")
    assert waiting is not None
    metadata = {**waiting["metadata"], "finalizers": []}
    objects.update(CONFIG_MAPS, "default", {**waiting, "metadata": metadata})
    assert objects.get(CONFIG_MAPS, "default", "a") is None


def test_a_namespace_goes_when_it_is_finalized_and_default_never() -> None:
    objects = store()
    made = objects.create(NAMESPACES, None, {"metadata": {"name": "x"}})
    assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": "x"}
    objects.delete(NAMESPACES, None, "x")
    ending = objects.get(NAMESPACES, None, "x")
    assert ending is not None
    assert ending["status"]["phase"] == "Terminating"
    objects.update(NAMESPACES, None, {**ending, "spec": {"finalizers": []}}, "finalize")
    assert objects.get(NAMESPACES, None, "x") is None
    with pytest.raises(StatusError, match="this namespace may not be deleted"):
        objects.delete(NAMESPACES, None, "default")


def service(name: str, **spec: Any) -> dict[str, Any]:  # noqa: ANN401 (any field)
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], "selector": {"a": "b"}, **spec}}


def test_services_get_addresses_and_node_ports_of_their_own() -> None:
    objects = store()
    one = objects.create(SERVICES, "default", service("one"))["spec"]
    both = objects.create(SERVICES, "default", service("both", ipFamilyPolicy="PreferDualStack"))["spec"]
    assert one["clusterIPs"] == ["10.96.0.16"]
    assert both["clusterIPs"] == ["10.96.0.17", "fd00:10:96::10"]
    ports = [
        objects.create(SERVICES, "default", service(name, type="NodePort"))["spec"]["ports"][0]["nodePort"]
        for name in ("n1", "n2")
    ]
    assert ports == [30000, 30001]
    headless = objects.create(SERVICES, "default", service("none", clusterIP="None"))["spec"]
    assert headless["clusterIPs"] == ["None"]


def test_a_service_keeps_its_address_when_it_is_replaced_and_cannot_take_anothers() -> None:
    objects = store()
    objects.create(SERVICES, "default", service("one"))
    replaced = objects.update(SERVICES, "default", service("one", type="NodePort"))
    assert replaced["spec"]["clusterIP"] == "10.96.0.16"
    assert replaced["spec"]["ports"][0]["nodePort"] == 30000
    with pytest.raises(StatusError, match="provided IP is already allocated"):
        objects.create(SERVICES, "default", service("two", clusterIP="10.96.0.16"))


async def _first(objects: ObjectStore, count: int, act: Any = None) -> list[Seen]:  # noqa: ANN401 (a function)
    seen = []
    watching = objects.watch(CONFIG_MAPS)
    async for each in watching:
        seen.append(each)
        if act is not None and len(seen) == 1:
            act()
        if len(seen) == count:
            return seen
    return seen


def test_a_watch_tells_what_is_there_and_then_what_changes() -> None:
    objects = store()
    objects.create(CONFIG_MAPS, "default", config_map("a"))

    def act() -> None:
        objects.create(CONFIG_MAPS, "default", config_map("b"))
        objects.update(CONFIG_MAPS, "default", config_map("a", k="v"))
        objects.delete(CONFIG_MAPS, "default", "b")

    seen = asyncio.run(_first(objects, 4, act))
    told = [(each.type, each.object["metadata"]["name"]) for each in seen]
    assert told == [("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]


def test_a_watcher_that_was_away_too_long_is_told_the_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_module, "HISTORY", 2)
    objects = store()
    for name in ("a", "b", "c"):
        objects.create(CONFIG_MAPS, "default", config_map(name))

    def act() -> None:
        objects.delete(CONFIG_MAPS, "default", "a")
        objects.create(CONFIG_MAPS, "default", config_map("d"))
        objects.update(CONFIG_MAPS, "default", config_map("b", k="v"))
        objects.update(CONFIG_MAPS, "default", config_map("b", k="w"))

    seen = asyncio.run(_first(objects, 6, act))
    told = [(each.type, each.object["metadata"]["name"]) for each in seen[3:]]
    assert told == [("DELETED", "a"), ("MODIFIED", "b"), ("ADDED", "d")]
    assert seen[4].object["data"] == {"k": "w"}
