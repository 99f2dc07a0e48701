"""Rules about the cluster-scoped policies, whose order decides."""

from __future__ import annotations

from podfence.manifests.manual.rule import cluster_network_policy, deployment, documents, namespace, warning

_SPACES = documents(namespace("shop"), namespace("guests", "{trust: none}"))
_API = deployment("api")
_PROBE = deployment("probe", namespace="guests")


_HTTP = "\n  protocols:\n  - tcp: {destinationPort: {number: 80}}"


def _rule(action: str, name: str, priority: int, ports: str = "") -> str:
    peers = f"ingress:\n- action: {action}\n  from:\n  - namespaces: {{matchLabels: {{trust: none}}}}"
    return cluster_network_policy(peers + ports, f"name: {name}").replace("priority: 10", f"priority: {priority}")


PRIORITY_TIE = warning(
    "PF260",
    "priority-tie",
    what="Two policies of one tier and priority say opposite things about the same connections.",
    why="The API leaves open which of them comes first. Podfence goes by name; a plugin may choose otherwise, and "
    "choose anew after a restart.",
    example=documents(_SPACES, _API, _PROBE, _rule("Deny", "guard", 10), _rule("Accept", "web", 10, _HTTP)),
    fix=documents(_SPACES, _API, _PROBE, _rule("Deny", "guard", 10), _rule("Accept", "web", 9, _HTTP)),
)

DENY_BY_NAME = warning(
    "PF261",
    "deny-by-name",
    what="A rule denies or passes on by domain name.",
    why="The API has domain names for Accept only, and says so in its text alone: a plugin knows the addresses that "
    "pods have been told, so whoever already knows an address, or asks another resolver, is not denied.",
    example=cluster_network_policy('egress:\n- action: Deny\n  to:\n  - domainNames: ["*.bad.example"]'),
    fix=cluster_network_policy(
        'egress:\n- action: Accept\n  to:\n  - domainNames: ["*.good.example"]\n'
        "- action: Deny\n  to:\n  - networks: [0.0.0.0/0]"
    ),
)

RULES = (PRIORITY_TIE, DENY_BY_NAME)
