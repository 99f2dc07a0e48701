"""Admission of kinds of which no fields are known: the metadata is judged as for every kind, the rest is kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from podfence.lab.apiserver.resources import ApiResource
from podfence.manifests.validation.admission import Warned
from podfence.manifests.validation.cause import Cause, unknown_field
from podfence.manifests.validation.decoding import Decoded, decode_record
from podfence.manifests.validation.metadata import (
    owner_reference_warnings,
    unique_owner_references,
    validate_metadata,
    validate_metadata_update,
)
from podfence.manifests.validation.network_policy_types import OBJECT_META

Object = dict[str, Any]


class SchemalessAdmission(msgspec.Struct, frozen=True):
    """Takes every object with sound metadata."""

    resource: ApiResource

    def decode(self, value: Object, *, strict: bool) -> Decoded:
        """Read the metadata; nulls elsewhere are dropped."""
        given = value.get("metadata")
        metadata = decode_record(OBJECT_META, given if isinstance(given, dict) else {}, strict=strict, sort=False)
        unknown = tuple(unknown_field(f"metadata.{cause.field}") for cause in metadata.strict)
        return Decoded({**without_nulls(value), "metadata": metadata.value}, metadata.wrong_types, unknown)

    def default(self, value: Object) -> Object:
        """Leave the object as it is."""
        return value

    def prepare(self, value: Object, namespace: str) -> Object:
        """Fill in the namespace and drop repeated owners."""
        metadata = dict(value["metadata"])
        if self.resource.namespaced:
            metadata["namespace"] = metadata.get("namespace") or namespace
        else:
            metadata.pop("namespace", None)
        if metadata.get("ownerReferences"):
            metadata["ownerReferences"] = unique_owner_references(metadata["ownerReferences"])
        return {**value, "metadata": metadata}

    def validate_create(self, value: Object) -> Iterable[Cause]:
        """Judge the metadata."""
        return validate_metadata(value["metadata"], namespaced=self.resource.namespaced, builtin=True)

    def validate_update(self, new: Object, old: Object) -> Iterable[Cause]:
        """Judge the changed metadata."""
        return validate_metadata_update(new["metadata"], old["metadata"], builtin=True)

    def warnings(self, value: Object) -> Iterable[Warned]:
        """Warn of repeated owners."""
        owners = owner_reference_warnings(value["metadata"].get("ownerReferences") or ())
        return [Warned("metadata.ownerReferences", message, "owner-repeated") for message in owners]

    def stored(self, value: Object) -> Object:
        """Keep everything."""
        return value


def without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    """Drop the fields of an object that are null, at any depth of objects."""
    return {
        name: without_nulls(entry) if isinstance(entry, dict) else entry
        for name, entry in value.items()
        if entry is not None
    }
