"""Finds who judges the objects of a resource: one shape for policies, other built-in kinds and custom resources.

What the judges say is written in ``podfence.manifests.validation``, which ``check`` shares.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from podfence.lab.apiserver.resources import ApiResource
from podfence.lab.apiserver.schemaless import SchemalessAdmission
from podfence.manifests.validation import admission as policies
from podfence.manifests.validation.admission import Api, Server
from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.decoding import Decoded

Object = dict[str, Any]


class Said(Protocol):
    """A warning of the server."""

    @property
    def message(self) -> str:
        """Its text."""


class Admission(Protocol):
    """The way of an object into the store."""

    def decode(self, value: Object, *, strict: bool) -> Decoded:
        """Read an object's JSON value."""

    def default(self, value: Object) -> Object:
        """Fill in defaults."""

    def prepare(self, value: Object, namespace: str) -> Object:
        """Do what the server does to a new object before it validates it."""

    def validate_create(self, value: Object) -> Iterable[Cause]:
        """Judge a new object."""

    def validate_update(self, new: Object, old: Object) -> Iterable[Cause]:
        """Judge a change."""

    def warnings(self, value: Object) -> Iterable[Said]:
        """Give what is accepted but said."""

    def stored(self, value: Object) -> Object:
        """Give the object as the store keeps it."""


class PolicyAdmission(msgspec.Struct, frozen=True):
    """The four policy kinds."""

    api: Api
    server: Server

    def decode(self, value: Object, *, strict: bool) -> Decoded:
        """Read a policy."""
        return policies.decode(self.api, value, strict=strict, channel=self.server.channel, sort=False)

    def default(self, value: Object) -> Object:
        """Fill in defaults."""
        return policies.default(self.api, value, self.server.channel)

    def prepare(self, value: Object, namespace: str) -> Object:
        """Fill in metadata."""
        return policies.prepare(self.api, value, namespace)

    def validate_create(self, value: Object) -> Iterable[Cause]:
        """Judge a new policy."""
        return policies.validate_create(self.api, value, self.server)

    def validate_update(self, new: Object, old: Object) -> Iterable[Cause]:
        """Judge a change."""
        return policies.validate_update(self.api, new, old, self.server)

    def warnings(self, value: Object) -> Iterable[Said]:
        """Give warnings."""
        return policies.warnings(self.api, value)

    def stored(self, value: Object) -> Object:
        """Give the policy as stored."""
        return policies.stored(self.api, value)


class Admissions:
    """The judges of all resources; those of custom resources are told as their CRDs come and go."""

    def __init__(self, server: Server) -> None:
        self._found: dict[tuple[str, str], Admission] = {api.value: PolicyAdmission(api, server) for api in Api}

    def of(self, resource: ApiResource) -> Admission:
        """Find the judge of a resource."""
        key = (resource.api_version, resource.kind)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = builtin_admission(resource)
        return found

    def add(self, resource: ApiResource, admission: Admission) -> None:
        """Let a custom resource be judged."""
        self._found[resource.api_version, resource.kind] = admission

    def remove(self, resource: ApiResource) -> None:
        """Forget the judge of a custom resource."""
        self._found.pop((resource.api_version, resource.kind), None)


def builtin_admission(resource: ApiResource) -> Admission:
    """Give the judge of a built-in kind."""
    return SchemalessAdmission(resource)
