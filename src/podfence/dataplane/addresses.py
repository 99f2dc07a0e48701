"""Who owns each address, and in which sets and maps it therefore stands.

An address of two owners that no policy tells apart is fine; one that different pods or nodes claim is nobody's: it
is dropped to and from every pod that policies judge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping

import msgspec

from podfence.dataplane.lookups import Lookups
from podfence.dataplane.members import (
    ASKING,
    CONTESTED,
    EGRESS,
    GUARDED,
    HOSTS,
    INGRESS,
    ITSELF,
    READY,
    member_name,
)
from podfence.dataplane.objects import Element
from podfence.engine.decide import name_covers
from podfence.model.labels import Labels
from podfence.model.net import Family, family_of, format_address
from podfence.model.objects import NamedPort
from podfence.model.policy import Direction, DomainPeer, NodePeer, PodPeer, PortName

Place = tuple[str, str]
"""A set and a key in it."""

MAPS = {Direction.EGRESS: EGRESS, Direction.INGRESS: INGRESS}


class Profile:
    """Pods that no selector and no port name can tell apart: the replicas of a workload, as a rule.

    ``addresses`` are counted by the pods that have them, ``local`` ones of this node by their family.
    """

    def __init__(self, namespace: str, labels: Labels, named_ports: tuple[NamedPort, ...]) -> None:
        self.namespace, self.named_ports = namespace, named_ports
        self.labels = dict(labels)
        self.addresses: dict[int, int] = {}
        self.pods = 0
        self.local: Counter[Family] = Counter()
        self.peers: dict[PodPeer, None] = {}
        self.classes: dict[tuple[Direction, Family], str] = {}

    @property
    def is_local(self) -> bool:
        """Tell whether one of the pods is on this node and has an address."""
        return any(self.local.values())


class Owner(msgspec.Struct, frozen=True, eq=False):
    """A pod or, with ``node``, whatever is on a node's own network; ``None`` as node name is one that nobody knows.

    ``answers`` names the sets of those whose answers tell the addresses of names, for one of them.
    """

    name: str
    profile: Profile | None = None
    node: str | None = None
    is_local: bool = False
    answers: Mapping[Family, str] | None = None

    @property
    def identity(self) -> object:
        """Tell owners apart as far as policies can."""
        return self.profile or ("node", self.node)


class Active(msgspec.Struct):
    """The selectors and names that have sets at the moment, by what they select.

    ``domains`` are the names by which the pods of a class may reach hosts, by the class. ``owned`` holds the addresses
    of pods and nodes: whatever a resolver says, those are no hosts with a name.
    """

    lookups: Lookups
    owned: Container[int]
    nodes: dict[NodePeer, frozenset[str]] = {}
    ports: dict[PortName, None] = {}
    domains: dict[str, tuple[DomainPeer, ...]] = {}

    def names_of(self, profile: Profile, family: Family) -> tuple[DomainPeer, ...]:
        """Tell by which names pods may reach hosts in a family."""
        return self.domains.get(profile.classes.get((Direction.EGRESS, family), ""), ())


def places(address: int, owners: Mapping[object, Owner], active: Active) -> dict[Place, Element]:
    """List every set and map in which an address stands."""
    if not owners:
        return {}
    family, text = family_of(address), format_address(address)
    name = ", ".join(sorted({owner.name for owner in owners.values()})) if len(owners) > 1 else _only(owners).name
    element = Element(name)
    local = any(owner.is_local for owner in owners.values())
    if len(owners) > 1 and len({owner.identity for owner in owners.values()}) > 1:
        return _contested(family, text, element, local=local)
    profile = _only(owners).profile
    trusted = {(owner.answers[family], text): element for owner in owners.values() if owner.answers is not None}
    if profile is None:
        return trusted | {(found, text): element for found in _node_sets(_only(owners).node, family, active)}
    found = trusted | {(member_name(peer, family), text): element for peer in profile.peers}
    for set_name, key in _port_keys(profile, family, text, active):
        found[set_name, key] = element
    if local:
        found |= _local(profile, family, text, element)
        if peers := active.names_of(profile, family):
            found[ASKING[family], text] = Element()
            found |= _told(peers, name, address, active)
    return found


def _told(peers: tuple[DomainPeer, ...], pod: str, own: int, active: Active) -> Iterator[tuple[Place, Element]]:
    """List the hosts of which a pod has been told, in the sets of the names that cover them."""
    family, text = family_of(own), format_address(own)
    for name in active.lookups.names_of(pod):
        covering = [peer for peer in peers if any(name_covers(pattern, name) for pattern in peer.names)]
        for host, element in active.lookups.hosts(pod, name):
            if covering and family_of(host) is family and host not in active.owned:
                key = f"{text} . {format_address(host)}"
                yield from (((member_name(peer, family), key), element) for peer in covering)


def _only(owners: Mapping[object, Owner]) -> Owner:
    return next(iter(owners.values()))


def _contested(family: Family, text: str, element: Element, *, local: bool) -> dict[Place, Element]:
    found = {(CONTESTED[family], text): element}
    if local:
        found[GUARDED[family], text] = element
        for maps in MAPS.values():
            found[maps[family], text] = Element(element.comment, "jump contested")
    return found


def _local(profile: Profile, family: Family, text: str, element: Element) -> dict[Place, Element]:
    found = {(READY[family], text): element}
    classes = [(maps[family], profile.classes.get((direction, family))) for direction, maps in MAPS.items()]
    for map_name, name in classes:
        if name is not None:
            found[map_name, text] = Element(element.comment, f"jump {name}")
    if len(found) > 1:
        # The maps say already whose the address is, and a comment takes memory in the kernel.
        found[GUARDED[family], text] = Element()
        found[ITSELF[family], f"{text} . {text}"] = Element()
    return found


def _node_sets(node: str | None, family: Family, active: Active) -> Iterator[str]:
    if node is None:
        yield HOSTS[family]
        return
    for peer, names in active.nodes.items():
        if node in names:
            yield member_name(peer, family)


def _port_keys(profile: Profile, family: Family, text: str, active: Active) -> Iterator[Place]:
    for port in profile.named_ports:
        for protocol in (None, port.protocol):
            wanted = PortName(port.name, protocol)
            if wanted in active.ports:
                key = f"{text} . {port.protocol.value.lower()} . {port.number}"
                yield member_name(wanted, family), key
