"""Rules about what has no effect, and what only looks as if it had one."""

from __future__ import annotations

from podfence.manifests.manual.rule import deployment, documents, info, namespace, network_policy, warning

_META = "name: api\nnamespace: shop"
_API = deployment("api")
_WEB = deployment("web")
_SELECT = "podSelector:\n  matchLabels: {app: api}\n"
_FROM_WEB = "- from:\n  - podSelector:\n      matchLabels: {app: web}\n"
_BUT_TESTING = "- namespaceSelector:\n      matchExpressions:\n      - {key: env, operator: NotIn, values: [testing]}\n"
_TESTING = documents(
    namespace("shop"), namespace("testing", "{env: testing}"), deployment("probe", namespace="testing"), _API
)
_LEAVE = (
    "podSelector:\n  matchLabels: {app: web}\npolicyTypes: [Egress]\negress:\n- ports:\n  - {protocol: UDP, port: 53}\n"
    "  - {protocol: TCP, port: 53}\n- to:\n  - podSelector:\n      matchLabels: {app: api}\n  ports:\n  - port: 8080\n"
)
_LEAVING = network_policy(_LEAVE, "name: web\nnamespace: shop")

EXCLUSION_VOID = warning(
    "PF230",
    "exclusion-void",
    what="A peer leaves somebody out, and another peer of the policy lets them in.",
    why="The peers of a list and the rules of a policy are joined by OR, in any order: what one leaves out, another "
    "may let in. A peer that is merely covered by another is worth knowing and no more.",
    example=documents(
        _TESTING, network_policy(f"{_SELECT}ingress:\n- from:\n  {_BUT_TESTING}  - namespaceSelector: {{}}", _META)
    ),
    fix=documents(_TESTING, network_policy(f"{_SELECT}ingress:\n- from:\n  {_BUT_TESTING}", _META)),
)

ONE_SIDE_ONLY = warning(
    "PF252",
    "one-side-only",
    what="A rule lets pods connect to others, and the other side lets none of them through.",
    why="A connection needs both sides: the egress of the source and the ingress of the destination. Where both are "
    "isolated, both need a rule.",
    example=documents(
        _API,
        _WEB,
        _LEAVING,
        network_policy(f"{_SELECT}ingress:\n- from:\n  - podSelector:\n      matchLabels: {{app: api}}", _META),
    ),
    fix=documents(_API, _WEB, _LEAVING, network_policy(f"{_SELECT}ingress:\n{_FROM_WEB}", _META)),
)

WITHOUT_EFFECT = info(
    "PF254",
    "without-effect",
    what="A rule allows nothing that another rule for the same pods does not allow, whatever pods there will be.",
    why="Rules are joined by OR, so it can go, and nothing changes. It misleads whoever wants to close something by "
    "deleting it.",
    example=documents(
        _API, _WEB, network_policy(f"{_SELECT}ingress:\n{_FROM_WEB}  ports:\n  - port: 8080\n{_FROM_WEB}", _META)
    ),
    fix=documents(_API, _WEB, network_policy(f"{_SELECT}ingress:\n{_FROM_WEB}", _META)),
)

RULES = (EXCLUSION_VOID, ONE_SIDE_ONLY, WITHOUT_EFFECT)
