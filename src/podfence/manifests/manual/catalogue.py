"""All rules of this layer, found by id or by name."""

from __future__ import annotations

from podfence.manifests.manual import cluster_policy, metadata, network_policy, text
from podfence.manifests.manual.rule import Rule

RULES: tuple[Rule, ...] = tuple(
    sorted((*text.RULES, *metadata.RULES, *network_policy.RULES, *cluster_policy.RULES), key=lambda rule: rule.id)
)

BY_NAME = {rule.name: rule for rule in RULES}
"""Every rule by its name, which is what validation puts into a cause."""
