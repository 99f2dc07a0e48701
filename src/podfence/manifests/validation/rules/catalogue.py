"""The rules of every kind that has any beyond its type and its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from podfence.manifests.validation.rules import (
    cluster,
    configuration,
    endpoints,
    ingresses,
    jobs,
    limits,
    pods,
    registrations,
    roles,
    services,
    storage,
    workloads,
)
from podfence.manifests.validation.rules.interface import Rules

_NONE: Final = Rules()
RULES: Final[Mapping[str, Rules]] = {
    **pods.RULES,
    **services.RULES,
    **endpoints.RULES,
    **ingresses.RULES,
    **workloads.RULES,
    **jobs.RULES,
    **storage.RULES,
    **configuration.RULES,
    **roles.RULES,
    **cluster.RULES,
    **limits.RULES,
    **registrations.RULES,
}


def rules_of(name: str) -> Rules:
    """Give the rules of a kind, written ``apps/v1/Deployment``."""
    return RULES.get(name, _NONE)
