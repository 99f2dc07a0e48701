"""From a rule of a policy to what the kernel matches: addresses by the connection's own tuple, then ports.

``ct original ip saddr`` is who opened the connection and ``ct reply ip saddr`` the pod that really answers, after
the translation of a Service, and both are the same in every packet of the connection: so it can be judged anew from
any of them (facts, dataplane 0). The rules come in closed already (``engine.fail_closed``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from podfence.dataplane.members import (
    CONTESTED,
    FAMILIES,
    HOSTS,
    ITSELF,
    Member,
    member_name,
    member_set,
    ports_set,
    range_set,
    range_text,
)
from podfence.dataplane.members import port_text as port_range_text
from podfence.dataplane.objects import AddressMatch, Clause, Element, NamedSet, PortsMatch
from podfence.model.labels import Selector
from podfence.model.net import (
    ALL_IPV4,
    ALL_IPV6,
    MAX_PORT,
    MIN_PORT,
    PORT_PROTOCOLS,
    AddressRange,
    Family,
    Protocol,
    family_of,
    union,
)
from podfence.model.policy import (
    Action,
    AddressPeer,
    Direction,
    DomainPeer,
    NodePeer,
    PodPeer,
    PortName,
    PortRange,
    Rule,
    Tier,
)

WORD = {Family.IPV4: "ip", Family.IPV6: "ip6"}
ANY_OF_FAMILY = {Family.IPV4: "meta nfproto ipv4", Family.IPV6: "meta nfproto ipv6"}

Numbers = Mapping[PortName, tuple[tuple[Protocol, int], ...]]
"""What a pod means by each port name."""


class Needs:
    """Gathers the sets that clauses speak of."""

    def __init__(self) -> None:
        self.members: dict[Member, None] = {}
        self.fixed: dict[str, tuple[NamedSet, dict[str, Element]]] = {}

    def member(self, member: Member, family: Family) -> str:
        """Name the set of a member, and note that both of its families are needed."""
        self.members[member] = None
        return member_name(member, family)

    def sets(self) -> dict[str, tuple[NamedSet, dict[str, Element]]]:
        """Give every set with the elements that never change."""
        found = dict(self.fixed)
        for member in self.members:
            for family in FAMILIES:
                found[member_name(member, family)] = (member_set(member, family), {})
        return found


def other_end(direction: Direction, family: Family) -> str:
    """Write what stands for the other end's address."""
    side = "reply" if direction is Direction.EGRESS else "original"
    return f"ct {side} {WORD[family]} saddr"


def contested_matches(direction: Direction) -> list[AddressMatch]:
    """Match another end of which nobody can tell who it is."""
    return [_in_set(direction, family, CONTESTED[family]) for family in FAMILIES]


def itself_matches() -> list[AddressMatch]:
    """Match a pod that talks to itself through a Service."""
    return [
        AddressMatch(
            f"ct original {WORD[family]} saddr . ct reply {WORD[family]} saddr @{ITSELF[family]}",
            family,
            ITSELF[family],
        )
        for family in FAMILIES
    ]


def clauses_of(rule: Rule, tier: Tier, direction: Direction, numbers: Numbers, needs: Needs) -> Iterator[Clause]:
    """Give what a closed rule matches, one clause for each family, protocol and kind of peer.

    A pass that only may mean the other end denies: nobody can tell who was meant to decide (``engine.decide``).
    """
    peers = list(_peers(rule, direction, needs, unsure=rule.action is Action.DENY))
    for addresses, ports in _pairs(rule, direction, peers, numbers, needs):
        yield Clause(tier, rule.action, addresses, ports)
    if rule.action is Action.PASS:
        doubtful = [match for match in _peers(rule, direction, Needs(), unsure=True) if match not in peers]
        for addresses, ports in _pairs(rule, direction, doubtful, numbers, needs):
            yield Clause(tier, Action.DENY, addresses, ports)


def _pairs(
    rule: Rule, direction: Direction, peers: Iterable[AddressMatch], numbers: Numbers, needs: Needs
) -> Iterator[tuple[AddressMatch, PortsMatch]]:
    ports = list(_ports(rule, direction, numbers, needs))
    for addresses in peers:
        for match in ports:
            if addresses.family is None or match.family in {None, addresses.family}:
                yield addresses, match


def _peers(rule: Rule, direction: Direction, needs: Needs, *, unsure: bool) -> Iterator[AddressMatch]:
    if rule.peers is None:
        yield AddressMatch()
        return
    for family in FAMILIES:
        names = dict.fromkeys(name for peer in rule.peers for name in _sets_of_peer(peer, family, needs, unsure=unsure))
        yield from (_in_set(direction, family, name) for name in names)
    blocks = union(piece for peer in rule.peers if isinstance(peer, AddressPeer) for piece in peer.ranges)
    texts = ", ".join(dict.fromkeys(peer.text for peer in rule.peers if isinstance(peer, AddressPeer)))
    for family in FAMILIES:
        ranges = tuple(piece for piece in blocks if family_of(piece.first) is family)
        if ranges:
            yield _in_ranges(direction, family, ranges, texts, needs)


def _sets_of_peer(peer: object, family: Family, needs: Needs, *, unsure: bool) -> Iterator[str]:
    match peer:
        case PodPeer() | DomainPeer():
            yield needs.member(peer, family)
        case NodePeer():
            yield needs.member(peer, family)
            if unsure or peer.selector == Selector():
                yield HOSTS[family]


def _in_set(direction: Direction, family: Family, name: str) -> AddressMatch:
    return AddressMatch(f"{other_end(direction, family)} @{name}", family, name)


def _in_ranges(
    direction: Direction, family: Family, ranges: tuple[AddressRange, ...], text: str, needs: Needs
) -> AddressMatch:
    if ranges in {(ALL_IPV4,), (ALL_IPV6,)}:
        return AddressMatch(ANY_OF_FAMILY[family], family, ranges=ranges)
    if len(ranges) == 1:
        # nft reads every interval set again at every change (facts, engineering A5): none for a single range.
        return AddressMatch(f"{other_end(direction, family)} {range_text(ranges[0])}", family, ranges=ranges)
    name, described, elements = range_set(ranges, text)
    needs.fixed[name] = (described, elements)
    return AddressMatch(f"{other_end(direction, family)} @{name}", family, ranges=ranges)


def _ports(rule: Rule, direction: Direction, numbers: Numbers, needs: Needs) -> Iterator[PortsMatch]:
    if rule.ports is None:
        yield PortsMatch()
        return
    pieces = [(item.protocol, item.first, item.last) for item in rule.ports if isinstance(item, PortRange)]
    named = [item for item in rule.ports if isinstance(item, PortName)]
    if direction is Direction.INGRESS:
        pieces += [(protocol, port, port) for name in named for protocol, port in numbers.get(name, ())]
    for protocol in PORT_PROTOCOLS:
        ranges = merged((first, last) for found, first, last in pieces if found is protocol)
        if ranges:
            yield _in_ports(protocol, ranges, needs)
    if direction is Direction.EGRESS:
        for name in dict.fromkeys(named):
            yield from _in_named(name, needs)


def _in_ports(protocol: Protocol, ranges: tuple[tuple[int, int], ...], needs: Needs) -> PortsMatch:
    word = f"meta l4proto {protocol.value.lower()}"
    if ranges == ((MIN_PORT, MAX_PORT),):
        return PortsMatch(word, protocol)
    if len(ranges) == 1:
        return PortsMatch(f"{word} ct reply proto-src {port_range_text(ranges[0])}", protocol, ranges)
    name, described, elements = ports_set(ranges)
    needs.fixed[name] = (described, elements)
    return PortsMatch(f"{word} ct reply proto-src @{name}", protocol, ranges)


def _in_named(name: PortName, needs: Needs) -> Iterator[PortsMatch]:
    """Match the destination by its own port of that name.

    nft 1.0.6 cannot join ``ct reply proto-src`` to an address, so the packet's own fields stand in for it, once for
    each direction that a packet can travel in; translation is behind the one and not yet before the other.
    """
    for family in FAMILIES:
        found = needs.member(name, family)
        word = WORD[family]
        yield PortsMatch(
            f"ct direction original {word} daddr . meta l4proto . th dport @{found}", None, (), family, found
        )
        yield PortsMatch(f"ct direction reply {word} saddr . meta l4proto . th sport @{found}", None, (), family, found)


def merged(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Merge ranges of ports into disjoint ones, sorted."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return tuple(found)
