"""The sets of the table: what each is called by its content, its type and its comment, one for each family."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from podfence.dataplane.naming import digest, pod_peer_parts, pod_peer_text, selector_parts
from podfence.dataplane.objects import Element, NamedSet
from podfence.model.net import AddressRange, Family, family_of, format_address
from podfence.model.policy import DomainPeer, NodePeer, PodPeer, PortName

Member = PodPeer | NodePeer | PortName | DomainPeer
"""What a set is the set of: its elements come and go with pods, nodes and names."""

FAMILIES = (Family.IPV4, Family.IPV6)
ADDRESS_TYPE = {Family.IPV4: "ipv4_addr", Family.IPV6: "ipv6_addr"}

READY = {family: f"ready{family.value}" for family in FAMILIES}
GUARDED = {family: f"guarded{family.value}" for family in FAMILIES}
CONTESTED = {family: f"contested{family.value}" for family in FAMILIES}
HOSTS = {family: f"hosts{family.value}" for family in FAMILIES}
ITSELF = {family: f"itself{family.value}" for family in FAMILIES}
ASKING = {family: f"asking{family.value}" for family in FAMILIES}
RESOLVERS = {family: f"resolvers{family.value}" for family in FAMILIES}
RESOLVERS_HERE = {family: f"resolvers-here{family.value}" for family in FAMILIES}
ATTENDED = "attended"
POD_CIDRS = {family: f"podcidr{family.value}" for family in FAMILIES}
EGRESS = {family: f"egress{family.value}" for family in FAMILIES}
INGRESS = {family: f"ingress{family.value}" for family in FAMILIES}


@lru_cache(maxsize=1 << 14)
def member_name(member: Member, family: Family) -> str:
    """Name the set of a member."""
    match member:
        case PodPeer():
            return f"sel{family.value}-{digest('pods', *pod_peer_parts(member))}"
        case NodePeer():
            return f"nodes{family.value}-{digest('nodes', *selector_parts(member.selector))}"
        case PortName():
            return f"port{family.value}-{digest('port', member.name, member.protocol or '')}"
        case DomainPeer():
            return f"dns{family.value}-{digest('domains', *member.names)}"


def member_set(member: Member, family: Family) -> NamedSet:
    """Describe the set of a member."""
    kind = ADDRESS_TYPE[family]
    match member:
        case PodPeer():
            return NamedSet(kind, pod_peer_text(member))
        case NodePeer():
            return NamedSet(kind, f"nodes {member.selector}")
        case PortName():
            protocol = f" {member.protocol.value}" if member.protocol else ""
            return NamedSet(f"{kind} . inet_proto . inet_service", f"pods by their port {member.name}{protocol}")
        case DomainPeer():
            return NamedSet(f"{kind} . {kind}", f"a pod and a host of {', '.join(member.names)}", flags="timeout")


def static_sets() -> dict[str, NamedSet]:
    """Describe the sets and maps that are always there."""
    found = {ATTENDED: NamedSet("inet_proto", "answers of resolvers that the agent looks after", flags="timeout")}
    for family in FAMILIES:
        kind = ADDRESS_TYPE[family]
        found[READY[family]] = NamedSet(kind, "pods of this node whose policies are in force")
        found[GUARDED[family]] = NamedSet(kind, "pods of this node that policies judge in a direction")
        found[CONTESTED[family]] = NamedSet(kind, "addresses that two different pods or nodes claim")
        found[HOSTS[family]] = NamedSet(kind, "hostNetwork pods whose node is not known")
        found[ITSELF[family]] = NamedSet(f"{kind} . {kind}", "a pod of this node and itself, through a Service")
        found[ASKING[family]] = NamedSet(kind, "pods of this node that may reach hosts by their names")
        found[RESOLVERS[family]] = NamedSet(kind, "whose answers tell the addresses of names")
        found[RESOLVERS_HERE[family]] = NamedSet(kind, "resolvers on the network of this node")
        found[POD_CIDRS[family]] = NamedSet(kind, "where the pods of this node live", flags="interval")
        found[EGRESS[family]] = NamedSet(kind, "what leaves a pod: the chain that judges it", is_map=True)
        found[INGRESS[family]] = NamedSet(kind, "what enters a pod: the chain that judges it", is_map=True)
    return found


def range_text(piece: AddressRange) -> str:
    """Write a range for nft."""
    if piece.first == piece.last:
        return format_address(piece.first)
    return f"{format_address(piece.first)}-{format_address(piece.last)}"


def range_set(ranges: Sequence[AddressRange], comment: str) -> tuple[str, NamedSet, dict[str, Element]]:
    """Make the set of disjoint ranges of one family, with its elements."""
    family = family_of(ranges[0].first)
    texts = [range_text(piece) for piece in ranges]
    name = f"cidr{family.value}-{digest('ranges', comment, *texts)}"
    return name, NamedSet(ADDRESS_TYPE[family], comment, "interval"), dict.fromkeys(texts, Element())


def ports_set(ranges: Sequence[tuple[int, int]]) -> tuple[str, NamedSet, dict[str, Element]]:
    """Make the set of disjoint ranges of ports, with its elements."""
    texts = [port_text(piece) for piece in ranges]
    return f"ports-{digest('ports', *texts)}", NamedSet("inet_service", "", "interval"), dict.fromkeys(texts, Element())


def port_text(piece: tuple[int, int]) -> str:
    """Write a range of ports for nft."""
    first, last = piece
    return str(first) if first == last else f"{first}-{last}"
