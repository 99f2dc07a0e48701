"""Rules about Istio's ambient mesh, which carries all traffic between its pods on one port."""

from __future__ import annotations

from podfence.manifests.manual.rule import deployment, documents, error, namespace, network_policy, warning

_META = "name: api\nnamespace: shop"
_SPACE = namespace("shop", "{istio.io/dataplane-mode: ambient}")
_API = deployment("api")
_WEB = deployment("web")
_FROM_WEB = (
    "podSelector:\n  matchLabels: {app: api}\ningress:\n- from:\n  - podSelector:\n      matchLabels: {app: web}\n"
    "  ports:\n  - port: 8080\n"
)
_HBONE = "  - port: 15008\n"

AMBIENT_CUT_OFF = error(
    "PF150",
    "ambient-cut-off",
    what="Pods of the ambient mesh let others in on some ports, but not on 15008, where the mesh arrives.",
    why="Between two pods of the mesh all traffic goes through one tunnel (HBONE) to TCP 15008 of the destination. A "
    "policy sees that port only, on both sides.",
    example=documents(_SPACE, _API, _WEB, network_policy(_FROM_WEB, _META)),
    fix=documents(_SPACE, _API, _WEB, network_policy(_FROM_WEB + _HBONE, _META)),
)

AMBIENT_OPEN = warning(
    "PF151",
    "ambient-open",
    what="Pods of the ambient mesh let everybody in on 15008, and only some on the ports behind it.",
    why="Whoever reaches 15008 reaches every port through the tunnel, so rules for single ports no longer restrict "
    "pods of the mesh. An AuthorizationPolicy of the mesh can.",
    example=documents(_SPACE, _API, _WEB, network_policy(_FROM_WEB + "- ports:\n  - port: 15008\n", _META)),
    fix=documents(_SPACE, _API, _WEB, network_policy(_FROM_WEB + _HBONE, _META)),
)

RULES = (AMBIENT_CUT_OFF, AMBIENT_OPEN)
