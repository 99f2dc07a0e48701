"""Serves what CRDs define: resources appear in the catalogue when a CRD is stored, and go with it."""

from __future__ import annotations

from typing import Any

from podfence.lab.apiserver.crds.admission import CustomAdmission
from podfence.lab.apiserver.crds.structural import ANYTHING, read_schema, unjudged
from podfence.lab.apiserver.merge_types import of_custom_resource
from podfence.lab.apiserver.registry import Registry
from podfence.lab.apiserver.resources import ApiResource, Subresource
from podfence.lab.apiserver.storage import Event
from podfence.lab.apiserver.strategies import CRDS
from podfence.lab.apiserver.tables.custom import custom_columns
from podfence.lab.interface import Resource
from podfence.manifests.validation.schema import Schema

Object = dict[str, Any]


def serve_custom_resources(registry: Registry) -> None:
    """Serve the custom resources of all CRDs from now on."""
    serving = _Serving(registry)
    collection = registry.storage.collection(CRDS)
    for entry in list(collection.entries.values()):
        serving.start(entry.value)
    collection.listen(serving.follow)
    registry.own_warnings[CRDS] = _unjudged


def _unjudged(crd: Object) -> list[str]:
    """Say what of a CRD is accepted but not enforced here."""
    paths = []
    for index, version in enumerate(crd["spec"].get("versions") or ()):
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        paths += [f"spec.versions[{index}].schema.openAPIV3Schema{path}" for path in unjudged(schema)]
    return [f"{path}: this server does not enforce it" for path in paths]


class _Serving:
    """Follows the CRDs."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def follow(self, event: Event) -> None:
        """Take note of a change."""
        crd = event.after.value
        if self._is_builtin(_resource(crd)):
            return
        if event.type == "DELETED":
            self._stop(crd)
            self._delete_all(_resource(crd))
        elif event.before is None or event.before.value["spec"] != crd["spec"]:
            self._stop(crd)
            self.start(crd)
            self._establish(crd)

    def start(self, crd: Object) -> None:
        """Serve what a CRD defines, the stored version first."""
        spec = crd["spec"]
        if self._is_builtin(_resource(crd)):
            return
        for version in sorted(spec.get("versions") or (), key=lambda each: not each.get("storage")):
            if version.get("served"):
                self._start_version(spec, version)

    def _is_builtin(self, resource: Resource) -> bool:
        """Tell whether a resource is part of Kubernetes, which no CRD replaces."""
        return any(each.resource == resource and not each.custom for each in self._registry.catalogue)

    def _start_version(self, spec: Object, version: Object) -> None:
        resource = _api_resource(spec, version)
        schema = _schema(version)
        registry = self._registry
        registry.catalogue.add(resource)
        has_status = resource.subresource("status") is not None
        registry.admissions.add(resource, CustomAdmission(schema, resource.namespaced, has_status))
        key = (resource.api_version, resource.kind)
        registry.merge_types[key] = of_custom_resource(schema)
        registry.custom_columns[key] = custom_columns(version.get("additionalPrinterColumns") or ())
        registry.custom_schemas[key] = (version.get("schema") or {}).get("openAPIV3Schema") or {}

    def _stop(self, crd: Object) -> None:
        registry = self._registry
        for each in list(registry.catalogue):
            if each.custom and each.resource == _resource(crd):
                registry.admissions.remove(each)
                key = (each.api_version, each.kind)
                for known in (registry.merge_types, registry.custom_columns, registry.custom_schemas):
                    known.pop(key, None)
        registry.catalogue.remove(_resource(crd))

    def _delete_all(self, resource: Resource) -> None:
        storage = self._registry.storage
        for key in list(storage.collection(resource).entries):
            storage.remove(resource, key)

    def _establish(self, crd: Object) -> None:
        """Say in the status that the resource is served, as the server's own controllers do."""
        now = self._registry.now()
        accepted = {"reason": "NoConflicts", "message": "no conflicts found"}
        established = {"reason": "InitialNamesAccepted", "message": "the initial names have been accepted"}
        conditions = [
            {"type": kind, "status": "True", "lastTransitionTime": now, **why}
            for kind, why in (("NamesAccepted", accepted), ("Established", established))
        ]
        versions = crd["spec"].get("versions") or ()
        status = {
            "conditions": conditions,
            "acceptedNames": crd["spec"]["names"],
            "storedVersions": [each["name"] for each in versions if each.get("storage")],
        }
        before = crd.get("status") or {}
        if any(each.get("type") == "Established" for each in before.get("conditions") or ()):
            status["conditions"] = before["conditions"]
        if status != before:
            value = {**crd, "metadata": dict(crd["metadata"]), "status": status}
            self._registry.storage.put(CRDS, ("", crd["metadata"]["name"]), value)


def _resource(crd: Object) -> Resource:
    return Resource(crd["spec"]["group"], crd["spec"]["names"]["plural"])


def _api_resource(spec: Object, version: Object) -> ApiResource:
    names = spec["names"]
    return ApiResource(
        *(spec["group"], version["name"], names["kind"], names["plural"], spec.get("scope") == "Namespaced"),
        singular=names.get("singular") or names["kind"].lower(),
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=tuple(_subresources(version.get("subresources") or {})),
        unconditional_update=False,
        custom=True,
        list_kind=names.get("listKind", ""),
    )


def _subresources(given: Object) -> list[Subresource]:
    verbs = ("get", "patch", "update")
    parts = [Subresource("status", verbs)] if "status" in given else []
    return [*parts, Subresource("scale", verbs, "autoscaling", "v1", "Scale")] if "scale" in given else parts


def _schema(version: Object) -> Schema:
    given = (version.get("schema") or {}).get("openAPIV3Schema")
    return read_schema(given) if given else ANYTHING
