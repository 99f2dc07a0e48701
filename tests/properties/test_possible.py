"""What a difference says of pods that nobody has is what ``judge`` says of every pod that there could be.

The universe is small enough to be looked at whole: every label set over two keys, in each namespace of the input and
in one that is not, each with every label set of its own. The oracle knows nothing of how possible pods are chosen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from random import Random

import msgspec
import pytest

from podfence.engine.causes import Causes
from podfence.engine.decide import selects
from podfence.engine.difference import Difference, Link, difference
from podfence.engine.endpoints import Endpoint, Grouping
from podfence.engine.joint import Side, join
from podfence.engine.judge import Outside, Party, judge
from podfence.engine.witnesses import witnesses
from podfence.model.labels import NAMESPACE_NAME_LABEL, Labels, Operator, Requirement, Selector, label_set, selector
from podfence.model.net import AddressRange, Protocol, parse_address, parse_cidr
from podfence.model.objects import NamedPort, Namespace, Node, ObjectRef, Pod
from podfence.model.policy import (
    Action,
    AddressPeer,
    Direction,
    NodePeer,
    Peer,
    PodPeer,
    Policy,
    PortMatch,
    PortName,
    PortRange,
    Rule,
    Tier,
)
from podfence.model.snapshot import Snapshot
from tests.properties.pairs import remembering

SEEDS = 60
BATCH = 10
KEYS = ("app", "team")
VALUES = ("a", "b")
UNNAMED = "zz"
NAMESPACES = ("one", "two", "kube-system")
"""The last of them is in no input."""

PORTS = ((Protocol.TCP, 80), (Protocol.TCP, 81), (Protocol.TCP, 8080), (Protocol.UDP, 80), (Protocol.OTHER, 0))


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_a_difference_for_any_pod_there_could_be_is_found_and_none_is_made_up(first: int) -> None:
    wrong = [f"seed {seed}: {found}" for seed in range(first, first + BATCH) for found in _wrong(seed)]
    assert not wrong


@pytest.mark.parametrize("is_relabelled", [False, True])
@pytest.mark.parametrize("seed", range(0, SEEDS, 3))
def test_every_witness_is_what_judging_both_sides_says(seed: int, *, is_relabelled: bool) -> None:
    before, after = _sides(Random(seed))
    found = difference(join(before, _relabelled(after, Random(seed)) if is_relabelled else after), Grouping.POD)
    shown = witnesses(found, Causes(found), {})
    wrong = [
        f"{witness.link.source.after.id} -> {witness.link.destination.after.id} {protocol.value} {port}"
        for witness in shown
        for protocol, port in _ports_of(found, witness.link.ports)
        if _allowed(found, witness.link, protocol, port) != (not witness.opened, witness.opened)
    ]
    assert not wrong
    assert {witness.opened for witness in shown} == {unseen.opened for unseen in found.unseen}


def test_the_random_changes_show_only_for_possible_pods_now_and_then_and_nothing_now_and_then() -> None:
    found = [difference(join(*_sides(Random(seed)))) for seed in range(120)]
    assert sum(bool(item.unseen) and not item.opened and not item.closed for item in found) > 10
    assert sum(item.is_empty and bool(item.joint.possible.pods) for item in found) > 10
    assert sum(bool(item.joint.possible.unsure) for item in found) < 5


@pytest.mark.parametrize("seed", range(0, SEEDS, 20))
def test_a_namespace_without_an_object_may_have_any_labels(seed: int) -> None:
    before, after = (_without_object(side) for side in _sides(Random(seed)))
    truth: dict[bool, str] = {}
    for labels in _label_sets():
        truth |= _truth(*(_with_labels(side, labels) for side in (before, after)))
        if len(truth) == 2:
            break
    assert not list(_wrong_against(truth, before, after))


def _without_object(snapshot: Snapshot) -> Snapshot:
    """Let nothing tell the labels of a namespace."""
    return msgspec.structs.replace(_with_labels(snapshot, ()), bare_namespaces=frozenset(NAMESPACES[1:2]))


def _with_labels(snapshot: Snapshot, labels: Labels) -> Snapshot:
    name = NAMESPACES[1]
    told = Namespace(name, label_set({**dict(labels), NAMESPACE_NAME_LABEL: name}))
    spaces = tuple(told if space.name == name else space for space in snapshot.namespaces)
    return msgspec.structs.replace(snapshot, namespaces=spaces)


def _wrong(seed: int) -> Iterator[str]:
    before, after = _sides(Random(seed))
    yield from _wrong_against(_truth(before, after), before, after)


def _wrong_against(truth: Mapping[bool, str], before: Snapshot, after: Snapshot) -> Iterator[str]:
    found = difference(join(before, after))
    said = {
        opened: bool(links) or any(item.opened is opened for item in found.unseen)
        for opened, links in ((True, found.opened), (False, found.closed))
    }
    for opened in (True, False):
        may = found.joint.possible.may_open if opened else found.joint.possible.may_close
        if opened in truth and not may:
            yield f"said that it cannot {'open' if opened else 'close'}, but: {truth[opened]}"
        is_reserved = bool(found.joint.possible.unsure) and not said[opened]
        if said[opened] is not (opened in truth) and not is_reserved:
            yield f"said {'opens' if opened else 'closes'}: {said[opened]}, but: {truth.get(opened)}"


def _truth(before: Snapshot, after: Snapshot) -> dict[bool, str]:
    """Judge every pair of parties that there could be on both sides; give an example of what opens and what closes."""
    spaces = _spaces(before, after)
    parties: list[Party] = [
        *_different(_pods(spaces, before), spaces, before, after),
        *before.pods,
        *_nodes(),
        *_outside(),
    ]
    sides = [msgspec.structs.replace(side, namespaces=spaces) for side in (before, after)]
    found: dict[bool, str] = {}
    with remembering():
        for source, destination in product(parties, parties):
            if not isinstance(source, Pod) and not isinstance(destination, Pod):
                continue
            if (source is destination and source in before.pods) or _are_in_namesakes(source, destination):
                continue
            for protocol, port in PORTS:
                was, would = (judge(side, source, destination, protocol, port).allowed for side in sides)
                if was is not would:
                    found.setdefault(would, f"{source} -> {destination} {protocol} {port}")
            if len(found) == 2:
                return found
    return found


def _are_in_namesakes(one: Party, other: Party) -> bool:
    """Tell whether both are pods of possible namespaces of one name that cannot both be there."""
    spaces = {party.namespace for party in (one, other) if isinstance(party, Pod)}
    return len(spaces) == 2 and all(space.startswith(f"{NAMESPACES[-1]}-") for space in spaces)


def _spaces(before: Snapshot, after: Snapshot) -> tuple[Namespace, ...]:
    """Make a namespace of each kind that there could be: those that selectors do not tell apart are one."""
    peers = {peer for side in (before, after) for peer in _pod_peers(side)}
    selectors = [peer.namespace_selector for peer in peers if peer.namespace_selector is not None]
    found: dict[tuple[object, ...], Namespace] = {}
    for (number, labels), name in product(enumerate(_label_sets()), (NAMESPACES[-1], UNNAMED)):
        space = Namespace(f"{name}-{number}", label_set({**dict(labels), NAMESPACE_NAME_LABEL: name}))
        key = (name, *(item.matches(dict(space.labels)) for item in selectors))
        found.setdefault(key, space)
    return (*before.namespaces, *found.values())


def _pods(spaces: Sequence[Namespace], snapshot: Snapshot) -> Iterator[Pod]:
    """Make every pod that there could be."""
    for space in spaces:
        for number, (labels, ports) in enumerate(product(_label_sets(), _declarations(snapshot))):
            yield Pod(space.name, f"p{number}", labels, named_ports=ports)


def _different(pods: Iterator[Pod], spaces: Sequence[Namespace], before: Snapshot, after: Snapshot) -> Iterator[Pod]:
    """Keep one pod of those that every subject and every peer of both sides means or does not mean alike."""
    labels_of = {space.name: dict(space.labels) for space in spaces}
    peers = list(dict.fromkeys(peer for side in (before, after) for peer in _pod_peers(side)))
    seen = set()
    for pod in pods:
        labels = dict(pod.labels)
        space = pod.namespace if pod.namespace.startswith(NAMESPACES[-1]) else ""
        key = (
            space,
            pod.named_ports,
            *(selects(peer, pod.namespace, labels_of[pod.namespace], labels) for peer in peers),
        )
        if key not in seen:
            seen.add(key)
            yield pod


def _pod_peers(snapshot: Snapshot) -> Iterator[PodPeer]:
    for policy in snapshot.policies:
        assert isinstance(policy.subject, PodPeer)
        yield policy.subject
        for rule in (*(policy.ingress or ()), *(policy.egress or ())):
            yield from (peer for peer in rule.peers or () if isinstance(peer, PodPeer))


def _declarations(snapshot: Snapshot) -> Sequence[tuple[NamedPort, ...]]:
    if snapshot.pods:
        # Alike pods of the input say what a name means.
        return ((),)
    return ((), *((NamedPort("http", Protocol.TCP, number),) for number in (80, 81, 8080)))


def _label_sets() -> list[Labels]:
    options = [(None, *VALUES, UNNAMED)] * len(KEYS)
    return [
        label_set({key: value for key, value in zip(KEYS, values, strict=True) if value is not None})
        for values in product(*options)
    ]


def _nodes() -> list[Node]:
    return [Node(f"n{number}", labels) for number, labels in enumerate(_label_sets())]


def _outside() -> list[Outside]:
    addresses = map(parse_address, ("203.0.113.1", "8.8.8.8", "10.0.0.9", "10.9.0.9", "2001:db8::1"))
    return [Outside((AddressRange(address, address),)) for address in addresses]


def _ports_of(found: Difference, atoms: int) -> Iterator[tuple[Protocol, int]]:
    for piece in found.joint.frame.ports.ranges(atoms):
        yield from {(piece.protocol, piece.first), (piece.protocol, piece.last)}


def _allowed(found: Difference, link: Link, protocol: Protocol, port: int) -> tuple[bool, bool]:
    """Judge a connection on both sides."""
    joint = found.joint
    ends = (
        (joint.before, link.source.before, link.destination.before),
        (joint.after, link.source.after, link.destination.after),
    )
    was, would = (judge(side.whole, _party(a, side), _party(b, side), protocol, port).allowed for side, a, b in ends)
    return was, would


def _party(endpoint: Endpoint, side: Side) -> Party:
    match endpoint.kind:
        case "External":
            return Outside(endpoint.ranges)
        case "Node" | "PossibleNode":
            return next(node for node, _ in side.nodes if node.name == endpoint.name)
        case _:
            return next(pod for pod, _ in side.pods if (pod.namespace, pod.name) == (endpoint.namespace, endpoint.name))


def _sides(rng: Random) -> tuple[Snapshot, Snapshot]:
    """Make a small cluster, often without pods, and one with other policies, which often say the same."""
    spaces = tuple(Namespace(name, label_set({**_labels(rng), NAMESPACE_NAME_LABEL: name})) for name in NAMESPACES[:2])
    pods = tuple(
        Pod(
            rng.choice(NAMESPACES[:2]),
            f"real{number}",
            label_set(_labels(rng)),
            addresses=(parse_address(f"10.0.0.{number + 1}"),) if rng.random() < 0.3 else (),
            workload=("Pod", f"real{number}"),
        )
        for number in range(rng.choice((0, 0, 0, 1, 2, 4)))
    )
    names = _Policies(rng, with_port_names=not pods)
    before = tuple(names.policy(f"p{number}") for number in range(rng.randint(0, 3)))
    snapshot = Snapshot(
        namespaces=spaces,
        pods=tuple(sorted(pods, key=lambda pod: (pod.namespace, pod.name))),
        pod_ranges=(parse_cidr("10.0.0.0/8"),),
    )
    return snapshot.with_policies(before), snapshot.with_policies(names.changed(before))


def _relabelled(snapshot: Snapshot, rng: Random) -> Snapshot:
    """Give the namespaces of a cluster other labels."""
    spaces = (
        Namespace(space.name, label_set({**_labels(rng), NAMESPACE_NAME_LABEL: space.name}))
        for space in snapshot.namespaces
    )
    return msgspec.structs.replace(snapshot, namespaces=tuple(spaces))


def _labels(rng: Random) -> dict[str, str]:
    return {key: rng.choice((*VALUES, UNNAMED)) for key in KEYS if rng.random() < 0.5}


class _Policies:
    """Makes random policies, and others that say nearly or exactly the same."""

    def __init__(self, rng: Random, *, with_port_names: bool) -> None:
        self._rng = rng
        self._with_port_names = with_port_names

    def policy(self, name: str) -> Policy:
        rng = self._rng
        if rng.random() < 0.7:
            home = rng.choice(NAMESPACES[:2])
            ref, tier, subject = (
                ObjectRef("NetworkPolicy", home, name),
                Tier.NETWORK_POLICY,
                PodPeer(home, None, self._selector()),
            )
        else:
            home = None
            ref, tier = ObjectRef("ClusterNetworkPolicy", None, name), rng.choice((Tier.ADMIN, Tier.BASELINE))
            subject = PodPeer(None, self._of_namespaces(), self._selector())
        directions = rng.choice(((1, 0), (0, 1), (1, 1)))
        ingress, egress = (
            tuple(self._rule(home, direction) for _ in range(rng.randint(0, 2))) if wanted else None
            for wanted, direction in zip(directions, Direction, strict=True)
        )
        return Policy(ref, tier, rng.randrange(2) if home is None else 0, subject, ingress, egress)

    def changed(self, policies: Sequence[Policy]) -> tuple[Policy, ...]:
        rng = self._rng
        found = list(policies)
        for _ in range(rng.randint(1, 2)):
            at = rng.randrange(len(found)) if found else -1
            kind = rng.random()
            if at < 0 or kind < 0.2:
                found.append(self.policy(f"n{rng.randrange(1000)}"))
            elif kind < 0.3:
                del found[at]
            elif kind < 0.5:
                ref = msgspec.structs.replace(found[at].ref, name=f"r{rng.randrange(1000)}")
                found[at] = msgspec.structs.replace(found[at], ref=ref)
            elif kind < 0.6:
                found.append(self._renamed_part(found[at]))
            else:
                found[at] = self._edited(found[at])
        return tuple(found)

    def _renamed_part(self, policy: Policy) -> Policy:
        ref = msgspec.structs.replace(policy.ref, name=f"s{self._rng.randrange(1000)}")
        ingress, egress = (rules and rules[:1] for rules in (policy.ingress, policy.egress))
        return msgspec.structs.replace(policy, ref=ref, ingress=ingress, egress=egress)

    def _edited(self, policy: Policy) -> Policy:
        rng = self._rng
        home = policy.ref.namespace
        field, direction = rng.choice((("ingress", Direction.INGRESS), ("egress", Direction.EGRESS)))
        rules = list(policy.rules(direction) or ())
        match rng.randrange(5):
            case 0:
                rules.append(self._rule(home, direction))
            case 1:
                rules.reverse()
            case 2 if rules:
                del rules[rng.randrange(len(rules))]
            case 3 if rules:
                at = rng.randrange(len(rules))
                peers = rules[at].peers
                more = None if peers is None else (*peers, self._peer(home, direction))
                rules[at] = msgspec.structs.replace(rules[at], peers=more)
            case _:
                if isinstance(policy.subject, PodPeer):
                    subject = msgspec.structs.replace(policy.subject, pod_selector=self._selector())
                    return msgspec.structs.replace(policy, subject=subject)
        changes: dict[str, object] = {field: tuple(rules)}
        return msgspec.structs.replace(policy, **changes)

    def _rule(self, home: str | None, direction: Direction) -> Rule:
        rng = self._rng
        peers = None if rng.random() < 0.2 else tuple(self._peer(home, direction) for _ in range(rng.randint(1, 2)))
        ports = None if rng.random() < 0.4 else tuple(self._port() for _ in range(rng.randint(1, 2)))
        action = Action.ACCEPT if home is not None else rng.choice(tuple(Action))
        egress = direction is Direction.EGRESS
        return Rule(action, peers, ports, f"spec.{direction.value}[0]", "to" if egress else "from", "ports")

    def _peer(self, home: str | None, direction: Direction) -> Peer:
        rng = self._rng
        kind = rng.random()
        if home is None and kind < 0.2 and direction is Direction.EGRESS:
            return NodePeer(self._selector())
        if kind < 0.2 and (home is not None or direction is Direction.EGRESS):
            cidr = rng.choice(("0.0.0.0/0", "203.0.113.0/24", "10.0.0.0/16", "10.0.0.0/8"))
            return AddressPeer((parse_cidr(cidr),), cidr)
        if home is not None and kind < 0.5:
            return PodPeer(home, None, self._selector())
        return PodPeer(None, self._of_namespaces(), self._selector())

    def _port(self) -> PortMatch:
        rng = self._rng
        if self._with_port_names and rng.random() < 0.3:
            return PortName("http", Protocol.TCP)
        return rng.choice(
            (PortRange(Protocol.TCP, 80, 80), PortRange(Protocol.TCP, 80, 81), PortRange(Protocol.UDP, 80, 80))
        )

    def _selector(self) -> Selector:
        rng = self._rng
        return selector({}, *(self._requirement() for _ in range(rng.choice((0, 0, 1, 1, 1, 2)))))

    def _of_namespaces(self) -> Selector:
        rng = self._rng
        if rng.random() < 0.4:
            values = tuple(rng.sample(NAMESPACES, rng.randint(1, 2)))
            operator = rng.choice((Operator.IN, Operator.IN, Operator.NOT_IN))
            return selector({}, Requirement(NAMESPACE_NAME_LABEL, operator, values))
        return self._selector()

    def _requirement(self) -> Requirement:
        rng = self._rng
        operator = rng.choice((Operator.IN, Operator.IN, *Operator))
        values = tuple(rng.sample(VALUES, rng.randint(1, 2))) if operator in (Operator.IN, Operator.NOT_IN) else ()
        return Requirement(rng.choice(KEYS), operator, values)
