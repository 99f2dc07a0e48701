"""The way of any object through the API server: decode, default, prepare, validate, warn, store.

``admission_for`` finds what one kind goes through. The policy kinds have their own module (``admission``); every other
built-in kind is its record in the table of types, its defaults, its strategy and its rules. All of it is pure, works
on plain data as JSON gives it, and changes nothing that it is given.
"""

from __future__ import annotations

import functools
from typing import Any, Protocol

import msgspec

from podfence.manifests.types import RecordType, meta_type, type_of
from podfence.manifests.validation import admission, service_strategy
from podfence.manifests.validation.admission import Api, Server, Warned
from podfence.manifests.validation.cause import Cause, invalid
from podfence.manifests.validation.decoding import Decoded, decode_record
from podfence.manifests.validation.defaults.walk import with_record_defaults
from podfence.manifests.validation.go_types import go_record
from podfence.manifests.validation.go_values import settle, without_nulls, written
from podfence.manifests.validation.metadata import (
    owner_reference_warnings,
    unique_owner_references,
    validate_metadata,
    validate_metadata_update,
    with_generated_name,
)
from podfence.manifests.validation.rules.catalogue import rules_of
from podfence.manifests.validation.rules.causes import not_negative
from podfence.manifests.validation.rules.interface import Rules
from podfence.manifests.validation.rules.services import validate_cluster_addresses, validate_status
from podfence.manifests.validation.scope import is_namespaced
from podfence.manifests.validation.strategy import Strategy, strategy_of

Object = dict[str, Any]


class Admission(Protocol):
    """What the server does with objects of one kind, step by step and in this order.

    ``decode`` takes a JSON value; ``default`` takes what decoding gave; ``prepare`` (for a create) and
    ``prepare_update`` take a defaulted object; validation, warnings and ``stored`` take a prepared one.
    """

    @property
    def namespaced(self) -> bool:
        """Tell whether objects of the kind are in namespaces."""

    def decode(self, value: Object, *, strict: bool = True, sort: bool = True) -> Decoded:
        """Decode a JSON value; ``sort`` is for values that were YAML, whose keys the server sorts."""

    def default(self, value: Object) -> Object:
        """Fill in the defaults."""

    def prepare(self, value: Object, namespace: str = "default") -> Object:
        """Do what a create does before it validates: name, namespace, status and what only the server may set."""

    def prepare_update(self, new: Object, old: Object, subresource: str = "") -> Object:
        """Do what an update does before it validates: keep what it may not change, count the generation.

        ``subresource`` is ``""``, ``"status"`` or a part that the kind's strategy knows.
        """

    def validate_create(self, value: Object) -> tuple[Cause, ...]:
        """Judge a new object; no causes mean that it is fine."""

    def validate_update(self, new: Object, old: Object, subresource: str = "") -> tuple[Cause, ...]:
        """Judge a changed object."""

    def warnings(self, value: Object) -> tuple[Warned, ...]:
        """Give what the server warns of when it accepts a decoded and defaulted object."""

    def stored(self, value: Object) -> Object:
        """Give the object as a GET shows it."""


@functools.cache
def admission_for(api_version: str, kind: str, server: Server = admission.NEWEST) -> Admission | None:
    """Find how objects of a kind are admitted; ``None`` for kinds that are neither built in nor policies."""
    for api in Api:
        if (api.api_version, api.kind) == (api_version, kind):
            return PolicyAdmission(api, server)
    record = type_of(api_version, kind)
    if record is None or "metadata" not in record.fields or record.fields["metadata"].record != meta_type("ObjectMeta"):
        return None
    name = f"{api_version}/{kind}"
    if name == "v1/Service":
        return ServiceAdmission(
            api_version, kind, record, rules_of(name), strategy_of(name), namespaced=True, families=server.ip_families
        )
    return BuiltinAdmission(api_version, kind, record, rules_of(name), strategy_of(name), is_namespaced(name))


class BuiltinAdmission(msgspec.Struct, frozen=True):
    """How objects of one built-in kind are admitted."""

    api_version: str
    kind: str
    record: RecordType
    rules: Rules
    strategy: Strategy
    namespaced: bool

    def decode(self, value: Object, *, strict: bool = True, sort: bool = True) -> Decoded:
        """Decode a JSON value; see ``Admission``."""
        return decode_record(go_record(self.record.name), value, strict=strict, sort=sort)

    def default(self, value: Object) -> Object:
        """Fill in the defaults; see ``Admission``."""
        return with_record_defaults(self.record, settle(self.record, value))

    def prepare(self, value: Object, namespace: str = "default") -> Object:
        """Prepare a create; see ``Admission``."""
        metadata = with_generated_name(value.get("metadata") or {})
        for name in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
            metadata.pop(name, None)
        if self.namespaced:
            metadata["namespace"] = metadata.get("namespace") or namespace
        else:
            metadata.pop("namespace", None)
        if metadata.get("ownerReferences"):
            metadata["ownerReferences"] = unique_owner_references(metadata["ownerReferences"])
        return self.strategy.created({**value, "metadata": metadata})

    def prepare_update(self, new: Object, old: Object, subresource: str = "") -> Object:
        """Prepare an update; see ``Admission``."""
        if subresource == "status":
            # What is wanted stays the stored object itself, so there is nothing to compare.
            return self.strategy.updated(new, old, subresource)
        return self.strategy.updated(self._as_stored(new), self._as_stored(old), subresource)

    def _as_stored(self, value: Object) -> Object:
        # Two objects that are stored alike must be equal here, however much of them was written down.
        return settle(self.record, without_nulls(written(self.record, self.default(value))))

    def validate_create(self, value: Object) -> tuple[Cause, ...]:
        """Judge a new object; see ``Admission``."""
        metadata = validate_metadata(
            value.get("metadata") or {}, namespaced=self.namespaced, builtin=True, name_rule=self.rules.name
        )
        generation = not_negative("metadata.generation", value["metadata"].get("generation"))
        return (*metadata, *generation, *self.rules.validate(value))

    def validate_update(self, new: Object, old: Object, subresource: str = "") -> tuple[Cause, ...]:
        """Judge a changed object; see ``Admission``."""
        rules, given = self.rules, new.get("metadata") or {}
        if not self.strategy.unconditional and not given.get("resourceVersion"):
            return (invalid("metadata.resourceVersion", 0, "must be specified for an update", "metadata-immutable"),)
        metadata = [
            *validate_metadata_update(
                given,
                old.get("metadata") or {},
                builtin=True,
                again=rules.metadata_again,
                bare_finalizers=rules.bare_finalizers,
            )
        ]
        if subresource and subresource not in rules.parts:
            return tuple(metadata)
        if rules.metadata_as_new:
            metadata += validate_metadata(given, namespaced=self.namespaced, builtin=True, name_rule=rules.name)
        judge = rules.parts.get(subresource, rules.validate_update)
        return (*metadata, *(rules.validate(new) if judge is None else judge(new, self._as_stored(old))))

    def warnings(self, value: Object) -> tuple[Warned, ...]:
        """Give what the server warns of; see ``Admission``."""
        owners = owner_reference_warnings((value.get("metadata") or {}).get("ownerReferences") or ())
        found = [Warned("metadata.ownerReferences", message, "owner-repeated") for message in owners]
        return (*found, *(Warned(text.partition(":")[0], text, "") for text in self.rules.warnings(value)))

    def stored(self, value: Object) -> Object:
        """Give the object as a GET shows it; see ``Admission``."""
        # Defaults are filled in once more when an object is read.
        shown = written(self.record, with_record_defaults(self.record, value))
        return {**shown, "kind": self.kind, "apiVersion": self.api_version}


class ServiceAdmission(BuiltinAdmission, frozen=True, kw_only=True):
    """How Services are admitted: what their addresses can be depends on the cluster."""

    families: tuple[str, ...]

    def prepare(self, value: Object, namespace: str = "default") -> Object:
        """Prepare a create; see ``Admission``."""
        return service_strategy.created(BuiltinAdmission.prepare(self, value, namespace), self.families)

    def prepare_update(self, new: Object, old: Object, subresource: str = "") -> Object:
        """Prepare an update; see ``Admission``."""
        prepared = BuiltinAdmission.prepare_update(self, new, old, subresource)
        return prepared if subresource else service_strategy.updated(prepared, old, self.families)

    def validate_create(self, value: Object) -> tuple[Cause, ...]:
        """Judge a new object; see ``Admission``."""
        # Addresses are looked at before anything else, and other faults go unmentioned if they cannot be.
        found = tuple(validate_cluster_addresses(value)) or BuiltinAdmission.validate_create(self, value)
        return found or (
            tuple(service_strategy.validate_families(value, self.families))
            or tuple(service_strategy.validate_node_ports(value))
        )

    def validate_update(self, new: Object, old: Object, subresource: str = "") -> tuple[Cause, ...]:
        """Judge a changed object; see ``Admission``."""
        found = tuple(validate_status(new) if subresource else validate_cluster_addresses(new, old))
        found = found or BuiltinAdmission.validate_update(self, new, old, subresource)
        if found or subresource:
            return found
        families = tuple(service_strategy.validate_families(new, self.families))
        return families or tuple(service_strategy.validate_node_ports(new))


class PolicyAdmission(msgspec.Struct, frozen=True):
    """How objects of a policy kind are admitted; everything that matters is in ``admission``."""

    api: Api
    server: Server

    @property
    def namespaced(self) -> bool:
        """Tell whether objects of the kind are in namespaces."""
        return self.api.builtin

    def decode(self, value: Object, *, strict: bool = True, sort: bool = True) -> Decoded:
        """Decode a JSON value; see ``Admission``."""
        return admission.decode(self.api, value, strict=strict, sort=sort, channel=self.server.channel)

    def default(self, value: Object) -> Object:
        """Fill in the defaults; see ``Admission``."""
        return admission.default(self.api, value, self.server.channel)

    def prepare(self, value: Object, namespace: str = "default") -> Object:
        """Prepare a create; see ``Admission``."""
        prepared = admission.prepare(self.api, value, namespace)
        prepared.pop("status", None)
        return {**prepared, "metadata": {**prepared["metadata"], "generation": 1}}

    def prepare_update(self, new: Object, old: Object, subresource: str = "") -> Object:
        """Prepare an update; see ``Admission``."""
        return Strategy().updated(new, old, subresource)

    def validate_create(self, value: Object) -> tuple[Cause, ...]:
        """Judge a new object; see ``Admission``."""
        return admission.validate_create(self.api, value, self.server)

    def validate_update(self, new: Object, old: Object, subresource: str = "") -> tuple[Cause, ...]:
        """Judge a changed object; see ``Admission``."""
        del subresource
        return admission.validate_update(self.api, new, old, self.server)

    def warnings(self, value: Object) -> tuple[Warned, ...]:
        """Give what the server warns of; see ``Admission``."""
        return admission.warnings(self.api, value)

    def stored(self, value: Object) -> Object:
        """Give the object as a GET shows it, with all its metadata; see ``Admission``."""
        shown = admission.stored(self.api, value)
        kept = {**value["metadata"], **shown["metadata"]}
        shown["metadata"] = {name: entry for name, entry in kept.items() if entry not in (None, "", [], {})}
        return shown | ({"status": value["status"]} if value.get("status") else {})
