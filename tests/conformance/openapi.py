"""What the API server publishes about its types: its schemas and paths, without the prose."""

from __future__ import annotations

import json

from tests.conformance.answer import Line
from tests.conformance.client import Client
from tests.conformance.corpus.text import Tree

GROUPS = ("api/v1", *(f"apis/{name}/v1" for name in ("apps", "batch", "networking.k8s.io", "discovery.k8s.io")))


def ask_openapi(client: Client) -> list[Line]:
    """Read the documents of some groups; gives a line for each."""
    return [ask_document(client, group) for group in GROUPS]


def ask_document(client: Client, group: str) -> Line:
    """Read one document: its schemas, and of its paths what kubectl looks at."""
    document = json.loads(client.request("GET", f"/openapi/v3/{group}").body)
    resources = json.loads(client.request("GET", f"/{group}").body)["resources"]
    served = [
        {name: each[name] for name in ("name", "kind", "namespaced", "verbs")}
        for each in resources
        if "/" not in each["name"]
    ]
    schemas = without_prose(document["components"]["schemas"])
    paths = {path: methods(item) for path, item in document["paths"].items()}
    return {"id": group, "code": 200, "served": served, "schemas": schemas, "paths": paths}


def methods(item: Tree) -> Tree:
    """Give what each method of a path does to which kind, and the names of its parameters."""
    return {
        method: {
            "action": operation.get("x-kubernetes-action"),
            "kind": (operation.get("x-kubernetes-group-version-kind") or {}).get("kind"),
            "parameters": sorted(
                each["name"]
                for each in [*operation.get("parameters", []), *item.get("parameters", [])]
                if each["in"] == "query"
            ),
        }
        for method, operation in item.items()
        if method in {"get", "post", "put", "patch", "delete"}
    }


def without_prose(value: Tree) -> Tree:
    """Leave out every description, and the wrapping that only a description asks for."""
    if isinstance(value, list):
        return [without_prose(each) for each in value]
    if not isinstance(value, dict):
        return value
    plain = {
        name: without_prose(each)
        for name, each in value.items()
        if not (name == "description" and isinstance(each, str))
    }
    return plain["allOf"][0] if plain.keys() == {"allOf"} and len(plain["allOf"]) == 1 else plain
