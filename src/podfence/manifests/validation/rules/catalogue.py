"""The rules of every kind that has any beyond its type and its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from podfence.manifests.validation.rules import (
    configuration,
    endpoints,
    ingresses,
    jobs,
    pods,
    registrations,
    services,
    volumes_claims,
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
    **volumes_claims.RULES,
    **configuration.RULES,
    **registrations.RULES,
}


def rules_of(name: str) -> Rules:
    """Give the rules of a kind, written ``apps/v1/Deployment``."""
    return RULES.get(name, _NONE)
