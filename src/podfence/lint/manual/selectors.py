"""Rules about selectors: what they match, and what people take them for."""

from __future__ import annotations

from podfence.manifests.manual.rule import deployment, documents, error, namespace, network_policy

_META = "name: api\nnamespace: shop"
_API = deployment("api")
_WEB = deployment("web")
_SPACES = documents(namespace("shop"), namespace("monitoring"))
_PROMETHEUS = deployment("prometheus", namespace="monitoring")


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

RULES = (NAMESPACE_LABEL,)
