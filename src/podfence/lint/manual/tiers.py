"""Rules about the cluster-scoped policies, whose order decides."""

from __future__ import annotations

from podfence.manifests.manual.rule import cluster_network_policy, deployment, documents, namespace, warning

_SPACES = documents(namespace("shop"), namespace("guests", "{trust: none}"))
_API = deployment("api")
_PROBE = deployment("probe", namespace="guests")


def _rule(action: str, name: str, priority: int) -> str:
    text = cluster_network_policy(
        f"ingress:\n- action: {action}\n  from:\n  - namespaces: {{matchLabels: {{trust: none}}}}", f"name: {name}"
    )
    return text.replace("priority: 10", f"priority: {priority}")


PRIORITY_TIE = warning(
    "PF260",
    "priority-tie",
    what="Two policies of one tier and priority say opposite things about the same connections.",
    why="The API leaves open which of them comes first. Podfence goes by name; a plugin may choose otherwise, and "
    "choose anew after a restart.",
    example=documents(_SPACES, _API, _PROBE, _rule("Deny", "guard", 10), _rule("Accept", "monitoring", 10)),
    fix=documents(_SPACES, _API, _PROBE, _rule("Deny", "guard", 10), _rule("Accept", "monitoring", 9)),
)

RULES = (PRIORITY_TIE,)
