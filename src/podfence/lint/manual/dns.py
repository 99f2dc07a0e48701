"""Rules about DNS, which every connection by name needs first."""

from __future__ import annotations

from podfence.manifests.manual.rule import deployment, documents, error, manifest, network_policy, warning

_META = "name: api\nnamespace: shop"
_API = deployment("api")
_DB = deployment("db")
_TO_DB = """\
podSelector:
  matchLabels: {app: api}
policyTypes: [Egress]
egress:
- to:
  - podSelector:
      matchLabels: {app: db}
  ports:
  - port: 5432
"""
_TO_DNS = """\
- to:
  - namespaceSelector:
      matchLabels: {kubernetes.io/metadata.name: kube-system}
    podSelector:
      matchLabels: {k8s-app: kube-dns}
  ports:
"""
_UDP = "  - {protocol: UDP, port: 53}\n"
_TCP = "  - {protocol: TCP, port: 53}\n"
_DNS = _TO_DNS + _UDP + _TCP


def _coredns(port: int = 53) -> str:
    container = f"ports:\n- {{name: dns, protocol: UDP, containerPort: {port}}}"
    return documents(
        deployment("coredns", "{k8s-app: kube-dns}", container, "kube-system"),
        manifest(
            "v1",
            "Service",
            f"clusterIP: 10.96.0.10\nselector: {{k8s-app: kube-dns}}\nports:\n"
            f"- {{name: dns, protocol: UDP, port: 53, targetPort: {port}}}\n"
            f"- {{name: dns-tcp, protocol: TCP, port: 53, targetPort: {port}}}",
            "name: kube-dns\nnamespace: kube-system",
        ),
    )


_NODE_LOCAL = """\
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: node-local-dns
  namespace: kube-system
spec:
  selector:
    matchLabels: {k8s-app: node-local-dns}
  template:
    metadata:
      labels: {k8s-app: node-local-dns}
    spec:
      hostNetwork: true
      containers:
      - name: node-cache
        image: k8s-dns-node-cache
"""
_BLOCK = "- to:\n  - ipBlock: {cidr: 169.254.20.10/32}\n  ports:\n" + _UDP + _TCP
_GOOD = documents(_API, _DB, network_policy(_TO_DB + _DNS, _META))

DNS_FORGOTTEN = error(
    "PF101",
    "dns-forgotten",
    what="Pods may connect to others, but not ask DNS: they are isolated for egress, and no rule lets them reach "
    "port 53 of whatever answers there.",
    why="A pod that is isolated for egress reaches only what a rule names, and DNS is no exception. Pods that may not "
    "leave at all, or only to addresses, get a milder finding: they may not need names.",
    example=documents(_API, _DB, network_policy(_TO_DB, _META)),
    fix=_GOOD,
)

DNS_ONLY_UDP = warning(
    "PF102",
    "dns-only-udp",
    what="Pods may ask DNS over UDP and not over TCP, or the other way round.",
    why="An answer that does not fit into a UDP packet is asked for again over TCP. Long answers (many addresses, "
    "signed zones) then fail, and only those. Without UDP every lookup fails, and the severity is error.",
    example=documents(_API, _DB, _coredns(), network_policy(_TO_DB + _TO_DNS + _UDP, _META)),
    fix=documents(_API, _DB, _coredns(), network_policy(_TO_DB + _DNS, _META)),
)

DNS_NODE_LOCAL = warning(
    "PF103",
    "dns-node-local",
    what="Pods may reach the DNS pods, but the cluster's pods ask an address instead: a cache on their node, or a "
    "resolver of the cloud.",
    why="The cache is on the host network, where no podSelector finds it; only an ipBlock does. Policies that worked "
    "break on the day the cache is turned on.",
    example=documents(_API, _DB, _coredns(), _NODE_LOCAL, network_policy(_TO_DB + _DNS, _META)),
    fix=documents(_API, _DB, _coredns(), _NODE_LOCAL, network_policy(_TO_DB + _DNS + _BLOCK, _META)),
)

DNS_PORT = error(
    "PF104",
    "dns-port",
    what="Pods may reach the DNS pods on port 53, but these listen on another port behind their Service.",
    why="Policies see the port after the Service has translated it. On OpenShift, DNS pods listen on 5353.",
    example=documents(_API, _DB, _coredns(5353), network_policy(_TO_DB + _DNS, _META)),
    fix=documents(_API, _DB, _coredns(5353), network_policy(_TO_DB + _DNS.replace("53}", "5353}"), _META)),
)

DNS_SERVICE_ADDRESS = error(
    "PF105",
    "dns-service-address",
    what="Pods may reach the address of the DNS Service, but not the pods behind it.",
    why="The Service's address is translated to a pod's before most plugins look, so a block around it matches no "
    "packet.",
    example=documents(
        _API,
        _DB,
        _coredns(),
        network_policy(_TO_DB + "- to:\n  - ipBlock: {cidr: 10.96.0.10/32}\n  ports:\n" + _UDP + _TCP, _META),
    ),
    fix=documents(_API, _DB, _coredns(), network_policy(_TO_DB + _DNS, _META)),
)

RULES = (DNS_FORGOTTEN, DNS_ONLY_UDP, DNS_NODE_LOCAL, DNS_PORT, DNS_SERVICE_ADDRESS)
