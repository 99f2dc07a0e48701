"""Rules about ports: names that nobody declares, Service ports, rules for replies."""

from __future__ import annotations

from podfence.manifests.manual.rule import deployment, documents, error, info, manifest, network_policy

_META = "name: cart\nnamespace: shop"
_CART = deployment("cart", container="ports:\n- {name: http, containerPort: 8080}")
_WEB = deployment("web")


def _policy(port: str, metadata: str = _META) -> str:
    return network_policy(
        "podSelector:\n  matchLabels: {app: cart}\ningress:\n- from:\n  - podSelector:\n"
        f"      matchLabels: {{app: web}}\n  ports:\n  - port: {port}",
        metadata,
    )


_SERVICE = manifest(
    "v1", "Service", "selector: {app: cart}\nports:\n- port: 80\n  targetPort: http", "name: cart\nnamespace: shop"
)

NAMED_PORT_UNKNOWN = error(
    "PF160",
    "named-port-unknown",
    what="A rule allows a port by a name that no container of the destination pods declares.",
    why="A name stands for the numbers that the destination's containers give it. Where none does, the rule allows "
    "nothing at all on it, and nobody says so.",
    example=documents(_CART, _WEB, _policy("grpc")),
    fix=documents(_CART, _WEB, _policy("http")),
)

NAMED_PORT_AMBIGUOUS = info(
    "PF161",
    "named-port-ambiguous",
    what="A rule allows a port by a name that stands for different numbers in different pods.",
    why="Each pod's own number counts. Some plugins allow all of the numbers on all of the pods, so a number may be "
    "open where nobody meant it.",
    example=documents(
        _CART,
        deployment("till", container="ports:\n- {name: http, containerPort: 9090}"),
        _WEB,
        network_policy("podSelector: {}\ningress:\n- ports:\n  - port: http", "name: all\nnamespace: shop"),
    ),
    fix=documents(_CART, _WEB, _policy("http")),
)

SERVICE_PORT = error(
    "PF180",
    "service-port",
    what="A rule allows the port of a Service, where the pods behind it listen on another one.",
    why="The Service's port is translated before any policy looks: policies see the port of the pod.",
    example=documents(_CART, _WEB, _SERVICE, _policy("80")),
    fix=documents(_CART, _WEB, _SERVICE, _policy("8080")),
)

RULES = (NAMED_PORT_UNKNOWN, NAMED_PORT_AMBIGUOUS, SERVICE_PORT)
