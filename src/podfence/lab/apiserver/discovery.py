"""What the server tells about itself: versions, groups and resources, in the old form and the aggregated one."""

from __future__ import annotations

from typing import Any, Final

from podfence.lab.apiserver.resources import ApiResource, Catalogue, Subresource

Object = dict[str, Any]

GIT_VERSION: Final = "v1.36.3"
"""The server whose behaviour the lab follows."""

_ORDER: Final = ("", "apiregistration.k8s.io", "apps", "events.k8s.io", "authentication.k8s.io", "authorization.k8s.io")


def version_info() -> Object:
    """Answer ``/version``."""
    major, minor, _ = GIT_VERSION.removeprefix("v").split(".")
    return {
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": minor,
        "gitVersion": GIT_VERSION,
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "podfence",
        "platform": "linux/amd64",
    }


def group_names(catalogue: Catalogue) -> list[str]:
    """List the named groups, the ones that everybody looks for first."""
    names = [name for name in catalogue.versions() if name]
    return sorted(names, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))


# The old form


def api_versions() -> Object:
    """Answer ``/api``."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def api_group_list(catalogue: Catalogue) -> Object:
    """Answer ``/apis``."""
    groups = [_group(catalogue, name) for name in group_names(catalogue)]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def api_group(catalogue: Catalogue, name: str) -> Object | None:
    """Answer ``/apis/GROUP``; ``None`` for a group that is not served."""
    if name not in catalogue.versions():
        return None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(catalogue, name)}


def _group(catalogue: Catalogue, name: str) -> Object:
    versions = [
        {"groupVersion": f"{name}/{version}", "version": version}
        for version in _by_priority(catalogue.versions()[name])
    ]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _by_priority(versions: list[str]) -> list[str]:
    """Put stable versions before beta and alpha ones, newer before older."""

    def rank(version: str) -> tuple[int, tuple[int, ...], str]:
        stage = 1 if "beta" in version else 2 if "alpha" in version else 0
        text = "".join(letter if letter.isdigit() else " " for letter in version)
        return stage, tuple(-int(number) for number in text.split()), version

    return sorted(versions, key=rank)


def api_resource_list(catalogue: Catalogue, group: str, version: str) -> Object | None:
    """Answer ``/apis/GROUP/VERSION``; ``None`` for one that is not served."""
    resources = catalogue.in_version(group, version)
    if not resources:
        return None
    entries = [entry for resource in resources for entry in _entries(resource)]
    name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": entries}


def _entries(resource: ApiResource) -> list[Object]:
    entry: Object = {
        "name": resource.plural,
        "singularName": resource.singular or resource.kind.lower(),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    return [entry, *(_subentry(resource, each) for each in resource.subresources)]


def _subentry(resource: ApiResource, part: Subresource) -> Object:
    entry: Object = {
        "name": f"{resource.plural}/{part.name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": part.kind or resource.kind,
        "verbs": list(part.verbs),
    }
    return entry | ({"group": part.group, "version": part.version} if part.version else {})


# The aggregated form


def aggregated(catalogue: Catalogue, groups: list[str], version: str) -> Object:
    """Answer ``/api`` or ``/apis`` for clients that want it all in one piece; ``version`` is v2 or v2beta1."""
    items = [
        {
            "metadata": {"name": name, "creationTimestamp": None} if name else {"creationTimestamp": None},
            "versions": [_version(catalogue, name, each) for each in _by_priority(catalogue.versions()[name])],
        }
        for name in groups
    ]
    kind = "APIGroupDiscoveryList"
    return {"kind": kind, "apiVersion": f"apidiscovery.k8s.io/{version}", "metadata": {}, "items": items}


def _version(catalogue: Catalogue, group: str, version: str) -> Object:
    resources = [_discovered(resource) for resource in catalogue.in_version(group, version)]
    return {"version": version, "resources": resources, "freshness": "Current"}


def _discovered(resource: ApiResource) -> Object:
    entry: Object = {
        "resource": resource.plural,
        "responseKind": _response_kind(resource.group, resource.version, resource.kind),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular or resource.kind.lower(),
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    parts = [_discovered_part(resource, each) for each in resource.subresources]
    return entry | ({"subresources": parts} if parts else {})


def _discovered_part(resource: ApiResource, part: Subresource) -> Object:
    group, version = (part.group, part.version) if part.version else (resource.group, resource.version)
    kind = _response_kind(group, version, part.kind or resource.kind)
    return {"subresource": part.name, "responseKind": kind, "verbs": list(part.verbs)}


def _response_kind(group: str, version: str, kind: str) -> Object:
    return {"group": group, "version": version, "kind": kind}
