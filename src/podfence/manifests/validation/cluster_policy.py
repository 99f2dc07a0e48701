"""The schemas of the cluster-scoped policy APIs, in both channels, as their CRDs state them.

ClusterNetworkPolicy v1alpha2 is that of bundle v0.2.0, AdminNetworkPolicy and BaselineAdminNetworkPolicy
v1alpha1 those of bundle v0.1.7 (facts: semantics 3.1, 3.2, 3.5). The experimental channel adds peers (nodes,
domain names), named ports in v1alpha1, and the rule that keeps named ports and addresses apart.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from podfence.manifests.validation.cidr import is_strict
from podfence.manifests.validation.schema import Rule, Schema


class Channel(enum.Enum):
    """The two channels in which the CRDs are published."""

    STANDARD = "standard"
    EXPERIMENTAL = "experimental"


_TEXT = Schema("string")
_LABELS = Schema("object", additional=_TEXT)
_REQUIREMENT = Schema(
    "object",
    {"key": _TEXT, "operator": _TEXT, "values": Schema("array", items=_TEXT)},
    required=("key", "operator"),
)
_SELECTOR = Schema("object", {"matchLabels": _LABELS, "matchExpressions": Schema("array", items=_REQUIREMENT)})
_NAME = Schema("string", max_length=100)
_PORT = Schema("integer", minimum=1, maximum=65535, format="int32")
_PRIORITY = Schema("integer", minimum=0, maximum=1000, format="int32")

_IS_CIDR = Rule("network-unreadable", "Invalid CIDR format provided", is_strict)
_NETWORKS = Schema(
    "array",
    items=Schema("string", max_length=43, rules=(_IS_CIDR,)),
    min_items=1,
    max_items=25,
    is_set=True,
)

# Written as the CRD has it, A-z included: that range also takes [ \ ] ^ _ and the backtick (facts: 3.5).
_DOMAIN_LABEL = "[a-zA-z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?"
_DOMAIN_NAME = rf"^(\*\.)?({_DOMAIN_LABEL}\.)+{_DOMAIN_LABEL}\.?$"
_DOMAIN_NAMES = Schema("array", items=Schema("string", pattern=_DOMAIN_NAME), min_items=1, max_items=25, is_set=True)


def _one_of(fields: Mapping[str, Schema]) -> Schema:
    return Schema("object", fields, min_properties=1, max_properties=1)


def _pods(*required: str) -> Schema:
    return Schema("object", {"namespaceSelector": _SELECTOR, "podSelector": _SELECTOR}, required=required)


def _status() -> Schema:
    condition = {
        "lastTransitionTime": _TEXT,
        "message": _TEXT,
        "observedGeneration": Schema("integer"),
        "reason": _TEXT,
        "status": _TEXT,
        "type": _TEXT,
    }
    return Schema("object", {"conditions": Schema("array", items=Schema("object", condition))})


def _root(spec: Schema, *rules: Rule) -> Schema:
    fields = {
        "apiVersion": _TEXT,
        "kind": _TEXT,
        "metadata": Schema("object"),
        "spec": spec,
        "status": _status(),
    }
    return Schema("object", fields, required=("metadata", "spec"), rules=rules)


def _rules(direction: str, peer: Schema, actions: tuple[str, ...], ports: str, port: Schema) -> Schema:
    """Build one direction without limits on its lists; ``_limited`` sets them."""
    peers = "from" if direction == "ingress" else "to"
    fields = {
        "action": Schema("string", enum=actions),
        "name": _NAME,
        peers: Schema("array", items=peer),
        ports: Schema("array", items=port),
    }
    return Schema("object", fields, required=("action", peers))


def _limited(rule: Schema, limit: int, *rules: Rule) -> Schema:
    fields = {
        name: Schema("array", items=field.items, min_items=1, max_items=limit) if field.type == "array" else field
        for name, field in rule.properties.items()
    }
    item = Schema("object", fields, required=rule.required, rules=rules)
    return Schema("array", items=item, max_items=limit)


def _no_named_port(peers: tuple[str, ...], ports: str, named: str) -> Rule:
    names = "/".join(peers)
    message = f"{names} peer cannot be set with namedPorts since there are no namedPorts for {names}"

    def holds(rule: dict[str, Any]) -> bool:
        beyond_pods = any(name in peer for peer in rule["to"] for name in peers)
        return not (beyond_pods and any(named in port for port in rule.get(ports, ())))

    return Rule("named-port-beyond-pods", message, holds)


# ClusterNetworkPolicy, v1alpha2

_RANGE_ORDER = Rule(
    "port-range-order",
    "Start port must be less than End port",
    lambda value: bool(value["start"] < value["end"]),
)
_DESTINATION_PORT = _one_of(
    {
        "number": _PORT,
        "range": Schema("object", {"start": _PORT, "end": _PORT}, required=("end", "start"), rules=(_RANGE_ORDER,)),
    }
)
_TRANSPORT = Schema("object", {"destinationPort": _DESTINATION_PORT}, min_properties=1)
_PROTOCOL = _one_of({"tcp": _TRANSPORT, "udp": _TRANSPORT, "sctp": _TRANSPORT, "destinationNamedPort": _TEXT})


def _cluster_network_policy(channel: Channel) -> Schema:
    experimental = channel is Channel.EXPERIMENTAL
    pods = _pods("podSelector")
    inside = {"namespaces": _SELECTOR, "pods": pods}
    outside = inside | {"networks": _NETWORKS}
    if experimental:
        outside |= {"nodes": _SELECTOR, "domainNames": _DOMAIN_NAMES}
    actions = ("Accept", "Deny", "Pass")
    beyond = ("networks", "nodes", "domainNames")
    apart = (_no_named_port(beyond, "protocols", "destinationNamedPort"),) if experimental else ()
    ingress = _rules("ingress", _one_of(inside), actions, "protocols", _PROTOCOL)
    egress = _rules("egress", _one_of(outside), actions, "protocols", _PROTOCOL)
    spec = {
        "tier": Schema("string", enum=("Admin", "Baseline")),
        "priority": _PRIORITY,
        "subject": _one_of(inside),
        "ingress": _limited(ingress, 25),
        "egress": _limited(egress, 25, *apart),
    }
    return _root(Schema("object", spec, required=("priority", "subject", "tier")))


# AdminNetworkPolicy and BaselineAdminNetworkPolicy, v1alpha1

_PROTOCOL_NAME = Schema("string", default="TCP")


def _admin_port(channel: Channel) -> Schema:
    fields = {
        "portNumber": Schema("object", {"port": _PORT, "protocol": _PROTOCOL_NAME}, required=("port", "protocol")),
        "portRange": Schema(
            "object",
            {"start": _PORT, "end": _PORT, "protocol": _PROTOCOL_NAME},
            required=("end", "start"),
        ),
    }
    if channel is Channel.EXPERIMENTAL:
        fields["namedPort"] = _TEXT
    return _one_of(fields)


def _admin_spec(channel: Channel, actions: tuple[str, ...], beyond: tuple[str, ...]) -> dict[str, Schema]:
    experimental = channel is Channel.EXPERIMENTAL
    inside = {"namespaces": _SELECTOR, "pods": _pods("namespaceSelector", "podSelector")}
    outside = inside | {"networks": _NETWORKS}
    if experimental:
        outside |= {
            name: field for name, field in (("nodes", _SELECTOR), ("domainNames", _DOMAIN_NAMES)) if name in beyond
        }
    apart = (_no_named_port(beyond, "ports", "namedPort"),) if experimental else ()
    port = _admin_port(channel)
    return {
        "subject": _one_of(inside),
        "ingress": _limited(_rules("ingress", _one_of(inside), actions, "ports", port), 100),
        "egress": _limited(_rules("egress", _one_of(outside), actions, "ports", port), 100, *apart),
    }


def _admin_network_policy(channel: Channel) -> Schema:
    fields = _admin_spec(channel, ("Allow", "Deny", "Pass"), ("networks", "nodes", "domainNames"))
    spec = Schema("object", fields | {"priority": _PRIORITY}, required=("priority", "subject"))
    return _root(spec)


def _baseline_admin_network_policy(channel: Channel) -> Schema:
    fields = _admin_spec(channel, ("Allow", "Deny"), ("networks", "nodes"))
    name = Rule(
        "baseline-name",
        'Only one baseline admin network policy with metadata.name="default" can be created in the cluster',
        lambda value: bool(value["metadata"].get("name") == "default"),
    )
    return _root(Schema("object", fields, required=("subject",)), name)


_SCHEMAS = {
    "ClusterNetworkPolicy": _cluster_network_policy,
    "AdminNetworkPolicy": _admin_network_policy,
    "BaselineAdminNetworkPolicy": _baseline_admin_network_policy,
}


@lru_cache(maxsize=8)
def cluster_policy_schema(kind: str, channel: Channel) -> Schema:
    """Give the schema of a cluster-scoped policy kind in a channel; raises ``KeyError`` for other kinds."""
    return _SCHEMAS[kind](channel)
