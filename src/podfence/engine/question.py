"""One question: may these ends talk to those on this port? Every pair is judged, alike pairs once.

An argument that stands for several ends is allowed only if all of them are, and the answer shows the first pair
that is not (design: endpoint arguments). Pods that no policy near them tells apart are judged together, so that
a thousand replicas cost what one costs.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

import msgspec

from podfence.engine.decide import is_governed, is_own_node, policies_on
from podfence.engine.directory import Directory
from podfence.engine.judge import Outside, Party, judge
from podfence.engine.resolve import Resolved
from podfence.engine.vocabulary import Projection, Vocabulary
from podfence.model.error import PodfenceError
from podfence.model.net import MAX_PORT, MIN_PORT, PORT_PROTOCOLS, Family, Protocol, family_of
from podfence.model.objects import EndpointSlice, Node, Pod, Service, ServicePort
from podfence.model.policy import Action, Direction, Policy, Rule, Tier
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import DecidedIn, End, SideVerdict, Verdict

THROUGH_SERVICE = "a pod reaches itself through its own Service whatever NetworkPolicies say"

_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
_PROTOCOLS = {protocol.value.casefold(): protocol for protocol in PORT_PROTOCOLS}
_PORTS_LIKE = "write 80, 80/UDP, a port's name, icmp or other"


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A port as it was asked for: a number, or a name, or neither for ``Protocol.OTHER``.

    ``protocol`` is ``None`` when it was not said: then a number is TCP and a name whatever declares it.
    """

    protocol: Protocol | None
    number: int = 0
    name: str = ""

    def __str__(self) -> str:
        if self.protocol is Protocol.OTHER:
            return "ICMP and others"
        known = self.protocol.value if self.protocol is not None else "" if self.name else Protocol.TCP.value
        return f"{known} {self.name or self.number}".strip()


def parse_port(text: str) -> Asked:
    """Read PORT: ``80``, ``80/UDP``, ``http``, ``icmp``, ``other``. Raises ``PodfenceError`` for anything else."""
    written, slash, after = text.partition("/")
    if text.casefold() in ("icmp", "icmpv6", "other"):
        return Asked(Protocol.OTHER)
    protocol = _PROTOCOLS.get(after.casefold()) if slash else None
    if slash and protocol is None:
        raise PodfenceError(f"{text!r} is no port: {after!r} is no protocol with ports (TCP, UDP, SCTP); {_PORTS_LIKE}")
    if written.isascii() and written.isdigit():
        number = int(written) if len(written) <= 5 else MAX_PORT + 1
        if not MIN_PORT <= number <= MAX_PORT:
            raise PodfenceError(f"{text!r} is no port: numbers go from {MIN_PORT} to {MAX_PORT}")
        return Asked(protocol or Protocol.TCP, number)
    if not _NAME.match(written):
        raise PodfenceError(f"{text!r} is no port; {_PORTS_LIKE}")
    return Asked(protocol, name=written)


class Pair(msgspec.Struct, frozen=True, gc=False):
    """Two ends and a port to judge; it stands for every pair of its groups that policies cannot tell from it.

    ``to_itself``: both are the same pod; ``hairpin``: and it talks to itself through a Service. ``sources`` and
    ``destinations`` are the groups. ``families`` are those of the Service in between, none for any.
    """

    source: Party
    destination: Party
    protocol: Protocol
    port: int
    to_itself: bool = False
    hairpin: bool = False
    sources: tuple[Party, ...] = ()
    destinations: tuple[Party, ...] = ()
    families: frozenset[Family] = frozenset()


class Group(msgspec.Struct, frozen=True, gc=False):
    """Ends that nothing tells apart, in the order of the argument."""

    members: tuple[Party, ...]


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The verdict on a question and the pair that it speaks of, out of all ``pairs`` that differ.

    ``near`` is the snapshot with the policies that select one end of the pair, and no others.
    """

    verdict: Verdict
    pair: Pair
    pairs: tuple[Pair, ...]
    near: Snapshot


def ask(directory: Directory, source: Resolved, destination: Resolved, port: Asked) -> Answer:
    """Judge every pair, in order; the answer is the first that is denied, else the first of all.

    Raises ``PodfenceError`` when a named port or a Service's port is not there.
    """
    near = directory.near((*source.parties, *destination.parties))
    pairs = tuple(pairs_of(directory, near, source, destination, port))
    first: Answer | None = None
    for pair in pairs:
        narrow = about(near, pair)
        answer = Answer(judge_pair(narrow, pair), pair, pairs, narrow)
        if not answer.verdict.allowed:
            return answer
        first = first or answer
    if first is None:
        raise PodfenceError(f"{source.display} → {destination.display}: there is no pair of ends to judge")
    return first


def about(near: Snapshot, pair: Pair) -> Snapshot:
    """Leave only the policies that select one of two ends for its direction; no other has a say."""
    sides = ((pair.source, Direction.EGRESS), (pair.destination, Direction.INGRESS))
    selecting = {
        id(policy)
        for party, direction in sides
        if isinstance(party, Pod)
        for policy in policies_on(near, party, direction)
    }
    return near.with_policies(policy for policy in near.policies if id(policy) in selecting)


def pairs_of(
    directory: Directory, near: Snapshot, source: Resolved, destination: Resolved, port: Asked
) -> Iterator[Pair]:
    """List the pairs that a question stands for, alike pairs once; ``near`` holds what tells ends apart."""
    key, service = Alike(near), destination.service
    families = frozenset(map(family_of, service.addresses)) if service is not None else frozenset()
    sources, destinations = key.groups(source.parties), key.groups(destination.parties)
    for a in sources:
        for b in destinations:
            one, other, same = _representatives(a, b)
            hairpin = same and service is not None
            for protocol, number in ports_at(directory, destination, other, port):
                itself = same and not hairpin
                yield Pair(one, other, protocol, number, itself, hairpin, a.members, b.members, families)


def judge_pair(near: Snapshot, pair: Pair) -> Verdict:
    """Judge one pair; a pod that talks to itself through a Service is judged by the cluster-scoped policies only.

    A side is denied if it is for any address of the other end, even if the first denial was found elsewhere.
    """
    snapshot = _seen_by(near, pair)
    verdict = _judge(snapshot, pair)
    if not verdict.allowed and verdict.egress.allowed != verdict.ingress.allowed:
        verdict = _with_other_side(snapshot, pair, verdict)
    if not pair.hairpin:
        return verdict
    return msgspec.structs.replace(verdict, egress=_by_itself(verdict.egress), ingress=_by_itself(verdict.ingress))


def may_connect(near: Snapshot, pair: Pair) -> bool:
    """Tell whether a pair connects for some of the addresses that its ends can have."""
    verdict = _judge(_seen_by(near, pair), pair)
    return verdict.allowed or bool(verdict.depends)


def _seen_by(near: Snapshot, pair: Pair) -> Snapshot:
    return near.with_policies(map(_accepting_all, near.policies)) if pair.hairpin else near


def _judge(snapshot: Snapshot, pair: Pair) -> Verdict:
    ends = (pair.source, pair.destination, pair.protocol, pair.port)
    return judge(snapshot, *ends, to_itself=pair.to_itself, families=pair.families)


def _with_other_side(snapshot: Snapshot, pair: Pair, verdict: Verdict) -> Verdict:
    """Judge the side that was allowed on its own, for it may be denied for another address of the other end."""
    blind = "ingress" if verdict.egress.allowed else "egress"
    policies = (msgspec.structs.replace(policy, **{blind: None}) for policy in snapshot.policies)
    alone = _judge(snapshot.with_policies(policies), pair)
    if alone.allowed:
        return verdict
    depends = verdict.depends or alone.depends
    # What leaves depends on the address of the destination, what enters on that of the source.
    if verdict.egress.allowed:
        flow = msgspec.structs.replace(verdict.flow, destination=alone.flow.destination)
        return msgspec.structs.replace(verdict, flow=flow, egress=alone.egress, depends=depends)
    flow = msgspec.structs.replace(verdict.flow, source=alone.flow.source)
    return msgspec.structs.replace(verdict, flow=flow, ingress=alone.ingress, depends=depends)


def _accepting_all(policy: Policy) -> Policy:
    if policy.tier is not Tier.NETWORK_POLICY:
        return policy
    anything = (Rule(Action.ACCEPT, None, None, "spec", "", ""),)
    return msgspec.structs.replace(
        policy,
        ingress=None if policy.ingress is None else anything,
        egress=None if policy.egress is None else anything,
    )


def _by_itself(side: SideVerdict) -> SideVerdict:
    if side.tier is not DecidedIn.NETWORK_POLICY:
        return side
    return msgspec.structs.replace(
        side, tier=DecidedIn.DEFAULT, allowed=True, policy=None, rule=None, reason=THROUGH_SERVICE
    )


class Alike:
    """Tells which ends are alike to every policy of a snapshot: labels, addresses and names as policies see them."""

    def __init__(self, near: Snapshot) -> None:
        vocabulary = Vocabulary(near.policies)
        self._project = Projection(vocabulary.pod_selectors)
        self._node_selectors = list(vocabulary.node_selectors)
        self._nodes = {node.name: node for node in near.nodes}
        self._cuts = sorted({edge for block in vocabulary.blocks for r in block for edge in (r.first, r.last + 1)})

    def groups(self, parties: Iterable[Party]) -> list[Group]:
        """Group ends; the order of the first members is the order of the parties."""
        found: dict[object, list[Party]] = {}
        for party in parties:
            found.setdefault(self._key(party), []).append(party)
        return [Group(tuple(members)) for members in found.values()]

    def _key(self, party: Party) -> object:
        if not isinstance(party, Pod):
            return party
        where = tuple(sorted({(family_of(a).value, bisect_right(self._cuts, a)) for a in self._addresses(party)}))
        return (party.namespace, self._project(party.labels), party.named_ports, where, self._on_host(party))

    def _addresses(self, pod: Pod) -> tuple[int, ...]:
        """Give the known addresses of a pod; on the host network its node's come first (``possible_addresses``)."""
        node = self._nodes.get(pod.node or "") if pod.host_network else None
        return pod.addresses if node is None or not node.addresses else node.addresses

    def _on_host(self, pod: Pod) -> object:
        if not pod.host_network:
            return None
        node = self._nodes.get(pod.node or "")
        labels = dict(node.labels) if node is not None else {}
        return node is not None, tuple(item.matches(labels) for item in self._node_selectors)


def _representatives(sources: Group, destinations: Group) -> tuple[Party, Party, bool]:
    """Choose a pair that stands for all: two different pods, not on one node, where there are such.

    A pod always reaches itself and is always reached from its node, so these pairs say less than any other.
    """
    first: tuple[Party, Party] | None = None
    for source in sources.members:
        for destination in destinations.members:
            if _is_same(source, destination):
                continue
            if not _is_own(source, destination):
                return source, destination, False
            first = first or (source, destination)
            if not isinstance(source, Pod | Node):
                break
        if first is not None and not _has_other_node(sources, destinations):
            break
    if first is not None:
        return *first, False
    return sources.members[0], destinations.members[0], True


def _has_other_node(sources: Group, destinations: Group) -> bool:
    nodes = {item.node for group in (sources, destinations) for item in group.members if isinstance(item, Pod)}
    return len(nodes) > 1


def _is_same(source: Party, destination: Party) -> bool:
    """Tell whether two ends are one and the same pod, and not two that one template stands for."""
    if not isinstance(source, Pod) or not isinstance(destination, Pod):
        return False
    named_alike = (source.namespace, source.name, source.workload) == (
        destination.namespace,
        destination.name,
        destination.workload,
    )
    if source.from_template and source.node != destination.node:
        return False
    return named_alike and max(source.count, destination.count) <= 1


def _is_own(source: Party, destination: Party) -> bool:
    if not isinstance(destination, Pod) or not is_governed(End(pod=destination)):
        return False
    if isinstance(source, Pod):
        return is_own_node(End(pod=source), destination)
    return isinstance(source, Node) and is_own_node(End(node=source), destination)


def ports_at(directory: Directory, destination: Resolved, party: Party, port: Asked) -> list[tuple[Protocol, int]]:
    """Give the protocol and the numbers that a port means at one end, after translation by its Service.

    A name may stand for several numbers; that behind a Service for none at some of its pods. Raises
    ``PodfenceError`` when it stands for none at all.
    """
    if destination.service is not None:
        return _behind_service(directory, destination, destination.service, party, port)
    if not port.name:
        return [(port.protocol or Protocol.TCP, port.number)]
    found = _declared(party, port.name, port.protocol)
    if not found:
        raise PodfenceError(_no_such_name(destination, party, port))
    return found


def _declared(party: Party, name: str, protocol: Protocol | None) -> list[tuple[Protocol, int]]:
    named = party.named_ports if isinstance(party, Pod) else ()
    wanted = [item for item in named if item.name == name and protocol in (None, item.protocol)]
    return list(dict.fromkeys((item.protocol, item.number) for item in wanted))


def _no_such_name(destination: Resolved, party: Party, port: Asked) -> str:
    if not isinstance(party, Pod):
        return f"{destination.display} declares no ports by name; give the number instead of {port.name!r}"
    known = ", ".join(f"{item.name} ({item.protocol.value} {item.number})" for item in party.named_ports)
    there = f"declared: {known}" if known else "none is declared; give the number"
    return f"no container of {party.namespace}/{party.name} declares a port named {port!s}; {there}"


def _behind_service(
    directory: Directory, destination: Resolved, service: Service, party: Party, port: Asked
) -> list[tuple[Protocol, int]]:
    title = f"{service.namespace}/service/{service.name}"
    if port.protocol is Protocol.OTHER:
        raise PodfenceError(f"{title} forwards its ports and nothing else; ask for its pods to know about ICMP")
    if service.headless and not port.name:
        return [(port.protocol or Protocol.TCP, port.number)]
    item = _service_port(service, port)
    if item is None:
        raise PodfenceError(_no_service_port(service, title, port))
    return _target(directory, destination, service, item, party)


def _service_port(service: Service, port: Asked) -> ServicePort | None:
    wanted = port.protocol if port.name else port.protocol or Protocol.TCP
    for item in service.ports:
        if (item.name == port.name if port.name else item.port == port.number) and wanted in (None, item.protocol):
            return item
    return None


def left_out(destination: Resolved, port: Asked) -> tuple[ServicePort, tuple[Pod, ...]] | None:
    """Give the port of a Service and those of its pods that do not declare the name behind it.

    They get nothing sent to it: their EndpointSlices do not list the port. ``None`` when every pod is served.
    """
    service = destination.service
    if service is None or service.selector is None or (service.headless and not port.name):
        return None
    item = _service_port(service, port)
    if item is None or isinstance(item.target, int):
        return None
    name, protocol = item.target, item.protocol
    pods = tuple(pod for pod in destination.pods if not _declared(pod, name, protocol))
    return (item, pods) if pods else None


def _no_service_port(service: Service, title: str, port: Asked) -> str:
    known = ", ".join(
        f"{item.protocol.value} {item.port}" + (f" ({item.name})" if item.name else "") for item in service.ports
    )
    there = f"it has {known}" if known else "it has no port at all"
    return f"{title} has no port {port!s}; {there}"


def _target(
    directory: Directory, destination: Resolved, service: Service, item: ServicePort, party: Party
) -> list[tuple[Protocol, int]]:
    """Give the number behind a port of a Service; none at a pod that does not declare it while others do."""
    if service.selector is None:
        return [(item.protocol, number) for number in _numbers_in(directory.slices_of(service), item, party)]
    if isinstance(item.target, int):
        return [(item.protocol, item.target)]
    found = _declared(party, item.target, item.protocol)
    if not found and not any(_declared(other, item.target, item.protocol) for other in destination.parties):
        what = f"targetPort {item.target!r} of {service.namespace}/service/{service.name}"
        raise PodfenceError(f"{what} is declared by no container of any pod of it: nothing answers there")
    return found[:1]


def _numbers_in(slices: Iterable[EndpointSlice], item: ServicePort, party: Party) -> list[int]:
    """Find the number behind a port of a Service without selector, in the slices that list the address."""
    addresses = {r.first for r in party.ranges} if isinstance(party, Outside) else set(getattr(party, "addresses", ()))
    found = [
        port.port
        for listed in slices
        if addresses.intersection(listed.addresses)
        for port in listed.ports
        if port.name == item.name and port.protocol is item.protocol
    ]
    return list(dict.fromkeys(found)) or ([item.target] if isinstance(item.target, int) else [item.port])
