"""Rules about addresses, and about rules that name no peer at all."""

from __future__ import annotations

from podfence.manifests.manual.rule import deployment, documents, info, manifest, network_policy, warning

_META = "name: api\nnamespace: shop"
_SELECT = "podSelector:\n  matchLabels: {app: api}\n"
_API = deployment("api", container="ports:\n- {name: http, containerPort: 8080}")
_DB = deployment("db", container="ports:\n- {name: sql, containerPort: 5432}")
_EGRESS = (
    _SELECT + "policyTypes: [Egress]\negress:\n- ports:\n  - {protocol: UDP, port: 53}\n  - {protocol: TCP, port: 53}\n"
)
_BOTH = _EGRESS.replace("[Egress]", "[Ingress, Egress]")
_TO_DB = "- to:\n  - podSelector:\n      matchLabels: {app: db}\n"
_BLOCK = "ingress:\n- from:\n  - ipBlock: {cidr: 203.0.113.0/24}\n  ports:\n  - port: http\n"
_POD_WITH_ADDRESS = """\
apiVersion: v1
kind: Pod
metadata:
  name: db-0
  namespace: shop
  labels: {app: db}
spec:
  containers:
  - name: db
    image: db
status: {podIP: 10.1.2.3}
"""


def _service(policy: str) -> str:
    return manifest(
        "v1",
        "Service",
        f"type: LoadBalancer\nexternalTrafficPolicy: {policy}\nselector: {{app: api}}\nports:\n"
        f"- port: 80\n  targetPort: http",
        "name: api\nnamespace: shop",
    )


SOURCE_REWRITTEN = warning(
    "PF200",
    "source-rewritten",
    what="An ipBlock guards pods behind a LoadBalancer or NodePort whose externalTrafficPolicy is Cluster.",
    why="With Cluster, a node that passes a request on puts its own address in place of the client's, so the block is "
    "compared with the address of a node.",
    example=documents(_API, _service("Cluster"), network_policy(_SELECT + _BLOCK, _META)),
    fix=documents(_API, _service("Local"), network_policy(_SELECT + _BLOCK, _META)),
)

ANY_DESTINATION = info(
    "PF240",
    "any-destination",
    what="An egress rule names ports and nobody to reach: it allows these ports of every destination.",
    why="A rule without `to` means everybody, pods, nodes and the whole internet. People write it for one destination "
    "whose address they do not know, such as the API server.",
    example=documents(_API, network_policy(_EGRESS + "- ports:\n  - port: 443\n", _META)),
    fix=documents(
        _API, network_policy(_EGRESS + "- to:\n  - ipBlock: {cidr: 198.51.100.0/24}\n  ports:\n  - port: 443\n", _META)
    ),
)

RETURN_TRAFFIC = warning(
    "PF241",
    "return-traffic",
    what="A rule opens the ephemeral ports for replies.",
    why="Replies to an allowed connection are always let through, so nothing needs it. What it does is open tens of "
    "thousands of ports for new connections.",
    example=documents(
        _API,
        _DB,
        network_policy(
            _BOTH + _TO_DB + "  ports:\n  - port: 5432\ningress:\n"
            "- from:\n  - podSelector:\n      matchLabels: {app: db}\n  ports:\n  - {port: 1024, endPort: 65535}\n",
            _META,
        ),
    ),
    fix=documents(_API, _DB, network_policy(_EGRESS + _TO_DB + "  ports:\n  - port: 5432\n", _META)),
)

OWN_PORTS = warning(
    "PF242",
    "own-ports-in-egress",
    what="An egress rule names the ports that the policy's own pods listen on, and nobody to reach.",
    why="Egress rules speak of the destination's port. Replies from the own port need no rule; what the rule allows "
    "instead is these ports of everybody else.",
    example=documents(_API, network_policy(_EGRESS + "- ports:\n  - port: 8080\n", _META)),
    fix=documents(_API, network_policy(_BOTH + "ingress:\n- ports:\n  - port: 8080\n", _META)),
)

METADATA_ADDRESS = warning(
    "PF255",
    "metadata-address",
    what="A block for the internet holds 169.254.169.254, where clouds give out the credentials of the node.",
    why="An ipBlock of 0.0.0.0/0 holds link-local addresses, too. A program that can be made to fetch an address then "
    "fetches credentials. Port 53 alone is left out: some clouds answer DNS there.",
    example=documents(_API, network_policy(_EGRESS + "- to:\n  - ipBlock: {cidr: 0.0.0.0/0}\n", _META)),
    fix=documents(
        _API,
        network_policy(_EGRESS + "- to:\n  - ipBlock: {cidr: 0.0.0.0/0, except: [169.254.169.254/32]}\n", _META),
    ),
)

BLOCK_OVER_PODS = info(
    "PF256",
    "block-over-pods",
    what="An ipBlock holds addresses of pods.",
    why="Blocks are meant for what is outside the cluster. Pods get other addresses whenever they start, and plugins "
    "differ in whether a block matches pods at all.",
    example=documents(
        _API,
        _POD_WITH_ADDRESS,
        network_policy(_EGRESS + "- to:\n  - ipBlock: {cidr: 10.1.2.0/24}\n  ports:\n  - port: 5432\n", _META),
    ),
    fix=documents(_API, _POD_WITH_ADDRESS, network_policy(_EGRESS + _TO_DB + "  ports:\n  - port: 5432\n", _META)),
)

RULES = (SOURCE_REWRITTEN, ANY_DESTINATION, RETURN_TRAFFIC, OWN_PORTS, METADATA_ADDRESS, BLOCK_OVER_PODS)
