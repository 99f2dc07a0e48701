"""Discovery and OpenAPI: both forms of discovery tell of the same resources."""

from __future__ import annotations

from typing import Any

import pytest

from tests.protocol.apiserver.asking import Asking


def aggregated(version: str) -> str:
    return f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList,application/json"


@pytest.fixture(scope="module")
def lab() -> Asking:
    return Asking()


def in_one_piece(lab: Asking, version: str) -> set[tuple[str, str, str, str]]:
    found = set()
    for path in ("/api", "/apis"):
        value = lab.ask("GET", path, accept=aggregated(version)).value
        assert value["apiVersion"] == f"apidiscovery.k8s.io/{version}"
        for group in value["items"]:
            name = group["metadata"].get("name", "")
            for each in group["versions"]:
                for resource in each["resources"]:
                    key = (name, each["version"], resource["resource"])
                    found.add((*key, resource["responseKind"]["kind"]))
                    for part in resource.get("subresources", ()):
                        found.add((*key[:2], f"{key[2]}/{part['subresource']}", part["responseKind"]["kind"]))
    return found


def group_by_group(lab: Asking) -> set[tuple[str, str, str, str]]:
    assert lab.ask("GET", "/api").value["versions"] == ["v1"]
    versions = ["v1"]
    for group in lab.ask("GET", "/apis").value["groups"]:
        assert lab.ask("GET", f"/apis/{group['name']}").value["preferredVersion"] == group["preferredVersion"]
        versions += (each["groupVersion"] for each in group["versions"])
    found = set()
    for version in versions:
        root = "/apis" if "/" in version else "/api"
        listed = lab.ask("GET", f"{root}/{version}").value
        assert listed["groupVersion"] == version
        group, _, name = version.rpartition("/")
        found |= {(group, name, each["name"], each["kind"]) for each in listed["resources"]}
    return found


@pytest.mark.parametrize("version", ["v2", "v2beta1"])
def test_both_forms_tell_of_the_same_resources(lab: Asking, version: str) -> None:
    found = in_one_piece(lab, version)
    assert found == group_by_group(lab)
    assert ("policy.networking.k8s.io", "v1alpha2", "clusternetworkpolicies", "ClusterNetworkPolicy") in found
    assert ("apps", "v1", "deployments/scale", "Scale") in found


def test_every_group_has_a_document_that_says_what_takes_field_validation(lab: Asking) -> None:
    paths: dict[str, Any] = lab.ask("GET", "/openapi/v3").value["paths"]
    assert {"api/v1", "apis/apps/v1", "apis/policy.networking.k8s.io/v1alpha1"} <= paths.keys()
    document = lab.ask("GET", paths["apis/apps/v1"]["serverRelativeURL"]).value
    patch = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == {"group": "apps", "version": "v1", "kind": "Deployment"}
    assert "fieldValidation" in [each["name"] for each in patch["parameters"]]


def test_what_is_not_there_has_no_document(lab: Asking) -> None:
    for path in ("/openapi/v3/apis/none/v1", "/apis/none", "/apis/apps/v9"):
        assert lab.ask("GET", path).code == 404


def test_the_server_is_alive_and_has_a_version(lab: Asking) -> None:
    assert [lab.ask("GET", path).text for path in ("/healthz", "/livez", "/readyz")] == ["ok"] * 3
    verbose = lab.ask("GET", "/readyz?verbose").text
    assert verbose.startswith("[+]ping ok\n")
    assert verbose.endswith("readyz check passed\n")
    assert lab.ask("GET", "/livez/ping").text == "ok"
    assert lab.ask("GET", "/version").value["gitVersion"].startswith("v1.")
