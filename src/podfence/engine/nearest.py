"""Which rules would nearly have allowed a connection, and in what they differ from it.

For a side that isolation denied these are the rules of the policies that isolate it, for one that a Deny denied
the accepts that stood before the Deny. Each rule is compared field by field: its peer that fits best, its port
that fits best.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from podfence.engine.decide import is_governed, peer_matches, policies_on, port_matches
from podfence.model.labels import NAMESPACE_NAME_LABEL, Requirement, Selector
from podfence.model.net import Protocol, format_address, parse_cidr
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
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import DecidedIn, End, Flow, SideVerdict


class Miss(msgspec.Struct, frozen=True, gc=False):
    """One thing in which a rule differs from a connection: what the rule wants, and what it got.

    ``what`` is peer, namespace, namespace label, label, address, except, port, protocol, name or unreadable.
    """

    what: str
    wanted: str
    got: str


class Fit(msgspec.Struct, frozen=True, gc=False):
    """How a part of a rule (``peer`` or ``port``) fits: the part in words, its field, and the misses."""

    part: str
    text: str
    path: str
    misses: tuple[Miss, ...] = ()


class NearMiss(msgspec.Struct, frozen=True, gc=False):
    """A rule that does not match, with how its best peer and its best port fit."""

    policy: Policy
    rule: Rule
    peer: Fit
    port: Fit

    @property
    def misses(self) -> tuple[Miss, ...]:
        """Everything in which the rule differs."""
        return (*self.peer.misses, *self.port.misses)


_FAR = 100
"""Distance of a peer of another kind altogether: nearer to none than any with a wrong label."""


def nearest_misses(near: Snapshot, flow: Flow, side: SideVerdict, limit: int = 3) -> tuple[NearMiss, ...]:
    """List the rules that come nearest to allowing a denied side, nearest first; nothing for an allowed one."""
    if side.allowed:
        return ()
    found = [_compare(near, policy, rule, flow, side.direction) for policy, rule in _candidates(near, flow, side)]
    return tuple(sorted(found, key=_distance)[:limit])


def _candidates(near: Snapshot, flow: Flow, side: SideVerdict) -> Iterator[tuple[Policy, Rule]]:
    if side.tier is DecidedIn.NETWORK_POLICY:
        for policy in side.isolated_by:
            for rule in policy.rules(side.direction) or ():
                yield policy, rule
        return
    subject = flow.source if side.direction is Direction.EGRESS else flow.destination
    for policy in policies_on(near, subject.pod, side.direction):
        if policy.tier is Tier.NETWORK_POLICY or policy.tier.value != side.tier.value:
            continue
        for rule in policy.rules(side.direction) or ():
            if _is_decisive(policy, rule, side):
                return
            if rule.action is Action.ACCEPT:
                yield policy, rule


def _is_decisive(policy: Policy, rule: Rule, side: SideVerdict) -> bool:
    # A Deny with an unreadable part decides as a copy of itself; its path tells it all the same.
    decided = side.policy is not None and side.rule is not None
    return decided and (policy.ref, rule.path) == (side.policy and side.policy.ref, side.rule and side.rule.path)


def _distance(miss: NearMiss) -> tuple[int, int]:
    """Order near misses: few differences, of these first a wrong port, which is quicker mended than a wrong peer."""
    unlike = sum(_FAR if item.what in ("peer", "unreadable") else 1 for item in miss.peer.misses)
    return (unlike + len(miss.port.misses), len(miss.peer.misses))


def _compare(near: Snapshot, policy: Policy, rule: Rule, flow: Flow, direction: Direction) -> NearMiss:
    other = flow.destination if direction is Direction.EGRESS else flow.source
    peers, ports = f"{rule.path}.{rule.peers_field}", f"{rule.path}.{rule.ports_field}"
    if rule.peers is None:
        peer = Fit("peer", "anyone", peers)
    else:
        fits = [_peer_fit(near, item, other, f"{peers}[{index}]") for index, item in enumerate(rule.peers)]
        peer = min(fits, key=_fit_distance, default=Fit("peer", "nobody", peers, (Miss("peer", "nobody", ""),)))
    if rule.ports is None:
        port = Fit("port", "every port", ports)
    else:
        fits = [_port_fit(item, flow, f"{ports}[{index}]") for index, item in enumerate(rule.ports)]
        port = min(fits, key=_fit_distance, default=Fit("port", "no port", ports, (Miss("port", "none", ""),)))
    if not peer.misses and not port.misses and isinstance(policy.subject, Unreadable):
        peer = Fit("peer", "nobody", peers, (Miss("unreadable", policy.subject.reason, "an unreadable subject"),))
    return NearMiss(policy, rule, peer, port)


def _fit_distance(fit: Fit) -> tuple[int, int]:
    far = sum(_FAR if item.what in ("peer", "unreadable") else 1 for item in fit.misses)
    # Of several numbers that all differ, the one that is nearest to what was asked.
    return far, min((_number_distance(item) for item in fit.misses), default=0)


def _number_distance(miss: Miss) -> int:
    wanted, got = (text.rpartition(" ")[2].partition("-")[0] for text in (miss.wanted, miss.got))
    return abs(int(wanted) - int(got)) if wanted.isdigit() and got.isdigit() else 0


def _peer_fit(near: Snapshot, peer: Peer, end: End, path: str) -> Fit:
    text = peer_text(peer)
    if isinstance(peer, Unreadable):
        return Fit("peer", text, path, (Miss("unreadable", "a peer that can be read", peer.reason),))
    if peer_matches(near, peer, end):
        return Fit("peer", text, path)
    if isinstance(peer, PodPeer) and end.pod is not None and is_governed(end):
        return Fit("peer", text, path, tuple(_pod_misses(near, peer, end)))
    if isinstance(peer, AddressPeer) and end.address is not None:
        what = "except" if _in_an_except(peer, end.address) else "address"
        return Fit("peer", text, path, (Miss(what, text, format_address(end.address)),))
    return Fit("peer", text, path, (Miss("peer", text, end_text(end)),))


def _in_an_except(peer: AddressPeer, address: int) -> bool:
    cidr, word, _ = peer.text.partition(" except ")
    try:
        return bool(word) and address in parse_cidr(cidr)
    except ValueError:
        return False


def _pod_misses(near: Snapshot, peer: PodPeer, end: End) -> Iterator[Miss]:
    if end.pod is None:
        return
    if peer.namespace is not None and peer.namespace != end.pod.namespace:
        yield Miss("namespace", peer.namespace, end.pod.namespace)
    labels = next((dict(item.labels) for item in near.namespaces if item.name == end.pod.namespace), {})
    for requirement in (peer.namespace_selector or Selector()).requirements:
        if not requirement.matches(labels):
            what = "namespace" if requirement.key == NAMESPACE_NAME_LABEL else "namespace label"
            yield Miss(what, str(requirement), _label_got(requirement, labels))
    for requirement in peer.pod_selector.requirements:
        if not requirement.matches(dict(end.pod.labels)):
            yield Miss("label", str(requirement), _label_got(requirement, dict(end.pod.labels)))


def _label_got(requirement: Requirement, labels: dict[str, str]) -> str:
    key = requirement.key
    return f"{key}={labels[key]}" if key in labels else f"no label {key}"


def _port_fit(port: PortMatch, flow: Flow, path: str) -> Fit:
    text = port_text(port)
    if port_matches(port, flow):
        return Fit("port", text, path)
    asked = "ICMP and others" if flow.protocol is Protocol.OTHER else f"{flow.protocol.value} {flow.port}"
    match port:
        case Unreadable(reason=reason):
            return Fit("port", text, path, (Miss("unreadable", "a port that can be read", reason),))
        case PortRange() if port.first <= flow.port <= port.last:
            return Fit("port", text, path, (Miss("protocol", port.protocol.value, flow.protocol.value),))
        case PortName():
            return Fit("port", text, path, (Miss("name", text, f"{asked}; {_declares(port, flow.destination)}"),))
        case _:
            return Fit("port", text, path, (Miss("port", text, asked),))


def _declares(port: PortName, destination: End) -> str:
    pod = destination.pod
    if pod is None:
        return "only pods declare names"
    same = [item for item in pod.named_ports if item.name == port.name]
    if not same:
        return f'{pod.name} declares no port "{port.name}"'
    return f'{pod.name} declares "{port.name}" as ' + ", ".join(f"{item.protocol.value} {item.number}" for item in same)


def peer_text(peer: Peer) -> str:
    """Say in a few words whom a peer means."""
    match peer:
        case PodPeer(namespace=str()):
            return f"podSelector {peer.pod_selector}"
        case PodPeer():
            namespaces = peer.namespace_selector or Selector()
            pods = f", podSelector {peer.pod_selector}" if peer.pod_selector.requirements else ""
            return f"namespaceSelector {namespaces}{pods}"
        case AddressPeer():
            return peer.text
        case NodePeer():
            return f"nodes {peer.selector}"
        case DomainPeer():
            return f"domain names {', '.join(peer.names)}"
        case Unreadable():
            return "unreadable"


def port_text(port: PortMatch) -> str:
    """Say in a few words what a port item means."""
    match port:
        case PortRange(protocol=protocol, first=1, last=65535):
            return f"all {protocol.value}"
        case PortRange(protocol=protocol, first=first, last=last):
            return f"{protocol.value} {first}" + (f"-{last}" if last != first else "")
        case PortName(name=name, protocol=protocol):
            return f'port "{name}"' if protocol is None else f'{protocol.value} port "{name}"'
        case Unreadable():
            return "unreadable"


def end_text(end: End) -> str:
    """Say what an end is, for somebody who wonders why a peer does not mean it."""
    if end.pod is not None and end.pod.host_network:
        return f"{end.pod.namespace}/{end.pod.name} on hostNetwork, which no label finds"
    if end.pod is not None:
        return f"pod {end.pod.namespace}/{end.pod.name}" + ("" if end.address is not None else ", address unknown")
    if end.node is not None:
        return f"node {end.node.name}"
    if end.domain is not None:
        return f"host {end.domain}"
    return "an address" if end.address is None else format_address(end.address)
