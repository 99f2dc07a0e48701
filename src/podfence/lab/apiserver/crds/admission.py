"""Admission of custom resources by the schema of their CRD."""

from __future__ import annotations

from typing import Any

import msgspec

from podfence.manifests.validation.admission import Warned
from podfence.manifests.validation.cause import Cause, unknown_field, wrong_type
from podfence.manifests.validation.decoding import Decoded, decode_record
from podfence.manifests.validation.metadata import (
    finalizer_warnings,
    owner_reference_warnings,
    unique_owner_references,
    validate_metadata,
    validate_metadata_update,
    with_generated_name,
)
from podfence.manifests.validation.network_policy_types import OBJECT_META
from podfence.manifests.validation.schema import Schema, prune_object, with_defaults
from podfence.manifests.validation.schema_validation import validate_by_schema
from podfence.manifests.validation.strategy import Strategy

Object = dict[str, Any]


class CustomAdmission(msgspec.Struct, frozen=True):
    """How objects of one custom resource are admitted; ``has_status`` tells whether the status is a subresource."""

    schema: Schema
    namespaced: bool
    has_status: bool

    def _strategy(self) -> Strategy:
        uncounted = {"metadata", "apiVersion", "kind", *(("status",) if self.has_status else ())}
        return Strategy(status=self.has_status, counted=tuple(sorted(self.schema.properties.keys() - uncounted)))

    def decode(self, value: Object, *, strict: bool = True, sort: bool = True) -> Decoded:
        """Read the metadata as that of every kind, the rest by the schema."""
        unknown: list[str] = []
        given = value.get("metadata")
        metadata = decode_record(OBJECT_META, given if isinstance(given, dict) else {}, strict=strict, sort=sort)
        pruned = prune_object(self.schema, value, "", unknown)
        pruned["metadata"] = metadata.value
        wrong = tuple(wrong_type(f"metadata.{cause.field}", cause.message) for cause in metadata.wrong_types)
        faults = (*(f"metadata.{cause.field}" for cause in metadata.strict), *sorted(unknown))
        return Decoded(pruned, wrong, tuple(map(unknown_field, faults)) if strict else ())

    def default(self, value: Object) -> Object:
        """Fill in the schema's defaults."""
        filled: Object = with_defaults(self.schema, value)  # type: ignore[assignment]  # an object stays one
        return filled

    def prepare(self, value: Object, namespace: str = "default") -> Object:
        """Prepare a create."""
        metadata = with_generated_name(value.get("metadata") or {})
        if self.namespaced:
            metadata["namespace"] = metadata.get("namespace") or namespace
        else:
            metadata.pop("namespace", None)
        if metadata.get("ownerReferences"):
            metadata["ownerReferences"] = unique_owner_references(metadata["ownerReferences"])
        return self._strategy().created({**value, "metadata": metadata})

    def prepare_update(self, new: Object, old: Object, subresource: str = "") -> Object:
        """Prepare an update; a status is written without labels and annotations."""
        prepared = self._strategy().updated(new, old, subresource)
        if subresource == "status":
            prepared["metadata"] = {**old["metadata"], "managedFields": prepared["metadata"].get("managedFields")}
            if "resourceVersion" in new["metadata"]:
                prepared["metadata"]["resourceVersion"] = new["metadata"]["resourceVersion"]
        return prepared

    def validate_create(self, value: Object) -> tuple[Cause, ...]:
        """Judge a new object."""
        metadata = validate_metadata(value["metadata"], namespaced=self.namespaced, builtin=False)
        return tuple(validate_by_schema(self.schema, value, metadata))

    def validate_update(self, new: Object, old: Object, subresource: str = "") -> tuple[Cause, ...]:
        """Judge a changed object."""
        del subresource
        metadata = validate_metadata_update(new["metadata"], old["metadata"], builtin=False)
        return tuple(validate_by_schema(self.schema, new, metadata, old))

    def warnings(self, value: Object) -> tuple[Warned, ...]:
        """Warn of repeated owners and unqualified finalizers."""
        metadata = value["metadata"]
        owners = owner_reference_warnings(metadata.get("ownerReferences") or ())
        finalizers = finalizer_warnings(metadata.get("finalizers") or ())
        return (
            *(Warned("metadata.ownerReferences", message, "owner-repeated") for message in owners),
            *(Warned("metadata.finalizers", message, "finalizer-unqualified") for message in finalizers),
        )

    def stored(self, value: Object) -> Object:
        """Keep everything."""
        return value
