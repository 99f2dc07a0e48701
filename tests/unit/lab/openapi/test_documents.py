"""Documents: custom resources, Swagger 2, and its protobuf form."""

from __future__ import annotations

import json
from typing import Any

from podfence.lab.openapi.documents import document, swagger
from podfence.lab.openapi.gnostic import encode_swagger, schema
from podfence.lab.openapi.served import Served

DEPLOYMENT = Served("apps", "v1", "Deployment", "deployments", namespaced=True, subresources=("status", "scale"))
CRONTAB = Served(
    *("stable.example.com", "v1", "CronTab", "crontabs"),
    namespaced=True,
    schema={
        "type": "object",
        "description": "Runs things.",
        "properties": {"spec": {"type": "object", "properties": {"cron": {"type": "string", "nullable": True}}}},
    },
)
GIVEN: dict[str, Any] = {"group": "stable.example.com", "kind": "CronTab", "version": "v1"}


def test_a_custom_resource_has_its_own_schema_and_what_every_object_has() -> None:
    found = document([CRONTAB])["components"]["schemas"]["com.example.stable.v1.CronTab"]
    assert found["x-kubernetes-group-version-kind"] == [GIVEN]
    assert set(found["properties"]) == {"apiVersion", "kind", "metadata", "spec"}
    assert found["properties"]["spec"]["properties"]["cron"] == {"type": "string", "nullable": True}
    assert "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" in document([CRONTAB])["components"]["schemas"]


def test_every_reference_of_a_document_leads_somewhere() -> None:
    for found, prefix, schemas in (
        (document([DEPLOYMENT, CRONTAB]), "#/components/schemas/", ("components", "schemas")),
        (swagger([DEPLOYMENT, CRONTAB]), "#/definitions/", ("definitions",)),
    ):
        known: Any = found
        for name in schemas:
            known = known[name]
        references = [part.split('"')[0] for part in json.dumps(found).split('"$ref": "')[1:]]
        assert references
        assert {each.removeprefix(prefix) for each in references} <= set(known)


def test_kubectl_finds_that_a_patch_may_be_a_dry_run_and_validate_fields() -> None:
    patch = document([DEPLOYMENT])["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == {"group": "apps", "kind": "Deployment", "version": "v1"}
    assert {each["name"] for each in patch["parameters"]} >= {"dryRun", "fieldManager", "fieldValidation"}


def test_a_strategic_merge_patch_is_offered_for_built_in_kinds_alone() -> None:
    def offered(served: Served) -> set[str]:
        path = next(path for path in document([served])["paths"] if path.endswith(f"{served.plural}/{{name}}"))
        return set(document([served])["paths"][path]["patch"]["requestBody"]["content"])

    assert offered(DEPLOYMENT) - offered(CRONTAB) == {"application/strategic-merge-patch+json"}


def test_a_subresource_has_a_path_of_its_own() -> None:
    assert "/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale" in document([DEPLOYMENT])["paths"]


def test_kinds_and_fields_that_matter_are_described() -> None:
    policy = Served("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", namespaced=True)
    schemas = document([policy])["components"]["schemas"]
    assert "selects" in schemas["io.k8s.api.networking.v1.NetworkPolicy"]["description"]
    spec = schemas["io.k8s.api.networking.v1.NetworkPolicySpec"]["properties"]
    assert all(spec[name]["description"] for name in ("podSelector", "ingress", "egress", "policyTypes"))


def test_swagger_has_no_words_that_it_does_not_know() -> None:
    text = json.dumps(swagger([DEPLOYMENT, CRONTAB]))
    assert not any(f'"{word}"' in text for word in ("oneOf", "anyOf", "nullable", "components"))


def test_a_schema_is_encoded_field_by_field() -> None:
    # Field 22 is the type with its one value, 4 the description, 19 each required name, 25 the properties.
    assert schema({"type": "string"}) == bytes.fromhex("b201080a06") + b"string"
    assert schema({"description": "x"}) == b"\x22\x01x"
    assert schema({"required": ["a", "b"]}) == b"\x9a\x01\x01a\x9a\x01\x01b"
    inner = b"\x0a\x01p\x12\x03\x22\x01x"
    assert schema({"properties": {"p": {"description": "x"}}}) == b"\xca\x01\x0a\x0a\x08" + inner


def test_extensions_travel_as_yaml() -> None:
    assert b'[{"group":"stable.example.com"' in encode_swagger(swagger([CRONTAB]))
