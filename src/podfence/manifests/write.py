"""Policies to tidy YAML that kubectl reads back as the same objects.

Plain values are written in the order of their keys, as ``kubectl get -o yaml`` indents them. A string that
kubectl would take for a number, a boolean or nothing is quoted: kubectl follows YAML 1.1 with Go's own rules
(``y`` is a boolean, ``1e3`` a number), which PyYAML does not know.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import yaml

from podfence.manifests.convert.addresses import read_ip_block
from podfence.manifests.convert.fields import UnreadableField
from podfence.model.labels import NAMESPACE_NAME_LABEL, Operator, Selector, selector
from podfence.model.net import MAX_PORT, MIN_PORT, PORT_PROTOCOLS, AddressRange, Protocol, from_line
from podfence.model.policy import (
    Action,
    AddressPeer,
    Direction,
    DomainPeer,
    NodePeer,
    Peer,
    PodPeer,
    Policy,
    PortMatch,
    PortName,
    PortRange,
    Rule,
    Tier,
    Unreadable,
)

Plain = dict[str, Any]
Part = TypeVar("Part")

_WORDS = frozenset({"", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "=", "<<"})
_LIKE_A_NUMBER = re.compile(r"[-+.]?[0-9][-+._0-9a-zA-Z]*\Z|[-+]?\.(?:inf|nan)\Z", re.IGNORECASE)
_ODD_BREAK = re.compile("[\x85\u2028\u2029]")
_ADDRESS = re.compile(r"[0-9]+(?:\.[0-9]+){3}\Z")


class _Dumper(yaml.CSafeDumper):
    """Writes strings so that kubectl reads strings, and no aliases."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def _string(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if _needs_quotes(text) else None)


def _needs_quotes(text: str) -> bool:
    """Tell which texts need double quotes; PyYAML sees itself to those that need any other."""
    like_a_number = _LIKE_A_NUMBER.match(text) is not None and not _ADDRESS.match(text)
    return text.lower() in _WORDS or like_a_number or _ODD_BREAK.search(text) is not None


_Dumper.add_representer(str, _string)


def write_yaml(documents: Iterable[Mapping[str, Any]]) -> str:
    """Write plain objects as YAML documents, ``---`` between them and a newline at the end."""
    return "---\n".join(
        yaml.dump(dict(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**30)
        for document in documents
    )


def flow_text(value: object) -> str:
    """Write a plain value on one line, in flow style where it is a list or a mapping."""
    text = yaml.dump([value], Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**30, default_flow_style=True)
    return str(text).rstrip("\n")[1:-1]


def block_lines(value: object, offset: int = 0) -> list[str]:
    """Write a plain value as lines in block style; ``offset`` is how far lists stand below their key."""
    if isinstance(value, dict) and value:
        return [line for key, entry in value.items() for line in _entry_lines(str(key), entry, offset)]
    if isinstance(value, list) and value:
        return [line for item in value for line in _item_lines(block_lines(item, offset))]
    return [flow_text(value)]


def _entry_lines(key: str, value: object, offset: int) -> list[str]:
    if not isinstance(value, dict | list) or not value:
        return [f"{flow_text(key)}: {flow_text(value)}"]
    indent = " " * (offset if isinstance(value, list) else 2)
    return [f"{flow_text(key)}:", *(indent + line for line in block_lines(value, offset))]


def _item_lines(lines: list[str]) -> list[str]:
    return [f"- {lines[0]}", *(f"  {line}" for line in lines[1:])]


def policy_object(policy: Policy) -> Plain:
    """Make a plain object of a policy, a NetworkPolicy or a ClusterNetworkPolicy by its tier.

    Raises ``ValueError`` for a policy that holds something unreadable, or a part that its API cannot express.
    """
    spec = _network_policy_spec(policy) if policy.tier is Tier.NETWORK_POLICY else _cluster_policy_spec(policy)
    if policy.tier is Tier.NETWORK_POLICY:
        metadata = {"name": policy.ref.name, "namespace": policy.ref.namespace}
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": metadata,
            "spec": spec,
        }
    return {
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": policy.ref.name},
        "spec": spec,
    }


def _subject(policy: Policy) -> PodPeer:
    if isinstance(policy.subject, Unreadable):
        raise ValueError(policy.subject.reason)  # noqa: TRY004 - of the right type, but it says nothing
    return policy.subject


def _listed(parts: Sequence[Part]) -> Sequence[Part]:
    """Refuse an empty list: in the model it matches nothing, in YAML everything."""
    if not parts:
        raise ValueError("a list without items would mean everything")
    return parts


def _namespaces(peer: PodPeer) -> Selector:
    """Select the namespaces of a peer, by the label that carries the name where the peer names one."""
    if peer.namespace_selector is not None:
        return peer.namespace_selector
    return selector({NAMESPACE_NAME_LABEL: peer.namespace or ""})


def selector_object(written: Selector) -> Plain:
    """Make a plain ``LabelSelector``: equalities as ``matchLabels``, everything else as ``matchExpressions``."""
    labels: dict[str, str] = {}
    expressions: list[Plain] = []
    for item in written.requirements:
        if item.operator is Operator.IN and len(item.values) == 1 and item.key not in labels:
            labels[item.key] = item.values[0]
        else:
            values = {"values": list(item.values)} if item.values else {}
            expressions.append({"key": item.key, "operator": item.operator.value, **values})
    return {
        **({"matchLabels": labels} if labels else {}),
        **({"matchExpressions": expressions} if expressions else {}),
    }


def _network_policy_spec(policy: Policy) -> Plain:
    spec: Plain = {"podSelector": selector_object(_subject(policy).pod_selector)}
    spec["policyTypes"] = [
        direction.value.capitalize() for direction in Direction if policy.rules(direction) is not None
    ]
    for direction in Direction:
        rules = policy.rules(direction)
        if rules:
            namespace = policy.ref.namespace
            spec[direction.value] = [_network_policy_rule(rule, namespace) for rule in rules]
    return spec


def _network_policy_rule(rule: Rule, namespace: str | None) -> Plain:
    if rule.action is not Action.ACCEPT:
        raise ValueError("a NetworkPolicy can only accept")
    written: Plain = {}
    if rule.peers is not None:
        written[rule.peers_field] = [
            item for peer in _listed(rule.peers) for item in _network_policy_peers(peer, namespace)
        ]
    if rule.ports is not None:
        written["ports"] = [_network_policy_port(port) for port in _listed(rule.ports)]
    return written


def _network_policy_peers(peer: Peer, namespace: str | None) -> list[Plain]:
    match peer:
        case Unreadable(reason=reason):
            raise ValueError(reason)
        case AddressPeer():
            return [{"ipBlock": block} for block in _ip_blocks(peer)]
        case PodPeer():
            pods = selector_object(peer.pod_selector)
            if peer.namespace is not None and peer.namespace == namespace:
                return [{"podSelector": pods}]
            namespaces = {"namespaceSelector": selector_object(_namespaces(peer))}
            return [{**namespaces, **({"podSelector": pods} if pods else {})}]
    raise ValueError("a NetworkPolicy has no such peer")


def _ip_blocks(peer: AddressPeer) -> list[Plain]:
    """Write ranges as one ``ipBlock`` with excepts where the text still says so, else as blocks without."""
    cidr, _, excepts = peer.text.partition(" except ")
    block: Plain = {"cidr": cidr, **({"except": excepts.split(", ")} if excepts else {})}
    try:
        as_written = read_ip_block(block, "").ranges == peer.ranges
    except UnreadableField:
        as_written = False
    return [block] if as_written else [{"cidr": text} for text in cidrs(peer.ranges)]


def cidrs(ranges: Iterable[AddressRange]) -> list[str]:
    """Write ranges of addresses as the fewest CIDRs that cover exactly them."""
    return [
        str(network)
        for piece in ranges
        for network in ipaddress.summarize_address_range(
            from_line(piece.first),
            from_line(piece.last),
        )
    ]


def _network_policy_port(port: PortMatch) -> Plain:
    match port:
        case Unreadable(reason=reason):
            raise ValueError(reason)
        case PortName(name=name, protocol=Protocol() as protocol):
            return {"protocol": protocol.value, "port": name}
        case PortRange(protocol=protocol, first=first, last=last) if protocol in PORT_PROTOCOLS:
            number = {} if (first, last) == (MIN_PORT, MAX_PORT) else {"port": first}
            end = {"endPort": last} if number and last != first else {}
            return {"protocol": protocol.value, **number, **end}
    raise ValueError("a NetworkPolicy port needs a protocol: TCP, UDP or SCTP")


def _cluster_policy_spec(policy: Policy) -> Plain:
    spec: Plain = {
        "tier": policy.tier.value,
        "priority": policy.priority,
        "subject": _pods(_subject(policy)),
    }
    for direction in Direction:
        rules = policy.rules(direction)
        if rules:
            spec[direction.value] = [_cluster_policy_rule(rule) for rule in rules]
    return spec


def _cluster_policy_rule(rule: Rule) -> Plain:
    peers = _listed(rule.peers or ())
    ports = {} if rule.ports is None else {"protocols": [_protocol(port) for port in _listed(rule.ports)]}
    return {
        **({"name": rule.name} if rule.name else {}),
        "action": rule.action.value,
        rule.peers_field: [_cluster_policy_peer(peer) for peer in peers],
        **ports,
    }


def _cluster_policy_peer(peer: Peer) -> Plain:
    match peer:
        case Unreadable(reason=reason):
            raise ValueError(reason)
        case AddressPeer():
            return {"networks": cidrs(peer.ranges)}
        case NodePeer():
            return {"nodes": selector_object(peer.selector)}
        case DomainPeer():
            return {"domainNames": list(peer.names)}
        case PodPeer():
            return _pods(peer)


def _pods(peer: PodPeer) -> Plain:
    namespaces, pods = selector_object(_namespaces(peer)), selector_object(peer.pod_selector)
    if not pods:
        return {"namespaces": namespaces}
    return {"pods": {"namespaceSelector": namespaces, "podSelector": pods}}


def _protocol(port: PortMatch) -> Plain:
    match port:
        case Unreadable(reason=reason):
            raise ValueError(reason)
        case PortName(name=name, protocol=None):
            return {"destinationNamedPort": name}
        case PortRange(protocol=protocol, first=first, last=last) if protocol in PORT_PROTOCOLS:
            one = {"number": first} if first == last else {"range": {"start": first, "end": last}}
            return {protocol.value.lower(): {"destinationPort": one}}
    raise ValueError("a ClusterNetworkPolicy has no port by name and protocol, and no other protocols")
