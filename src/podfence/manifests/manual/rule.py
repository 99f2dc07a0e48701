"""What a rule is: an id, a readable name, a severity, and the manual that explains it."""

from __future__ import annotations

import enum
from textwrap import dedent, indent

import msgspec


class Severity(enum.Enum):
    """How bad a finding is: refused by the server, warned about, or worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Rule(msgspec.Struct, frozen=True, gc=False):
    """One rule with its manual: ``what`` it finds, ``why`` that matters, ``example`` that breaks it, ``fix``.

    ``kubernetes_version`` is the server that the example needs (the newest when empty); ``brings`` names rules
    that the example cannot avoid breaking as well.
    """

    id: str
    name: str
    severity: Severity
    what: str
    why: str
    example: str
    fix: str
    kubernetes_version: str = ""
    brings: tuple[str, ...] = ()


def error(id_: str, name: str, *, what: str, why: str, example: str, fix: str, brings: tuple[str, ...] = ()) -> Rule:
    """Make a rule about something that the server refuses."""
    return Rule(id_, name, Severity.ERROR, _prose(what), _prose(why), example, fix, brings=brings)


def warning(
    id_: str,
    name: str,
    *,
    what: str,
    why: str,
    example: str,
    fix: str,
    kubernetes_version: str = "",
    brings: tuple[str, ...] = (),
) -> Rule:
    """Make a rule about something that the server, the design of the APIs, or a relation warns about."""
    return Rule(id_, name, Severity.WARNING, _prose(what), _prose(why), example, fix, kubernetes_version, brings)


def info(id_: str, name: str, *, what: str, why: str, example: str, fix: str, brings: tuple[str, ...] = ()) -> Rule:
    """Make a rule about something worth knowing that may well be meant."""
    return Rule(id_, name, Severity.INFO, _prose(what), _prose(why), example, fix, brings=brings)


def _prose(text: str) -> str:
    return " ".join(text.split())


def network_policy(spec: str, metadata: str = "name: web") -> str:
    """Write a NetworkPolicy for an example, from its spec and metadata."""
    return manifest("networking.k8s.io/v1", "NetworkPolicy", spec, metadata)


def cluster_network_policy(spec: str, metadata: str = "name: guard") -> str:
    """Write a ClusterNetworkPolicy for an example: tier, priority and subject are filled in."""
    common = "tier: Admin\npriority: 10\nsubject:\n  namespaces: {}\n"
    body = common + dedent(spec)
    return manifest("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy", body, metadata)


def baseline_admin_network_policy(name: str) -> str:
    """Write a BaselineAdminNetworkPolicy for an example, with everything but its name in order."""
    spec = "subject:\n  namespaces: {}\n"
    return manifest("policy.networking.k8s.io/v1alpha1", "BaselineAdminNetworkPolicy", spec, f"name: {name}")


def manifest(api_version: str, kind: str, spec: str, metadata: str) -> str:
    """Write a manifest of any kind from the text of its spec and metadata."""
    body = indent(dedent(spec).strip("\n"), "  ")
    head = indent(dedent(metadata).strip("\n"), "  ")
    return f"apiVersion: {api_version}\nkind: {kind}\nmetadata:\n{head}\nspec:\n{body}\n"


def deployment(name: str, labels: str = "", container: str = "", namespace: str = "shop") -> str:
    """Write a Deployment for an example: ``labels`` in flow style, ``container`` as further lines of its container."""
    labels = labels or f"{{app: {name}}}"
    lines = indent(dedent(container).strip("\n") + "\n", "        ") if container else ""
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  namespace: {namespace}\nspec:\n"
        f"  replicas: 2\n  selector:\n    matchLabels: {labels}\n  template:\n    metadata:\n      labels: {labels}\n"
        f"    spec:\n      containers:\n      - name: {name}\n        image: {name}\n{lines}"
    )


def namespace(name: str, labels: str = "{}") -> str:
    """Write a Namespace for an example, its labels in flow style."""
    return f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n  labels: {labels}\n"


def documents(*texts: str) -> str:
    """Join manifests of an example."""
    return "---\n".join(texts)
