"""What the server serves: one entry for each resource of each API version, and the catalogue that finds them.

Built-in resources stand in ``builtin``; custom resources come and go with their CRDs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from podfence.lab.interface import Resource

ALL_VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


class Subresource(msgspec.Struct, frozen=True):
    """A part of an object with an address of its own; the kind is that of what is sent and answered."""

    name: str
    verbs: tuple[str, ...]
    group: str = ""
    version: str = ""
    kind: str = ""


class ApiResource(msgspec.Struct, frozen=True):
    """A resource in one API version, as discovery tells of it; ``deprecation`` is a warning in every answer.

    ``alias_of`` is the API version under which its objects are stored, where it is another.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[Subresource, ...] = ()
    unconditional_update: bool = True
    create_on_update: bool = False
    returns_deleted: bool = False
    custom: bool = False
    list_kind: str = ""
    deprecation: str = ""
    alias_of: str = ""

    @property
    def api_version(self) -> str:
        """Group and version as objects write them."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> Resource:
        """The collection, whatever the version."""
        return Resource(self.group, self.plural)

    @property
    def kind_of_list(self) -> str:
        """The kind of a list of these."""
        return self.list_kind or f"{self.kind}List"

    def subresource(self, name: str) -> Subresource | None:
        """Find a subresource."""
        return next((each for each in self.subresources if each.name == name), None)


class Catalogue:
    """All resources that are served at the moment; ``generation`` counts its changes."""

    def __init__(self, resources: Iterator[ApiResource] | tuple[ApiResource, ...]) -> None:
        self._by_path: dict[tuple[str, str, str], ApiResource] = {}
        self._preferred: dict[Resource, ApiResource] = {}
        self._by_kind: dict[tuple[str, str], ApiResource] = {}
        self.generation = 0
        for resource in resources:
            self.add(resource)

    def add(self, resource: ApiResource) -> None:
        """Serve a resource; of several versions the first that was added is the one that is stored."""
        self._by_path[resource.group, resource.version, resource.plural] = resource
        self._preferred.setdefault(resource.resource, resource)
        self._by_kind[resource.api_version, resource.kind] = resource
        self.generation += 1

    def remove(self, resource: Resource) -> None:
        """Serve no version of a resource any more."""
        gone = [each for each in self._by_path.values() if each.resource == resource]
        for each in gone:
            del self._by_path[each.group, each.version, each.plural]
            self._by_kind.pop((each.api_version, each.kind), None)
        self._preferred.pop(resource, None)
        self.generation += 1

    def find(self, group: str, version: str, plural: str) -> ApiResource | None:
        """Find a resource by the parts of its path."""
        return self._by_path.get((group, version, plural))

    def preferred(self, resource: Resource) -> ApiResource:
        """Give the version in which a resource is stored; raises ``KeyError`` for one that is not served."""
        return self._preferred[resource]

    def of_kind(self, api_version: str, kind: str) -> ApiResource | None:
        """Find a resource by what an object says of itself."""
        return self._by_kind.get((api_version, kind))

    def __iter__(self) -> Iterator[ApiResource]:
        return iter(tuple(self._by_path.values()))

    def versions(self) -> dict[str, list[str]]:
        """List the versions of each group, in the order of their adding."""
        groups: dict[str, list[str]] = {}
        for group, version, _ in self._by_path:
            known = groups.setdefault(group, [])
            if version not in known:
                known.append(version)
        return groups

    def in_version(self, group: str, version: str) -> list[ApiResource]:
        """List the resources of a group and version, by plural name."""
        found = [each for each in self._by_path.values() if (each.group, each.version) == (group, version)]
        return sorted(found, key=lambda each: each.plural)
