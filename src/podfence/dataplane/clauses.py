"""From a rule of a policy to what the kernel matches: addresses by the connection's own tuple, then ports.

``ct original ip saddr`` is who opened the connection and ``ct reply ip saddr`` the pod that really answers, after
the translation of a Service, and both are the same in every packet of the connection: so it can be judged anew from
any of them (facts, dataplane 0). The rules come in closed already (``engine.fail_closed``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from podfence.dataplane.members import (
    CONTESTED,
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
    Peer,
    PodPeer,
    PortName,
    PortRange,
    Rule,
    Tier,
)

WORD = {Family.IPV4: "ip", Family.IPV6: "ip6"}

Numbers = Mapping[PortName, tuple[tuple[Protocol, int], ...]]
"""What a pod means by each port name."""


class Needs:
    """Gathers the sets that the clauses of one family speak of."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self.members: dict[Member, None] = {}
        self.fixed: dict[str, tuple[NamedSet, dict[str, Element]]] = {}

    def member(self, member: Member) -> str:
        """Name the set of a member, and note that it is needed."""
        self.members[member] = None
        return member_name(member, self.family)

    def sets(self) -> dict[str, tuple[NamedSet, dict[str, Element]]]:
        """Give every set with the elements that never change."""
        members: dict[str, tuple[NamedSet, dict[str, Element]]] = {
            member_name(item, self.family): (member_set(item, self.family), {}) for item in self.members
        }
        return {**self.fixed, **members}


def other_end(direction: Direction, family: Family) -> str:
    """Write what stands for the other end's address."""
    side = "reply" if direction is Direction.EGRESS else "original"
    return f"ct {side} {WORD[family]} saddr"


def contested_match(direction: Direction, family: Family) -> AddressMatch:
    """Match another end of which nobody can tell who it is."""
    return _in_set(direction, family, CONTESTED[family])


def itself_match(family: Family) -> AddressMatch:
    """Match a pod that talks to itself through a Service."""
    return AddressMatch(_pair_in(ITSELF[family], family), family, ITSELF[family])


def _host_match(name: str, family: Family) -> AddressMatch:
    """Match a host that the pod was told of when it asked for a name; this node is none, whatever its addresses."""
    return AddressMatch(f"fib daddr type != local {_pair_in(name, family)}", family, name)


def _pair_in(name: str, family: Family) -> str:
    return f"ct original {WORD[family]} saddr . ct reply {WORD[family]} saddr @{name}"


def clauses_of(rule: Rule, tier: Tier, direction: Direction, numbers: Numbers, needs: Needs) -> Iterator[Clause]:
    """Give what a closed rule matches in one family, one clause for each protocol and kind of peer.

    A pass that only may mean the other end denies: nobody can tell who was meant to decide (``engine.decide``).
    """
    peers = list(_peers(rule, direction, needs, unsure=rule.action is Action.DENY))
    doubtful: list[AddressMatch] = []
    if rule.action is Action.PASS:
        doubtful += (match for match in _peers(rule, direction, needs, unsure=True) if match not in peers)
    ports = list(_ports(rule, direction, numbers, needs)) if peers or doubtful else []
    for action, matches in ((rule.action, peers), (Action.DENY, doubtful)):
        for addresses in matches:
            yield from (Clause(tier, action, addresses, match) for match in ports)


def _peers(rule: Rule, direction: Direction, needs: Needs, *, unsure: bool) -> Iterator[AddressMatch]:
    if rule.peers is None:
        yield AddressMatch()
        return
    names = dict.fromkeys(name for peer in rule.peers for name in _sets_of_peer(peer, needs, unsure=unsure))
    yield from (_in_set(direction, needs.family, name) for name in names)
    hosts = dict.fromkeys(needs.member(peer) for peer in rule.peers if isinstance(peer, DomainPeer))
    yield from (_host_match(name, needs.family) for name in hosts)
    blocks = [peer for peer in rule.peers if isinstance(peer, AddressPeer)]
    pieces = union(piece for peer in blocks for piece in peer.ranges)
    ranges = tuple(piece for piece in pieces if family_of(piece.first) is needs.family)
    if ranges:
        yield _in_ranges(direction, ranges, ", ".join(dict.fromkeys(peer.text for peer in blocks)), needs)


def _sets_of_peer(peer: Peer, needs: Needs, *, unsure: bool) -> Iterator[str]:
    match peer:
        case PodPeer():
            yield needs.member(peer)
        case NodePeer():
            yield needs.member(peer)
            if unsure or peer.selector == Selector():
                yield HOSTS[needs.family]
        case _:
            pass


def _in_set(direction: Direction, family: Family, name: str) -> AddressMatch:
    return AddressMatch(f"{other_end(direction, family)} @{name}", family, name)


def _in_ranges(direction: Direction, ranges: tuple[AddressRange, ...], text: str, needs: Needs) -> AddressMatch:
    end = other_end(direction, needs.family)
    if ranges in {(ALL_IPV4,), (ALL_IPV6,)}:
        return AddressMatch("", needs.family, ranges=ranges)
    if len(ranges) == 1:
        # nft reads every interval set again at every change (facts, engineering A5): none for a single range.
        return AddressMatch(f"{end} {range_text(ranges[0])}", needs.family, ranges=ranges)
    name, described, elements = range_set(ranges, text)
    needs.fixed[name] = (described, elements)
    return AddressMatch(f"{end} @{name}", needs.family, ranges=ranges)


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
    found, word = needs.member(name), WORD[needs.family]
    yield PortsMatch(f"ct direction original {word} daddr . meta l4proto . th dport @{found}", set_name=found)
    yield PortsMatch(f"ct direction reply {word} saddr . meta l4proto . th sport @{found}", set_name=found)


def merged(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Merge ranges of ports into disjoint ones, sorted."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return tuple(found)
