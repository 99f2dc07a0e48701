"""Reading and the last step of writing: the objects under the rules that hold for every resource.

The verbs that change objects stand in modules of their own (``creation``, ``changes``, ``deletion``); they share
what is here: the store, the catalogue, the judges, clock and chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from podfence.lab.apiserver.admission import Admissions
from podfence.lab.apiserver.merge_types import MergeType, of_builtin
from podfence.lab.apiserver.names import Making, rfc3339
from podfence.lab.apiserver.options import NO_REPEATS, Repeats, WriteOptions
from podfence.lab.apiserver.resources import ApiResource, Catalogue
from podfence.lab.apiserver.status import StatusError, bad_request, invalid, not_found
from podfence.lab.apiserver.storage import Entry, Key, Storage
from podfence.lab.apiserver.strategies import Strategies
from podfence.lab.apiserver.tables.choice import builtin_columns
from podfence.lab.apiserver.tables.table import TableColumns
from podfence.lab.interface import Resource
from podfence.manifests.validation.cause import invalid as invalid_value
from podfence.manifests.validation.decoding import Decoded

Object = dict[str, Any]

SERVER_METADATA: Final = (
    *("uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"),
    "managedFields",
)
"""Metadata that clients cannot set."""


class Written(msgspec.Struct, frozen=True):
    """The outcome of a write: the object as stored, and what the client is warned of."""

    value: Object
    warnings: tuple[str, ...] = ()
    created: bool = False


class Registry:
    """All that the verbs work on."""

    def __init__(
        self,
        storage: Storage,
        catalogue: Catalogue,
        admissions: Admissions,
        making: Making,
        strategies: Strategies,
    ) -> None:
        self.storage = storage
        self.strategies = strategies
        self.catalogue = catalogue
        self.admissions = admissions
        self.making = making
        self.merge_types: dict[tuple[str, str], MergeType] = {}
        self.custom_columns: dict[tuple[str, str], TableColumns] = {}
        self.own_warnings: dict[Resource, Callable[[Object], Iterable[str]]] = {}
        self.custom_schemas: dict[tuple[str, str], Object] = {}

    def now(self) -> str:
        """Give the time as objects write it."""
        return rfc3339(self.making.now())

    def columns(self, resource: ApiResource) -> TableColumns:
        """Tell how objects of a resource are shown in tables."""
        found = self.custom_columns.get((resource.api_version, resource.kind))
        return found or builtin_columns(resource.resource)

    def merge_type(self, resource: ApiResource) -> MergeType:
        """Tell how objects of a resource are merged."""
        return self.merge_types.get((resource.api_version, resource.kind)) or of_builtin(
            resource.api_version, resource.kind
        )

    def find(self, resource: ApiResource, key: Key) -> Entry:
        """Find an object; raises 404."""
        entry = self.storage.get(resource.resource, key)
        if entry is None:
            raise not_found(resource.group, resource.plural, key[1])
        return entry

    def read(
        self,
        resource: ApiResource,
        value: Object,
        options: WriteOptions,
        repeats: Repeats = NO_REPEATS,
        patch: str | None = None,
    ) -> tuple[Object, list[str]]:
        """Decode an object and fill in its defaults; gives it with the warnings about its text.

        ``patch`` is what to show of the patch that made it, if one did. Raises ``StatusError`` in the server's words.
        """
        admission = self.admissions.of(resource)
        decoded = admission.decode(value, strict=options.validation != "Ignore", sort=repeats.in_yaml)
        faults = self._faults(resource, decoded, options, repeats, patch)
        read = {**decoded.value, "apiVersion": resource.api_version, "kind": resource.kind}
        read["metadata"] = dict(read.get("metadata") or {})
        return admission.default(read), faults

    def _faults(
        self, resource: ApiResource, decoded: Decoded, options: WriteOptions, repeats: Repeats, patch: str | None
    ) -> list[str]:
        if decoded.wrong_types:
            raise _unreadable(resource, decoded.wrong_types[0].message, patch)
        if options.validation == "Ignore":
            return []
        unknown = [cause.message for cause in decoded.strict]
        faults = repeats.among(unknown)
        if faults and options.validation == "Strict":
            raise _unreadable(resource, f"strict decoding error: {repeats.joined(unknown)}", patch)
        return faults

    def warnings(self, resource: ApiResource, value: Object) -> list[str]:
        """Give what the server warns of when it accepts an object."""
        own = self.own_warnings.get(resource.resource)
        said = [each.message for each in self.admissions.of(resource).warnings(value)]
        return [*said, *(own(value) if own else ())]

    def keep(self, resource: ApiResource, value: Object) -> Object:
        """Bring an accepted object into the form that is stored."""
        kept: Object = {"kind": resource.kind, "apiVersion": resource.api_version}
        kept |= self.admissions.of(resource).stored(value)
        kept["metadata"] = {name: entry for name, entry in kept["metadata"].items() if entry not in ({}, [], None)}
        return kept


def _unreadable(resource: ApiResource, why: str, patch: str | None) -> StatusError:
    """Refuse what cannot be decoded: the object that was sent, or what a patch made."""
    if patch is None:
        start = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
        return bad_request(start + why)
    if why.startswith("illegal base64"):
        why = f"error decoding from json: {why}"
    return invalid("", "", "", (invalid_value("patch", patch, why, "patch"),))


def check_name(value: Object, name: str) -> None:
    """Refuse an object that has another name than the request's path."""
    own = value["metadata"].get("name")
    if not own:
        value["metadata"]["name"] = name
    elif own != name:
        raise bad_request(f"the name of the object ({own}) does not match the name on the URL ({name})")


def check_namespace(resource: ApiResource, value: Object, namespace: str) -> None:
    """Refuse an object that has another namespace than the request's path."""
    own = value["metadata"].get("namespace")
    if resource.namespaced and own and own != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
