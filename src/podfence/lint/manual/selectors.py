"""Rules about selectors: what they match, and what people take them for."""

from __future__ import annotations

from podfence.manifests.manual.rule import deployment, documents, error, info, namespace, network_policy, warning

_META = "name: api\nnamespace: shop"
_API = deployment("api")
_WEB = deployment("web")
_SPACES = documents(namespace("shop"), namespace("monitoring"))
_PROMETHEUS = deployment("prometheus", namespace="monitoring")
_GRAFANA = deployment("grafana", namespace="monitoring")
_HOST_WEB = deployment("web").replace("      containers:", "      hostNetwork: true\n      containers:")
_MONITORING = "- namespaceSelector:\n    matchLabels: {kubernetes.io/metadata.name: monitoring}"
_LABELS = "    matchLabels: {app: prometheus}"


def _from(peers: str, pods: str = "api") -> str:
    lines = "\n".join(f"  {line}" for line in peers.splitlines())
    spec = f"podSelector:\n  matchLabels: {{app: {pods}}}\ningress:\n- from:\n{lines}\n  ports:\n  - port: 9090"
    return network_policy(spec, _META)


NAMESPACE_LABEL = error(
    "PF130",
    "namespace-label",
    what="A namespaceSelector matches no namespace, but names one that exists without such a label.",
    why="A namespaceSelector looks at labels, and a namespace does not carry its name as the label `name`. The only "
    "label that every namespace has is kubernetes.io/metadata.name.",
    example=documents(_SPACES, _API, _PROMETHEUS, _from("- namespaceSelector:\n    matchLabels: {name: monitoring}")),
    fix=documents(
        _SPACES,
        _API,
        _PROMETHEUS,
        _from("- namespaceSelector:\n    matchLabels: {kubernetes.io/metadata.name: monitoring}"),
    ),
)

POLICY_SELECTS_NOTHING = warning(
    "PF250",
    "policy-selects-nothing",
    what="A policy selects no pod, though the input shows the pods of its namespace.",
    why="Without pods it isolates nobody: what it was written for stays as open as before, and nothing says so.",
    example=documents(_API, network_policy("podSelector:\n  matchLabels: {app: apis}\npolicyTypes: [Ingress]", _META)),
    fix=documents(_API, network_policy("podSelector:\n  matchLabels: {app: api}\npolicyTypes: [Ingress]", _META)),
)

PEER_MATCHES_NOTHING = warning(
    "PF251",
    "peer-matches-nothing",
    what="A peer of a rule matches no pod, or no address, though the input shows every pod that it could mean.",
    why="A peer that matches nobody lets nobody through. A podSelector looks at the labels of pods, not of their "
    "Deployment or Service, and without a namespaceSelector only into the policy's own namespace.",
    example=documents(_API, _WEB, _from("- podSelector:\n    matchLabels: {app: webb}")),
    fix=documents(_API, _WEB, _from("- podSelector:\n    matchLabels: {app: web}")),
)

HOST_NETWORK_PEER = warning(
    "PF120",
    "host-network-peer",
    what="A peer selects only pods on the host network.",
    why="Their traffic carries the address of their node, so no podSelector finds it; what a plugin does with such a "
    "peer is undefined. Only an ipBlock around the nodes matches it.",
    example=documents(_API, _HOST_WEB, _from("- podSelector:\n    matchLabels: {app: web}")),
    fix=documents(_API, _HOST_WEB, _from("- ipBlock: {cidr: 10.0.0.0/16}")),
)

HOST_NETWORK_SUBJECT = info(
    "PF121",
    "host-network-subject",
    what="A policy selects pods on the host network.",
    why="They share the network of their node, which policies do not govern: most plugins ignore them. Whatever their "
    "ports are open to stays open.",
    example=documents(
        _API,
        _HOST_WEB,
        network_policy(
            "podSelector:\n  matchExpressions:\n  - {key: app, operator: Exists}\npolicyTypes: [Ingress]", _META
        ),
    ),
    fix=documents(
        _API, _HOST_WEB, network_policy("podSelector:\n  matchLabels: {app: api}\npolicyTypes: [Ingress]", _META)
    ),
)

AND_OR_DASH = warning(
    "PF190",
    "and-or-dash",
    what="A namespaceSelector and a podSelector stand in a list as two peers, where one peer with both was meant.",
    why="The second dash makes it OR: every pod of those namespaces, or pods with those labels in the policy's own "
    "namespace, where there are none. Without it, it is AND: pods with those labels in those namespaces. A dash before "
    "`ports` does the same to a rule, and is told as an info: every port for the peers, and those ports for anybody.",
    example=documents(_SPACES, _API, _PROMETHEUS, _GRAFANA, _from(f"{_MONITORING}\n- podSelector:\n{_LABELS}")),
    fix=documents(_SPACES, _API, _PROMETHEUS, _GRAFANA, _from(f"{_MONITORING}\n  podSelector:\n{_LABELS}")),
)

RULES = (
    HOST_NETWORK_PEER,
    HOST_NETWORK_SUBJECT,
    NAMESPACE_LABEL,
    AND_OR_DASH,
    POLICY_SELECTS_NOTHING,
    PEER_MATCHES_NOTHING,
)
