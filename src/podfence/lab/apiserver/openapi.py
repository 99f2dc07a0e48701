"""The OpenAPI documents, as far as kubectl asks for them: one document for each group and version.

kubectl reads from them which requests take ``fieldValidation`` and, for ``explain``, the fields of each kind.
"""

from __future__ import annotations

from typing import Any

from podfence.lab.apiserver.resources import ApiResource, Catalogue

Object = dict[str, Any]


def paths(catalogue: Catalogue) -> Object:
    """Answer ``/openapi/v3``: where the documents are; the hash changes when resources come or go."""
    found = {}
    for group, versions in catalogue.versions().items():
        for version in versions:
            path = f"apis/{group}/{version}" if group else f"api/{version}"
            found[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={catalogue.generation}"}
    return {"paths": found}


def document(catalogue: Catalogue, group: str, version: str) -> Object | None:
    """Give the document of a group and version; ``None`` for one that is not served."""
    resources = catalogue.in_version(group, version)
    if not resources:
        return None
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": dict(_path(resource) for resource in resources),
        "components": {"schemas": {_schema_name(resource): _schema(resource) for resource in resources}},
    }


def _path(resource: ApiResource) -> tuple[str, Object]:
    root = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
    scope = "/namespaces/{namespace}" if resource.namespaced else ""
    identity = {"x-kubernetes-group-version-kind": _identity(resource)}
    parameters = [_parameter(name) for name in ("dryRun", "fieldManager", "fieldValidation")]
    operation = {"parameters": parameters, "responses": {}, **identity}
    collection = {"x-kubernetes-action": "post", **operation}
    del collection
    return f"{root}{scope}/{resource.plural}/{{name}}", {
        "patch": {"x-kubernetes-action": "patch", **operation},
        "put": {"x-kubernetes-action": "put", **operation},
        "get": {"x-kubernetes-action": "get", "responses": {}, **identity},
    }


def _parameter(name: str) -> Object:
    return {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}


def _identity(resource: ApiResource) -> Object:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _schema_name(resource: ApiResource) -> str:
    reverse = (
        ".".join(reversed(resource.group.split(".")))
        if "." in resource.group
        else f"io.k8s.api.{resource.group or 'core'}"
    )
    return f"{reverse}.{resource.version}.{resource.kind}"


def _schema(resource: ApiResource) -> Object:
    texts = {name: {"type": "string"} for name in ("apiVersion", "kind")}
    properties = {**texts, "metadata": {"type": "object"}}
    return {
        "type": "object",
        "properties": properties,
        "x-kubernetes-group-version-kind": [_identity(resource)],
    }
