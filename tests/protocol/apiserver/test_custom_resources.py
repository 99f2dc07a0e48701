"""Custom resources: served by their CRD, judged by its schema, gone with it."""

from __future__ import annotations

from typing import Any

import pytest

from podfence.manifests.validation.admission import Server
from podfence.manifests.validation.cluster_policy import Channel
from tests.protocol.apiserver.asking import TABLE, Asking

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
TOYS = "/apis/example.com/v1/namespaces/default/toys"

SPEC = {
    "type": "object",
    "required": ["title"],
    "properties": {
        "title": {"type": "string", "minLength": 2, "pattern": "^[a-z]+$"},
        "size": {"type": "integer", "minimum": 1, "default": 3},
        "port": {"x-kubernetes-int-or-string": True},
        "note": {"type": "string", "nullable": True},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "parts": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["id"],
            "items": {
                "type": "object",
                "properties": {"id": {"type": "string"}, "n": {"type": "integer", "default": 1}},
            },
        },
    },
}


def crd(**version: Any) -> dict[str, Any]:  # noqa: ANN401 (any field)
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": SPEC, "status": {"type": "object"}}}}
    served = {"name": "v1", "served": True, "storage": True, "schema": schema, **version}
    names = {"plural": "toys", "singular": "toy", "kind": "Toy", "listKind": "ToyList"}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [served]}
    head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    return {**head, "metadata": {"name": "toys.example.com"}, "spec": spec}


def toy(name: str = "a", **spec: Any) -> dict[str, Any]:  # noqa: ANN401 (any field)
    return {
        "apiVersion": "example.com/v1",
        "kind": "Toy",
        "metadata": {"name": name},
        "spec": {"title": "ball", **spec},
    }


@pytest.fixture
def lab() -> Asking:
    asking = Asking()
    assert asking.ask("POST", CRDS, crd(subresources={"status": {}})).code == 201
    return asking


def test_a_new_definition_is_established(lab: Asking) -> None:
    status = lab.ask("GET", f"{CRDS}/toys.example.com").value["status"]
    assert {each["type"]: each["status"] for each in status["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }
    assert status["storedVersions"] == ["v1"]


def test_an_object_is_pruned_and_filled_in(lab: Asking) -> None:
    body = toy(extra=1, free={"any": {"thing": 1}}, port="http", note=None, parts=[{"id": "x"}])
    answer = lab.ask("POST", TOYS, body)
    assert answer.code == 201
    assert answer.warnings == ('299 - "unknown field \\"spec.extra\\""',)
    assert answer.value["spec"] == {
        "title": "ball",
        "size": 3,
        "free": {"any": {"thing": 1}},
        "port": "http",
        "note": None,
        "parts": [{"id": "x", "n": 1}],
    }


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"title": "B"}, 'spec.title: Invalid value: "B": spec.title in body should be at least 2 chars long'),
        ({"title": "BB"}, "spec.title: Invalid value: \"BB\": spec.title in body should match '^[a-z]+$'"),
        ({"size": 0}, "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"),
        ({"size": "x"}, 'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"'),
    ],
)
def test_an_object_that_breaks_the_schema_is_refused(lab: Asking, spec: dict[str, Any], message: str) -> None:
    answer = lab.ask("POST", TOYS, toy(**spec))
    assert answer.code == 422
    assert message in answer.value["message"]


def test_items_of_a_list_map_are_applied_by_their_keys(lab: Asking) -> None:
    for manager, part in (("one", "x"), ("two", "y")):
        path = f"{TOYS}/a?fieldManager={manager}"
        answer = lab.ask("PATCH", path, toy(parts=[{"id": part}]), form="application/apply-patch+yaml")
    assert answer.value["spec"]["parts"] == [{"id": "x", "n": 1}, {"id": "y", "n": 1}]


def test_an_update_must_say_which_version_it_changes(lab: Asking) -> None:
    made = lab.ask("POST", TOYS, toy()).value
    blind = lab.ask("PUT", f"{TOYS}/a", toy(size=2))
    assert "metadata.resourceVersion: Invalid value: " in blind.value["message"]
    changed = lab.ask("PUT", f"{TOYS}/a", {**made, "spec": {"title": "ball", "size": 2}})
    assert (changed.code, changed.value["metadata"]["generation"]) == (200, 2)


def test_the_status_is_apart(lab: Asking) -> None:
    made = lab.ask("POST", TOYS, {**toy(), "status": {}}).value
    assert "status" not in made
    changed = {**made, "spec": {"title": "other"}, "status": {}}
    after = lab.ask("PUT", f"{TOYS}/a/status", changed).value
    assert (after["spec"]["title"], after["metadata"]["generation"]) == ("ball", 1)


def test_a_changed_definition_is_followed_at_once(lab: Asking) -> None:
    lab.ask("POST", TOYS, toy())
    column = {"name": "Size", "type": "integer", "jsonPath": ".spec.size"}
    patch = [{"op": "add", "path": "/spec/versions/0/additionalPrinterColumns", "value": [column]}]
    path = f"{CRDS}/toys.example.com"
    assert lab.ask("PATCH", path, patch, form="application/json-patch+json").code == 200
    table = lab.ask("GET", TOYS, accept=TABLE).value
    assert [each["name"] for each in table["columnDefinitions"]] == ["Name", "Size"]
    assert table["rows"][0]["cells"] == ["a", 3]


def test_objects_go_with_their_definition(lab: Asking) -> None:
    lab.ask("POST", TOYS, toy())
    lab.ask("DELETE", f"{CRDS}/toys.example.com")
    assert lab.ask("GET", TOYS).text == "404 page not found\n"
    lab.ask("POST", CRDS, crd())
    assert lab.ask("GET", TOYS).value["items"] == []


def test_an_object_is_read_in_every_served_version() -> None:
    lab = Asking()
    definition = crd()
    newer = {**definition["spec"]["versions"][0], "name": "v2", "storage": False}
    definition["spec"]["versions"].append(newer)
    lab.ask("POST", CRDS, definition)
    lab.ask("POST", TOYS, toy())
    other = TOYS.replace("/v1/", "/v2/")
    assert lab.ask("GET", f"{other}/a").value["apiVersion"] == "example.com/v2"
    assert lab.ask("GET", other).value["items"][0]["apiVersion"] == "example.com/v2"


def test_what_is_not_enforced_is_said() -> None:
    definition = crd()
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"] = SPEC | {"x-kubernetes-validations": [{"rule": "quantity(self.size) > 1"}]}
    (warning,) = Asking().ask("POST", CRDS, definition).warnings
    assert "properties[spec].x-kubernetes-validations[0]: this server does not enforce it" in warning


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"group": "example"}, 'spec.group: Invalid value: "example": should be a domain with at least one dot'),
        (
            {"group": "other.com"},
            'metadata.name: Invalid value: "toys.example.com": must be spec.names.plural+"."+spec',
        ),
        ({"scope": "Village"}, 'spec.scope: Unsupported value: "Village": supported values: "Cluster", "Namespaced"'),
        ({"versions": []}, "spec.versions: Invalid value: []: must have exactly one version marked as storage version"),
        ({"names": {}}, "spec.names.kind: Required value"),
        (
            {"versions": [{"name": "v1", "served": True, "storage": True}]},
            "spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required",
        ),
        (
            {
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {}}}},
                    }
                ]
            },
            "openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields",
        ),
    ],
)
def test_a_definition_that_cannot_be_served_is_refused(change: dict[str, Any], message: str) -> None:
    definition = crd()
    definition["spec"] |= change
    answer = Asking().ask("POST", CRDS, definition)
    assert answer.code == 422
    assert message in answer.value["message"]


def test_a_name_that_follows_from_the_kind_is_filled_in() -> None:
    definition = crd()
    definition["spec"]["names"] = {"plural": "toys", "kind": "Toy"}
    names = Asking().ask("POST", CRDS, definition).value["spec"]["names"]
    assert (names["singular"], names["listKind"]) == ("toy", "ToyList")


def test_no_definition_replaces_what_is_part_of_kubernetes() -> None:
    lab = Asking()
    definition = crd()
    definition["spec"] |= {"group": "apps", "names": {"plural": "deployments", "singular": "d", "kind": "Deployment"}}
    definition["metadata"]["name"] = "deployments.apps"
    lab.ask("POST", CRDS, definition)
    lab.ask("DELETE", f"{CRDS}/deployments.apps")
    assert lab.ask("GET", "/apis/apps/v1/deployments").code == 200


@pytest.mark.parametrize("channel", list(Channel))
def test_the_policy_crds_are_there_in_their_channel(channel: Channel) -> None:
    lab = Asking(Server(channel=channel))
    items = lab.ask("GET", CRDS).value["items"]
    assert [each["spec"]["names"]["shortNames"] for each in items] == [["anp"], ["banp"], ["cnp"]]
    schema = items[2]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    peer = schema["properties"]["spec"]["properties"]["egress"]["items"]["properties"]["to"]["items"]
    assert ("domainNames" in peer["properties"]) is (channel is Channel.EXPERIMENTAL)


def test_every_field_of_the_policies_is_described() -> None:
    def undescribed(schema: dict[str, Any], path: str) -> list[str]:
        own = [] if schema.get("description") else [path]
        fields = schema.get("properties", {}).items()
        items = undescribed(schema["items"] | {"description": "x"}, path) if "items" in schema else []
        return [*own, *items, *(each for name, field in fields for each in undescribed(field, f"{path}.{name}"))]

    for definition in Asking().ask("GET", CRDS).value["items"]:
        schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        assert undescribed(schema, "") == []
