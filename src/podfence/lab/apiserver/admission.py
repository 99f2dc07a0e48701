"""Finds who judges the objects of a resource: policies, other built-in kinds, custom resources.

What the judges of built-in kinds say is written in ``podfence.manifests.validation``, which ``check`` shares.
"""

from __future__ import annotations

from podfence.lab.apiserver.resources import ApiResource
from podfence.manifests.validation.admission import Server
from podfence.manifests.validation.kinds import Admission, admission_for


class Admissions:
    """The judges of all resources; those of custom resources are told as their CRDs come and go."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._custom: dict[tuple[str, str], Admission] = {}

    def of(self, resource: ApiResource) -> Admission:
        """Find the judge of a resource; raises ``KeyError`` for one that has no objects, such as a review."""
        key = (resource.api_version, resource.kind)
        # The policy APIs are custom resources whose judges are ours, whatever their CRD says.
        found = admission_for(*key, self._server) or self._custom.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def add(self, resource: ApiResource, admission: Admission) -> None:
        """Let a custom resource be judged."""
        self._custom[resource.api_version, resource.kind] = admission

    def remove(self, resource: ApiResource) -> None:
        """Forget the judge of a custom resource."""
        self._custom.pop((resource.api_version, resource.kind), None)
