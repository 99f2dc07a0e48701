"""Make a cluster on which two evaluators differ as small as it gets, and tell it to a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from podfence.model.labels import Labels, Selector
from podfence.model.net import format_address
from podfence.model.objects import Namespace, Node, Pod
from podfence.model.policy import (
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
    Unreadable,
)
from podfence.model.snapshot import Snapshot

_FOLDED: dict[type[Any], tuple[str, ...]] = {
    Snapshot: ("policies", "pods", "nodes"),
    Policy: ("ingress", "egress", "subject"),
    Rule: ("peers", "ports"),
    Pod: ("named_ports", "addresses", "labels", "node"),
    Node: ("addresses", "labels"),
    Namespace: ("labels",),
    PodPeer: ("pod_selector", "namespace_selector"),
    NodePeer: ("selector",),
    AddressPeer: ("ranges",),
    DomainPeer: ("names",),
    Selector: ("requirements",),
}
"""The fields of each type that can be made smaller; the rest stays as it is."""


def shrink(snapshot: Snapshot, fails: Callable[[Snapshot], bool]) -> Snapshot:
    """Take away, piece by piece, whatever is not needed for the failure."""
    again = True
    while again:
        again = False
        for smaller in _smaller(snapshot):
            if fails(smaller):
                snapshot, again = smaller, True
                break
    return snapshot


def _smaller(item: Any) -> Iterator[Any]:  # noqa: ANN401 (any part of a snapshot)
    """Give an item with one piece less, for each of its pieces, the large ones first."""
    for field in _FOLDED.get(type(item), ()):
        value = getattr(item, field)
        for less in _less(value):
            yield msgspec.structs.replace(item, **{field: less})


def _less(value: Any) -> Iterator[Any]:  # noqa: ANN401 (a field's value)
    if isinstance(value, tuple):
        for index, item in enumerate(value):
            yield value[:index] + value[index + 1 :]
            for smaller in _smaller(item):
                yield (*value[:index], smaller, *value[index + 1 :])
    elif isinstance(value, str):
        yield None
    else:
        yield from _smaller(value)


def describe(snapshot: Snapshot) -> str:
    """Tell a snapshot in a line for each object and rule."""
    lines = [f"pod ranges {_joined(map(str, snapshot.pod_ranges))}"]
    lines += [f"namespace {item.name}: {_labels(item.labels)}" for item in snapshot.namespaces]
    lines += [f"node {item.name}: {_labels(item.labels)}; {_addresses(item.addresses)}" for item in snapshot.nodes]
    lines += [_pod(pod) for pod in snapshot.pods]
    for policy in snapshot.policies:
        lines.append(f"{policy.ref.kind} {policy.ref}, {policy.tier.value} {policy.priority}: {_peer(policy.subject)}")
        for direction in Direction:
            rules = policy.rules(direction)
            if rules is not None:
                lines += [f"  {direction.value}: {len(rules)} rules", *map(_rule, rules)]
    return "\n".join(lines)


def _pod(pod: Pod) -> str:
    ports = _joined(f"{port.name}={port.number}/{port.protocol.value}" for port in pod.named_ports)
    place = f"on {pod.node}" + (", host network" if pod.host_network else "")
    name = f"pod {pod.namespace}/{pod.name} ({pod.count})"
    return f"{name}: {_labels(pod.labels)}; ports {ports}; {_addresses(pod.addresses)}; {place}"


def _rule(rule: Rule) -> str:
    peers = "anybody" if rule.peers is None else _joined(map(_peer, rule.peers))
    ports = "all traffic" if rule.ports is None else _joined(map(_port, rule.ports))
    return f"    {rule.action.value} {peers} on {ports}"


def _peer(peer: Peer) -> str:
    match peer:
        case PodPeer():
            where = peer.namespace or f"namespaces ({peer.namespace_selector})"
            return f"pods ({peer.pod_selector}) in {where}"
        case NodePeer():
            return f"nodes ({peer.selector})"
        case AddressPeer():
            return _joined(map(str, peer.ranges))
        case DomainPeer():
            return _joined(peer.names)
        case Unreadable():
            return "unreadable"


def _port(port: PortMatch) -> str:
    match port:
        case PortRange():
            return f"{port.protocol.value} {port.first}-{port.last}"
        case PortName():
            return f"{port.name}/{port.protocol.value if port.protocol else 'any'}"
        case Unreadable():
            return "unreadable"


def _labels(labels: Labels) -> str:
    return _joined(f"{key}={value!r}" for key, value in labels)


def _addresses(addresses: Sequence[int]) -> str:
    return _joined(map(format_address, addresses)) if addresses else "address unknown"


def _joined(parts: Iterator[str] | Sequence[str]) -> str:
    return ", ".join(parts) or "none"
