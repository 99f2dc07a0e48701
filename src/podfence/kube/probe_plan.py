"""What a probe creates and tries: pods on each node, connections between them, and policies to stop and open these.

Pure: objects as plain values for the API, and the pairs to try. ``kube.probe`` does it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

import msgspec

from podfence.model.policy import Direction

IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.47"
PORT = 8080

CLIENT, SERVER = "client", "server"
_ROLE = "podfence-probe-role"

Manifest = dict[str, Any]


class Place(msgspec.Struct, frozen=True):
    """The two pods of a probe on one node: their names, and where the server answers."""

    node: str
    number: int
    addresses: tuple[str, ...] = ()

    @property
    def client(self) -> str:
        """The name of the pod that connects."""
        return f"{CLIENT}-{self.number}"

    @property
    def server(self) -> str:
        """The name of the pod that is connected to."""
        return f"{SERVER}-{self.number}"


class Attempt(msgspec.Struct, frozen=True):
    """One connection to try: from the client of one node to an address of the server of another, or the same."""

    source: Place
    destination: Place
    address: str

    @property
    def command(self) -> list[str]:
        """The command for the client: it ends with 0 once connected, and else says why not."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return ["/agnhost", "connect", f"{host}:{PORT}", "--timeout=2s", "--protocol=tcp"]

    def judged(self, direction: Direction) -> str:
        """Name the node that has to enforce a direction: the server's for ingress, the client's for egress."""
        return self.destination.node if direction is Direction.INGRESS else self.source.node

    def __str__(self) -> str:
        family = "" if ipaddress.ip_address(self.address).version == 4 else " over IPv6"
        if self.source.node == self.destination.node:
            return f"from pod to pod on {self.source.node}{family}"
        return f"from {self.source.node} to {self.destination.node}{family}"


def attempts(places: Sequence[Place]) -> list[Attempt]:
    """List what to try: within each node, and around in a ring, so that each is source and destination once."""
    pairs = [(place, place) for place in places]
    if len(places) > 1:
        pairs += [(place, places[(index + 1) % len(places)]) for index, place in enumerate(places)]
    return [Attempt(source, destination, address) for source, destination in pairs for address in destination.addresses]


def namespace(name: str) -> Manifest:
    """Make the namespace that everything goes into, and goes with."""
    labels = {"app.kubernetes.io/managed-by": "podfence", "pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def pods(place: Place, image: str) -> tuple[Manifest, Manifest]:
    """Make the two pods of a node; they ask for nothing that a restricted namespace would refuse."""
    return (
        _pod(place.server, SERVER, place.node, image, ["/agnhost", "netexec", f"--http-port={PORT}"]),
        _pod(place.client, CLIENT, place.node, image, ["/agnhost", "pause"]),
    )


def _pod(name: str, role: str, node: str, image: str, command: list[str]) -> Manifest:
    container = {
        "name": "main",
        "image": image,
        "command": command,
        "ports": [{"containerPort": PORT}] if role == SERVER else [],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {_ROLE: role}},
        "spec": {
            # Placed by us: the scheduler would leave out nodes that are cordoned or tainted, and those count too.
            "nodeName": node,
            "tolerations": [{"operator": "Exists"}],
            "automountServiceAccountToken": False,
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65534,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        },
    }


def deny(direction: Direction) -> Manifest:
    """Make the policy that isolates: the servers for ingress, the clients for egress."""
    return _policy("deny", direction, {})


def allow(direction: Direction) -> Manifest:
    """Make the policy that opens what ``deny`` stops."""
    peers_field, other = ("from", CLIENT) if direction is Direction.INGRESS else ("to", SERVER)
    rule = {
        peers_field: [{"podSelector": {"matchLabels": {_ROLE: other}}}],
        "ports": [{"protocol": "TCP", "port": PORT}],
    }
    return _policy("allow", direction, {direction.value: [rule]})


def _policy(name: str, direction: Direction, rules: Manifest) -> Manifest:
    subject = SERVER if direction is Direction.INGRESS else CLIENT
    spec = {
        "podSelector": {"matchLabels": {_ROLE: subject}},
        "policyTypes": [direction.value.capitalize()],
        **rules,
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"{name}-{direction.value}"},
        "spec": spec,
    }
