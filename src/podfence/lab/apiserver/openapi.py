"""The OpenAPI documents of what is served at the moment, each made when it is first asked for.

What stands in them is written in ``podfence.lab.openapi``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from podfence.lab.apiserver.registry import Registry
from podfence.lab.apiserver.resources import ApiResource
from podfence.lab.openapi.documents import document, swagger
from podfence.lab.openapi.gnostic import encode_swagger
from podfence.lab.openapi.served import Served

Object = dict[str, Any]


class OpenApi:
    """Gives documents as texts; they are forgotten when resources come or go."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._generation = -1
        self._made: dict[str, bytes] = {}

    def paths(self) -> Object:
        """Answer ``/openapi/v3``: where the documents are; the hash changes with what is served."""
        catalogue = self._registry.catalogue
        found = {}
        for group, versions in catalogue.versions().items():
            for version in versions:
                path = f"apis/{group}/{version}" if group else f"api/{version}"
                found[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={catalogue.generation}"}
        return {"paths": found}

    def version_3(self, path: str) -> bytes | None:
        """Give the document of a group and version by its path; ``None`` for one that is not served."""
        match path.split("/"):
            case ["api", version]:
                group = ""
            case ["apis", group, version]:
                pass
            case _:
                return None
        resources = self._registry.catalogue.in_version(group, version)
        if not resources:
            return None
        known = self._known()
        if path not in known:
            known[path] = msgspec.json.encode(document([self._served(each) for each in resources]))
        return known[path]

    def version_2(self, *, protobuf: bool) -> bytes:
        """Give the one document of everything, as JSON or in the protobuf form that kubectl before 1.27 asks for."""
        known = self._known()
        name = "v2.protobuf" if protobuf else "v2"
        if name not in known:
            everything = swagger([self._served(each) for each in self._registry.catalogue])
            known[name] = encode_swagger(everything) if protobuf else msgspec.json.encode(everything)
        return known[name]

    def _known(self) -> dict[str, bytes]:
        generation = self._registry.catalogue.generation
        if generation != self._generation:
            self._generation = generation
            self._made.clear()
        return self._made

    def _served(self, resource: ApiResource) -> Served:
        schema = self._registry.custom_schemas.get((resource.api_version, resource.kind))
        return Served(
            resource.group,
            resource.version,
            resource.kind,
            resource.plural,
            resource.namespaced,
            resource.verbs,
            tuple(each.name for each in resource.subresources),
            schema,
        )
