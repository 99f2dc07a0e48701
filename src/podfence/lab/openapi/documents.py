"""The documents themselves: OpenAPI 3 for each group and version, Swagger 2 for everything.

Paths say only what kubectl looks for: which kind is served where, and which parameters a request may have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from podfence.lab.openapi.custom import OBJECT_META, custom_name, custom_schema
from podfence.lab.openapi.schemas import Dialect, schemas_of
from podfence.lab.openapi.served import Served
from podfence.manifests.types import type_of

Object = dict[str, Any]
_TITLE: Final = {"title": "Kubernetes", "version": "unversioned"}
_PATCHES: Final = tuple(
    f"application/{name}"
    for name in ("apply-patch+yaml", "json-patch+json", "merge-patch+json", "strategic-merge-patch+json")
)
_WRITING: Final = ("dryRun", "fieldManager", "fieldValidation")
_ON_ITEM: Final = {
    "get": ("get", "get"),
    "update": ("put", "put"),
    "delete": ("delete", "delete"),
    "patch": ("patch", "patch"),
}
_ON_LIST: Final = {
    "list": ("get", "list"),
    "create": ("post", "post"),
    "deletecollection": ("delete", "deletecollection"),
}
_OPTIONS: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"
_STATUS: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.Status"


def document(served: Sequence[Served]) -> Object:
    """Make the OpenAPI 3 document of one group and version."""
    return {
        "openapi": "3.0.0",
        "info": dict(_TITLE),
        "paths": dict(_paths(served, Dialect.OPENAPI_3)),
        "components": {"schemas": _schemas(served, Dialect.OPENAPI_3)},
    }


def swagger(served: Sequence[Served]) -> Object:
    """Make the Swagger 2 document of everything that is served."""
    return {
        "swagger": "2.0",
        "info": dict(_TITLE),
        "paths": dict(_paths(served, Dialect.SWAGGER_2)),
        "definitions": _schemas(served, Dialect.SWAGGER_2),
    }


def _schemas(served: Sequence[Served], dialect: Dialect) -> Object:
    names: dict[str, list[Object]] = {OBJECT_META: [], _OPTIONS: [], _STATUS: []}
    custom: dict[str, Object] = {}
    for each in served:
        record = type_of(each.api_version, each.kind) if each.schema is None else None
        if record is None:
            schema = custom_schema(each, dialect)
            custom[custom_name(each)] = {**schema, "x-kubernetes-group-version-kind": [each.identity]}
            continue
        names.setdefault(record.name, []).append(each.identity)
        listed = type_of(each.api_version, f"{each.kind}List")
        if listed is not None:
            names.setdefault(listed.name, []).append({**each.identity, "kind": f"{each.kind}List"})
    schemas = schemas_of(iter(names), dialect)
    for name, identities in names.items():
        if identities:
            schemas[name] = {**schemas[name], "x-kubernetes-group-version-kind": identities}
    return {**schemas, **custom}


def _paths(served: Sequence[Served], dialect: Dialect) -> Iterator[tuple[str, Object]]:
    return ((path, item) for path, item in _all_paths(served, dialect) if item)


def _all_paths(served: Sequence[Served], dialect: Dialect) -> Iterator[tuple[str, Object]]:
    for each in served:
        root = f"/apis/{each.group}/{each.version}" if each.group else f"/api/{each.version}"
        inside = f"{root}/namespaces/{{namespace}}" if each.namespaced else root
        yield f"{inside}/{each.plural}", _operations(each, _ON_LIST, dialect)
        yield f"{inside}/{each.plural}/{{name}}", _operations(each, _ON_ITEM, dialect)
        for name in each.subresources:
            yield f"{inside}/{each.plural}/{{name}}/{name}", _operations(each, _ON_ITEM, dialect)
        if each.namespaced and "list" in each.verbs:
            listing = {"list": _ON_LIST["list"]}
            yield f"{root}/{each.plural}", _operations(each, listing, dialect)


def _operations(served: Served, methods: dict[str, tuple[str, str]], dialect: Dialect) -> Object:
    return {
        method: _operation(served, method, action, dialect)
        for verb, (method, action) in methods.items()
        if verb in served.verbs
    }


def _operation(served: Served, method: str, action: str, dialect: Dialect) -> Object:
    names = _WRITING if method in {"post", "put", "patch"} else ("dryRun",) if method == "delete" else ()
    if method == "patch":
        names = (*names, "force")
    operation: Object = {
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": served.identity,
        "responses": {"200": {"description": "OK"}},
    }
    if names:
        operation["parameters"] = [_parameter(name, dialect) for name in names]
    if method == "patch":
        # Strategic merge needs a type of the server's own; kubectl looks here for whether it may send such a patch.
        kinds = _PATCHES if served.schema is None else _PATCHES[:-1]
        body: Object = {"consumes": list(kinds)}
        if dialect is Dialect.OPENAPI_3:
            body = {"requestBody": {"required": True, "content": {kind: {} for kind in kinds}}}
        operation |= body
    return operation


def _parameter(name: str, dialect: Dialect) -> Object:
    kind = {"type": "boolean" if name == "force" else "string", "uniqueItems": True}
    head = {"name": name, "in": "query"}
    return {**head, **kind} if dialect is Dialect.SWAGGER_2 else {**head, "schema": kind}
