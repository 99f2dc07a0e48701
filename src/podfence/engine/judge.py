"""Judge a connection between parties whose addresses may be many or unknown.

``decide`` wants two ends with one address each. Here an end may be a pod whose address nobody has told, a node
with several addresses, a range outside the cluster, or a host known by name. A connection is allowed only if it
is for every address that its ends can have (design: ipBlock and pod IPs), and the verdict says when it depends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import product

import msgspec

from podfence.engine.decide import decide, is_governed, policies_on
from podfence.engine.fail_closed import closed_rules
from podfence.model.net import (
    GLOBAL_IPV4,
    GLOBAL_IPV6,
    PRIVATE_IPV4,
    AddressRange,
    Family,
    Protocol,
    family_of,
    format_address,
)
from podfence.model.objects import Node, Pod
from podfence.model.policy import AddressPeer, Direction
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import End, Flow, Verdict


class Outside(msgspec.Struct, frozen=True, gc=False):
    """Addresses that no pod and no node owns, as disjoint ranges."""

    ranges: tuple[AddressRange, ...]


class Domain(msgspec.Struct, frozen=True, gc=False):
    """A host on the internet, or all hosts under ``*.``, known by name."""

    name: str


Party = Pod | Node | Outside | Domain


def judge(
    snapshot: Snapshot,
    source: Party,
    destination: Party,
    protocol: Protocol,
    port: int = 0,
    *,
    to_itself: bool = False,
    families: Collection[Family] = (),
) -> Verdict:
    """Decide for every address that the two can have; the verdict is the first that denies, if any does.

    ``to_itself`` marks one pod that talks to its own address. With ``families`` only addresses of these count, as far
    as the two have any: a Service leads to no others than those of its own.
    """
    near = _only_policies_of(snapshot, source, destination)
    cuts = _cuts(near, source, destination)
    pairs = _compatible(list(_ends(near, source, cuts)), list(_ends(near, destination, cuts)))
    if families:
        met = (None, *families)
        pairs = [(a, b) for a, b in pairs if _family(a) in met and _family(b) in met] or pairs
    verdicts = [decide(near, Flow(a, b, protocol, port, to_itself)) for a, b in pairs]
    denied = next((verdict for verdict in verdicts if not verdict.allowed), None)
    if denied is None:
        return verdicts[0]
    if all(not verdict.allowed for verdict in verdicts):
        return denied
    return msgspec.structs.replace(denied, depends=_what_it_depends_on(denied, source, destination))


def possible_addresses(snapshot: Snapshot, party: Party) -> tuple[AddressRange, ...]:
    """Give every address that a party can have; empty when no block shall match it.

    A pod of unknown address lives in ``snapshot.pod_ranges``, a node or hostNetwork pod of unknown address in
    the private IPv4 ranges (unless no block shall match), a host known by name among the globally routable
    addresses of the families that pods have, IPv4 where no pod tells.
    """
    match party:
        case Outside():
            return party.ranges
        case Domain():
            return global_addresses(snapshot)
        case Pod() if party.host_network:
            node = next((node for node in snapshot.nodes if node.name == party.node), None)
            known = node.addresses if node is not None and node.addresses else party.addresses
        case _:
            known = party.addresses
    if known:
        return tuple(AddressRange(address, address) for address in known)
    if isinstance(party, Pod) and not party.host_network:
        return snapshot.pod_ranges
    return PRIVATE_IPV4 if snapshot.pod_ranges else ()


def global_addresses(snapshot: Snapshot) -> tuple[AddressRange, ...]:
    """Give the globally routable addresses of the families that the cluster's pods have."""
    known = {family_of(address) for pod in snapshot.pods for address in pod.addresses}
    families = known or {family_of(piece.first) for piece in snapshot.pod_ranges} or {Family.IPV4}
    return (GLOBAL_IPV4 if Family.IPV4 in families else ()) + (GLOBAL_IPV6 if Family.IPV6 in families else ())


def _only_policies_of(snapshot: Snapshot, *parties: Party) -> Snapshot:
    """Leave out the policies of other namespaces: no policy selects a pod outside its own."""
    scopes = {None, *(party.namespace for party in parties if isinstance(party, Pod))}
    return snapshot.with_policies(policy for policy in snapshot.policies if policy.ref.namespace in scopes)


def _cuts(snapshot: Snapshot, source: Party, destination: Party) -> list[int]:
    """List the addresses at which a rule that applies changes its mind."""
    sides = ((source, Direction.EGRESS), (destination, Direction.INGRESS))
    peers = (
        peer
        for party, direction in sides
        if isinstance(party, Pod) and is_governed(End(pod=party))
        for policy in policies_on(snapshot, party, direction)
        for rule in closed_rules(policy, direction) or ()
        for peer in rule.peers or ()
        if isinstance(peer, AddressPeer)
    )
    return sorted({edge for peer in peers for piece in peer.ranges for edge in (piece.first, piece.last + 1)})


def _ends(snapshot: Snapshot, party: Party, cuts: Iterable[int]) -> Iterator[End]:
    """Give one end for each piece of a party's addresses that no rule cuts."""
    ranges = possible_addresses(snapshot, party)
    if not ranges:
        yield _end(party, None)
    for piece in ranges:
        yield _end(party, piece.first)
        for edge in cuts:
            if piece.first < edge <= piece.last:
                yield _end(party, edge)


def _end(party: Party, address: int | None) -> End:
    match party:
        case Pod():
            return End(pod=party, address=address)
        case Node():
            return End(node=party, address=address)
        case Domain():
            return End(domain=party.name, address=address)
        case Outside():
            return End(address=address)


def _compatible(sources: list[End], destinations: list[End]) -> list[tuple[End, End]]:
    """Pair the ends that share a family, or all of them where no pair does: routing is not policy."""
    pairs = list(product(sources, destinations))
    shared = [(a, b) for a, b in pairs if _family(a) is None or _family(b) is None or _family(a) is _family(b)]
    return shared or pairs


def _family(end: End) -> Family | None:
    return None if end.address is None else family_of(end.address)


def _what_it_depends_on(denied: Verdict, source: Party, destination: Party) -> str:
    """Say whose address the answer hangs on, with one for which it is denied."""
    party, end = (destination, denied.flow.destination) if not denied.egress.allowed else (source, denied.flow.source)
    if end.address is None:
        return ""
    who = party.name if not isinstance(party, Outside) else "the outside"
    return f"it depends on the address of {who}: denied for {format_address(end.address)}, allowed for others"
