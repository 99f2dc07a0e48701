"""Rules about those who call: the API server, Prometheus, and pods that call the API server."""

from __future__ import annotations

from podfence.manifests.manual.rule import deployment, documents, error, manifest, network_policy, warning

_META = "name: operator\nnamespace: shop"
_SELECT = "podSelector:\n  matchLabels: {app: operator}\n"
_OPERATOR = deployment("operator", container="ports:\n- {name: https, containerPort: 9443}")
_WEB = deployment("web")
_ACCOUNT = _OPERATOR.replace("      containers:", "      serviceAccountName: operator\n      containers:")
_BINDING = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: operator
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: operator
subjects:
- kind: ServiceAccount
  name: operator
  namespace: shop
"""
_SLICE = """\
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: kubernetes
  namespace: default
  labels:
    kubernetes.io/service-name: kubernetes
addressType: IPv4
endpoints:
- addresses: [172.18.0.2]
ports:
- {name: https, protocol: TCP, port: 6443}
"""
_EGRESS = (
    _SELECT + "policyTypes: [Egress]\negress:\n- ports:\n  - {protocol: UDP, port: 53}\n  - {protocol: TCP, port: 53}\n"
)
_SERVICE = manifest(
    "v1",
    "Service",
    "selector: {app: operator}\nports:\n- port: 443\n  targetPort: https",
    "name: operator\nnamespace: shop",
)
_WEBHOOK = """\
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata:
  name: operator
webhooks:
- name: check.shop.example
  clientConfig:
    service: {namespace: shop, name: operator}
  rules:
  - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}
  sideEffects: None
  admissionReviewVersions: [v1]
"""
_API_SERVICE = """\
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata:
  name: v1.shop.example
spec:
  group: shop.example
  version: v1
  groupPriorityMinimum: 100
  versionPriority: 100
  service: {namespace: shop, name: operator}
"""
_FROM_WEB = _SELECT + "ingress:\n- from:\n  - podSelector:\n      matchLabels: {app: web}\n  ports:\n  - port: 8080\n"
_OPEN = _FROM_WEB + "- ports:\n  - port: 9443\n"
_METRICS = deployment("operator", container="ports:\n- {name: metrics, containerPort: 9090}")
_PROMETHEUS = deployment("prometheus", "{app.kubernetes.io/name: prometheus}", namespace="monitoring")
_MONITOR = """\
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  name: operator
  namespace: shop
spec:
  selector:
    matchLabels: {app: operator}
  podMetricsEndpoints:
  - port: metrics
"""
_SCRAPED = """\
- from:
  - namespaceSelector:
      matchLabels: {kubernetes.io/metadata.name: monitoring}
    podSelector:
      matchLabels: {app.kubernetes.io/name: prometheus}
  ports:
  - port: metrics
"""

API_SERVER_EGRESS = warning(
    "PF110",
    "api-server-egress",
    what="Pods whose service account has a role are isolated for egress, and may not reach the API server where it "
    "listens.",
    why="The API server runs on nodes: no podSelector finds it. Port 443 belongs to its Service; behind it, it listens "
    "on another port in most clusters, and most plugins look after translation.",
    example=documents(_ACCOUNT, _BINDING, _SLICE, network_policy(_EGRESS + "- ports:\n  - port: 443\n", _META)),
    fix=documents(
        _ACCOUNT, _BINDING, _SLICE, network_policy(_EGRESS + "- ports:\n  - port: 443\n  - port: 6443\n", _META)
    ),
)

METRICS_SCRAPE = warning(
    "PF140",
    "metrics-scrape",
    what="Prometheus is told to scrape a port that no policy lets it in on.",
    why="A monitor or annotation names a port of isolated pods; to the policies, Prometheus is a pod like any other.",
    example=documents(_METRICS, _WEB, _PROMETHEUS, _MONITOR, network_policy(_FROM_WEB, _META)),
    fix=documents(_METRICS, _WEB, _PROMETHEUS, _MONITOR, network_policy(_FROM_WEB + _SCRAPED, _META)),
)

WEBHOOK_CUT_OFF = error(
    "PF220",
    "webhook-cut-off",
    what="The API server calls a webhook whose pods are isolated and do not let it in.",
    why="The caller is the API server, on a node of the control plane, and it arrives on the pod's port: rules for "
    "pods never match it.",
    example=documents(_OPERATOR, _WEB, _SERVICE, _WEBHOOK, network_policy(_FROM_WEB, _META)),
    fix=documents(_OPERATOR, _WEB, _SERVICE, _WEBHOOK, network_policy(_OPEN, _META)),
)

API_SERVICE_CUT_OFF = error(
    "PF262",
    "api-service-cut-off",
    what="The API server passes requests on to an aggregated API whose pods are isolated and do not let it in.",
    why="The caller is the API server, on a node of the control plane, and it arrives on the pod's port. While one "
    "aggregated API does not answer, discovery, garbage collection and the deletion of namespaces get stuck.",
    example=documents(_OPERATOR, _WEB, _SERVICE, _API_SERVICE, network_policy(_FROM_WEB, _META)),
    fix=documents(_OPERATOR, _WEB, _SERVICE, _API_SERVICE, network_policy(_OPEN, _META)),
)

RULES = (API_SERVER_EGRESS, METRICS_SCRAPE, WEBHOOK_CUT_OFF, API_SERVICE_CUT_OFF)
