"""Rules about isolation: what a policy closes without meaning to, and what it does not close."""

from __future__ import annotations

from podfence.manifests.manual.rule import deployment, documents, info, manifest, network_policy, warning

_META = "name: api\nnamespace: shop"
_API = deployment("api", container="ports:\n- {name: http, containerPort: 8080}")
_DB = deployment("db")
_SELECT = "podSelector:\n  matchLabels: {app: api}\n"
_INGRESS = _SELECT + "ingress:\n- ports:\n  - port: 8080\n"
_TO_DB = "- to:\n  - podSelector:\n      matchLabels: {app: db}\n"
_DNS = "- ports:\n  - {protocol: UDP, port: 53}\n  - {protocol: TCP, port: 53}\n"

_BALANCER = manifest(
    "v1",
    "Service",
    "type: LoadBalancer\nexternalTrafficPolicy: Local\nselector: {app: api}\nports:\n- port: 80\n  targetPort: http",
    "name: api\nnamespace: shop",
)
_JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: backup
  namespace: shop
spec:
  template:
    metadata:
      labels: {app: backup}
    spec:
      containers:
      - name: backup
        image: backup
"""
_PROBED = deployment("api", container="readinessProbe:\n  httpGet: {path: /, port: 9000}")

ALLOW_ALL = info(
    "PF210",
    "allow-all",
    what="A rule allows everything from everybody, or to everybody, the world outside the cluster included.",
    why="An empty rule, and a rule with an empty list of peers and no ports, matches all traffic; pods of the policy "
    "are as open as without any. It is a warning where the policy's name or its neighbour says the opposite.",
    example=documents(_API, network_policy(_SELECT + "ingress:\n- {}", _META)),
    fix=documents(_API, network_policy(_SELECT + "ingress:\n- from:\n  - podSelector: {}", _META)),
)

POLICY_TYPE_MISSING = warning(
    "PF211",
    "policy-type-missing",
    what="A policy has rules for a direction that its policyTypes leave out.",
    why="Only the directions in policyTypes count. The rules are ignored, and the pods are not isolated in that "
    "direction: everything is let through.",
    example=documents(
        _API, _DB, network_policy(_INGRESS + "egress:\n" + _TO_DB + _DNS + "policyTypes: [Ingress]", _META)
    ),
    fix=documents(
        _API, _DB, network_policy(_INGRESS + "egress:\n" + _TO_DB + _DNS + "policyTypes: [Ingress, Egress]", _META)
    ),
)

EMPTY_EGRESS = warning(
    "PF212",
    "empty-egress",
    what="A policy has an empty list of egress rules, and no policyTypes that name Egress.",
    why="Egress is implied by rules for it only. An empty list is none, so nothing that leaves is denied, which is "
    "the opposite of what `egress: []` looks like.",
    example=documents(_API, network_policy(_INGRESS + "egress: []", _META)),
    fix=documents(_API, network_policy(_INGRESS + "egress: []\npolicyTypes: [Ingress, Egress]", _META)),
)

BACKEND_CUT_OFF = warning(
    "PF213",
    "backend-cut-off",
    what="Pods behind a LoadBalancer, a NodePort, an Ingress or a route are isolated, and no rule lets those requests "
    "in.",
    why="Requests arrive from outside, or from the pods of the ingress controller; a policy that isolates the pods "
    "must name them. An empty podSelector isolates pods that nobody thought of.",
    example=documents(
        _API, _BALANCER, network_policy("podSelector: {}\npolicyTypes: [Ingress]", "name: deny\nnamespace: shop")
    ),
    fix=documents(_API, _BALANCER, network_policy(_INGRESS, _META)),
)

PROBES = info(
    "PF215",
    "probes-and-node",
    what="Probes go to a port that no rule lets anybody in on.",
    why="The API says that traffic from the pod's own node is always allowed, so probes work. Not every plugin kept to "
    "that at all times; in Istio's ambient mode probes come from 169.254.7.127, which has to be allowed.",
    example=documents(_PROBED, network_policy(_INGRESS, _META)),
    fix=documents(_PROBED, network_policy(_INGRESS.replace("8080", "9000"), _META)),
)

NOT_ISOLATED = info(
    "PF253",
    "not-isolated",
    what="Pods that no policy isolates, in a namespace where policies isolate others.",
    why="Pods that no policy selects are open to everybody and may leave for everywhere.",
    example=documents(_API, _DB, network_policy(_INGRESS, _META)),
    fix=documents(
        _API,
        _DB,
        network_policy("podSelector: {}\ningress:\n- from:\n  - podSelector: {}", "name: all\nnamespace: shop"),
    ),
)

STARTUP_RACE = info(
    "PF170",
    "startup-race",
    what="The pods of a Job or CronJob are isolated for egress and connect as soon as they start.",
    why="A plugin may be told of a new pod a moment after it has started; until then its allow rules are not in place. "
    "A process that lives for seconds notices, one that retries does not.",
    example=documents(
        _JOB, _DB, network_policy("podSelector: {}\npolicyTypes: [Egress]\negress:\n" + _TO_DB + _DNS, _META)
    ),
    fix=documents(
        _JOB,
        _DB,
        network_policy(
            "podSelector:\n  matchLabels: {app: db}\npolicyTypes: [Egress]\negress:\n" + _TO_DB + _DNS, _META
        ),
    ),
)

RULES = (ALLOW_ALL, POLICY_TYPE_MISSING, EMPTY_EGRESS, BACKEND_CUT_OFF, PROBES, NOT_ISOLATED, STARTUP_RACE)
