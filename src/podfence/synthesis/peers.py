"""Ends and ports of a connection as the parts of a policy that mean them, and as little else as labels can.

Pods are named by the labels that tell them apart, with ``kubernetes.io/metadata.name`` for their namespace;
addresses, nodes and hostNetwork pods by the blocks of their addresses, since no label finds them. An end of
which no address is known cannot be named: that raises ``UnnameableError``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from podfence.engine.directory import Directory
from podfence.engine.judge import Domain, Outside, Party, global_addresses
from podfence.manifests.write import cidrs
from podfence.model.labels import NAMESPACE_NAME_LABEL
from podfence.model.net import ALL_IPV4, ALL_IPV6, AddressRange, Protocol, intersect, subtract, union
from podfence.model.objects import Node, Pod
from podfence.model.policy import Direction
from podfence.synthesis.telling import selectors_for

Plain = dict[str, Any]
Ports = tuple[tuple[Protocol, int], ...]


class UnnameableError(Exception):
    """An end that no policy can name; the message is for people and says why."""


def network_policy_peers(directory: Directory, parties: Sequence[Party], namespace: str) -> list[Plain]:
    """Write ends as peers of a NetworkPolicy in ``namespace``. Raises ``UnnameableError``."""
    pods, others = _split(parties)
    found: list[Plain] = []
    for place, selectors in _by_namespace(directory, pods).items():
        for selector in selectors:
            if place == namespace:
                found.append({"podSelector": selector})
                continue
            peer: Plain = {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME_LABEL: place}}}
            found.append({**peer, "podSelector": selector} if selector else peer)
    return [*found, *({"ipBlock": block} for block in ip_blocks(_ranges(directory, others)))]


def cluster_policy_peers(directory: Directory, parties: Sequence[Party], direction: Direction) -> list[Plain]:
    """Write ends as peers of a cluster-scoped policy; only egress can name addresses. Raises ``UnnameableError``."""
    pods, others = _split(parties)
    found = [pods_of(place, item) for place, items in _by_namespace(directory, pods).items() for item in items]
    names = [party.name for party in others if isinstance(party, Domain)]
    others = [party for party in others if not isinstance(party, Domain)]
    if direction is Direction.INGRESS and (others or names):
        raise UnnameableError("a rule for ingress in a cluster-scoped policy can name pods only, no addresses")
    if names:
        found.append({"domainNames": names})
    if others:
        found.append({"networks": cidrs(_ranges(directory, others))})
    return found


def pods_of(namespace: str, pod_selector: Plain) -> Plain:
    """Write pods of a namespace as a subject or peer of a cluster-scoped policy."""
    namespaces = {"matchLabels": {NAMESPACE_NAME_LABEL: namespace}}
    if not pod_selector:
        return {"namespaces": namespaces}
    return {"pods": {"namespaceSelector": namespaces, "podSelector": pod_selector}}


def subject_selectors(directory: Directory, subjects: Sequence[Pod]) -> dict[str, list[Plain]]:
    """Give the label selectors of some pods, by namespace."""
    return _by_namespace(directory, subjects)


def network_policy_ports(ports: Ports, *, say_tcp: bool = True) -> list[Plain] | None:
    """Write ports as items of a NetworkPolicy rule; ``None`` where only a rule without ports means them."""
    if any(protocol is Protocol.OTHER for protocol, _ in ports):
        return None
    return [
        {"port": number} if protocol is Protocol.TCP and not say_tcp else {"protocol": protocol.value, "port": number}
        for protocol, number in ports
    ]


def cluster_policy_ports(ports: Ports, kind: str) -> list[Plain] | None:
    """Write ports as items of a cluster-scoped rule, in the words of its kind."""
    if any(protocol is Protocol.OTHER for protocol, _ in ports):
        return None
    if kind == "ClusterNetworkPolicy":
        return [{protocol.value.lower(): {"destinationPort": {"number": number}}} for protocol, number in ports]
    return [{"portNumber": {"protocol": protocol.value, "port": number}} for protocol, number in ports]


def ip_blocks(ranges: Sequence[AddressRange]) -> list[Plain]:
    """Write addresses as ``ipBlock`` values, with excepts where that takes fewer lines."""
    found: list[Plain] = []
    for everything in (ALL_IPV4, ALL_IPV6):
        inside = intersect(ranges, [everything])
        if not inside:
            continue
        blocks = cidrs(inside)
        around = _smallest_block(inside, everything)
        holes = cidrs(subtract([around], inside))
        if len(holes) < len(blocks):
            found.append({"cidr": cidrs([around])[0], **({"except": holes} if holes else {})})
        else:
            found.extend({"cidr": block} for block in blocks)
    return found


def _smallest_block(ranges: Sequence[AddressRange], everything: AddressRange) -> AddressRange:
    """Find the smallest CIDR that holds all of some ranges of one family."""
    first, last = ranges[0].first - everything.first, ranges[-1].last - everything.first
    host_bits = (first ^ last).bit_length()
    start = first >> host_bits << host_bits
    return AddressRange(everything.first + start, everything.first + start + (1 << host_bits) - 1)


def _split(parties: Iterable[Party]) -> tuple[list[Pod], list[Party]]:
    pods: list[Pod] = []
    others: list[Party] = []
    for party in parties:
        if isinstance(party, Pod) and not party.host_network:
            pods.append(party)
        else:
            others.append(party)
    return pods, others


def _by_namespace(directory: Directory, pods: Iterable[Pod]) -> dict[str, list[Plain]]:
    members: dict[str, list[Pod]] = defaultdict(list)
    for pod in pods:
        members[pod.namespace].append(pod)
    return {name: selectors_for(found, directory.all_pods_in(name)) for name, found in members.items()}


def _ranges(directory: Directory, parties: Iterable[Party]) -> tuple[AddressRange, ...]:
    return union(piece for party in parties for piece in _known_ranges(directory, party))


def _known_ranges(directory: Directory, party: Party) -> tuple[AddressRange, ...]:
    match party:
        case Outside():
            return party.ranges
        case Domain():
            return global_addresses(directory.snapshot)
        case Node(name=name, addresses=addresses):
            what = f"node {name}"
        case Pod():
            node = directory.nodes.get(party.node or "")
            addresses = node.addresses if node is not None and node.addresses else party.addresses
            what = f"{party.namespace}/{party.name}, which is on hostNetwork,"
    if not addresses:
        raise UnnameableError(f"the address of {what} is not known, and no label of a policy finds it")
    return tuple(AddressRange(address, address) for address in addresses)
