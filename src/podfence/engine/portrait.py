"""What one policy says, and what follows from it that its text does not say, for whoever puts it into words."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import msgspec

from podfence.engine import bitset
from podfence.engine.classes import PodSets, Profile
from podfence.engine.fail_closed import closed_subject
from podfence.model.net import Protocol
from podfence.model.objects import Pod
from podfence.model.policy import Action, Direction, Peer, PodPeer, Policy, PortName, PortRange, Rule, Tier
from podfence.model.snapshot import Snapshot

DNS_PORT = 53


class Who(msgspec.Struct, frozen=True):
    """The pods that a subject or peer selects, and the workloads that they belong to, as ``NS/NAME``."""

    peer: PodPeer
    pods: tuple[Pod, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Name the workloads, each once, in order."""
        return tuple(sorted({f"{pod.namespace}/{pod.workload[1]}" for pod in self.pods}))


class RulePortrait(msgspec.Struct, frozen=True):
    """One rule: ``who`` its peers mean, by position, ``None`` where a peer does not mean pods.

    ``numbers`` are what each named port stands for at the destinations.
    """

    rule: Rule
    who: tuple[Who | None, ...]
    numbers: dict[str, tuple[tuple[Protocol, int], ...]]

    @property
    def hides_a_dash(self) -> bool:
        """Tell whether a peer selects namespaces only and the next one pods of the own namespace only.

        With one dash less they would be one peer, and mean what both say together.
        """
        peers = self.rule.peers or ()
        return any(
            isinstance(a, PodPeer) and isinstance(b, PodPeer)
            and a.namespace_selector is not None and not a.pod_selector.requirements
            and b.namespace is not None and bool(b.pod_selector.requirements)
            for a, b in pairwise(peers)
        )  # fmt: skip

    @property
    def joins_selectors(self) -> bool:
        """Tell whether a peer selects pods and namespaces at once: both must hold."""
        return any(
            isinstance(peer, PodPeer) and peer.namespace_selector is not None and bool(peer.pod_selector.requirements)
            for peer in self.rule.peers or ()
        )


class Portrait(msgspec.Struct, frozen=True):
    """A policy with the pods that it is about.

    ``ingress`` and ``egress`` are ``None`` where it says nothing about the direction. ``others`` are the other
    policies of its tier that select one of the same pods, ``earlier`` those of the Admin tier that speak of one of its
    directions and are asked before it. ``has_pods``: the snapshot knows pods at all.
    """

    policy: Policy
    subject: Who
    ingress: tuple[RulePortrait, ...] | None
    egress: tuple[RulePortrait, ...] | None
    others: tuple[Policy, ...]
    earlier: tuple[Policy, ...]
    has_pods: bool

    def rules(self, direction: Direction) -> tuple[RulePortrait, ...] | None:
        """Give the rules of one direction."""
        return self.ingress if direction is Direction.INGRESS else self.egress

    @property
    def isolates(self) -> tuple[Direction, ...]:
        """The directions in which selecting a pod closes it."""
        if self.policy.tier is not Tier.NETWORK_POLICY:
            return ()
        return tuple(direction for direction in Direction if self.rules(direction) is not None)

    @property
    def forgets_dns(self) -> bool:
        """Tell whether the policy isolates for egress and none of its rules lets port 53 out."""
        return Direction.EGRESS in self.isolates and not any(_allows_dns(item.rule) for item in self.egress or ())


class Portraits:
    """Draws the policies of a snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._pods = [pod for pod in snapshot.pods if not pod.host_network]
        self._sets = PodSets(snapshot, [_profile(pod) for pod in self._pods])
        self._subjects = [(policy, self._sets.select(closed_subject(policy))) for policy in snapshot.policies]

    def of(self, policy: Policy) -> Portrait:
        """Draw one policy."""
        subject = self._who(closed_subject(policy))
        chosen = self._sets.select(subject.peer)
        others = [other for other, pods in self._subjects if other is not policy and pods & chosen]
        return Portrait(
            policy=policy,
            subject=subject,
            ingress=self._rules(policy.ingress, subject),
            egress=self._rules(policy.egress, None),
            others=tuple(other for other in others if other.tier is policy.tier),
            earlier=tuple(sorted((other for other in others if _precedes(other, policy)), key=lambda item: item.order)),
            has_pods=bool(self._snapshot.pods),
        )

    def touching(self, pods: Iterable[Pod]) -> list[Policy]:
        """List the policies that select one of some pods, in the order of evaluation."""
        wanted = {(pod.namespace, pod.name) for pod in pods}
        chosen = bitset.make([n for n, pod in enumerate(self._pods) if (pod.namespace, pod.name) in wanted])
        order = list(Tier)
        found = [policy for policy, selected in self._subjects if selected & chosen]
        return sorted(found, key=lambda policy: (order.index(policy.tier), policy.order))

    def _who(self, peer: PodPeer) -> Who:
        return Who(peer, tuple(self._pods[number] for number in bitset.members(self._sets.select(peer))))

    def _rules(self, rules: tuple[Rule, ...] | None, destinations: Who | None) -> tuple[RulePortrait, ...] | None:
        """Draw rules; ``destinations`` are fixed for ingress, for egress the peers themselves."""
        if rules is None:
            return None
        return tuple(self._rule(rule, destinations) for rule in rules)

    def _rule(self, rule: Rule, destinations: Who | None) -> RulePortrait:
        who = tuple(self._peer(peer) for peer in rule.peers or ())
        pods = destinations.pods if destinations is not None else [pod for item in who if item for pod in item.pods]
        if destinations is None and rule.peers is None:
            pods = self._pods
        names = (port for port in rule.ports or () if isinstance(port, PortName))
        return RulePortrait(rule, who, {port.name: _numbers(port, pods) for port in names})

    def _peer(self, peer: Peer) -> Who | None:
        return self._who(peer) if isinstance(peer, PodPeer) else None


def _precedes(other: Policy, policy: Policy) -> bool:
    """Tell whether another policy may settle what this one speaks of, before it is asked."""
    is_earlier = other.tier is Tier.ADMIN and policy.tier is not Tier.ADMIN
    spoken_of = [way for way in Direction if policy.rules(way) is not None]
    return is_earlier and any(rule.action is not Action.PASS for way in spoken_of for rule in other.rules(way) or ())


def _profile(pod: Pod) -> Profile:
    return Profile(pod.namespace, pod.labels, pod.named_ports, ((), ()))


def _numbers(port: PortName, pods: Iterable[Pod]) -> tuple[tuple[Protocol, int], ...]:
    found = {
        (declared.protocol, declared.number)
        for pod in pods
        for declared in pod.named_ports
        if declared.name == port.name and port.protocol in (None, declared.protocol)
    }
    return tuple(sorted(found, key=lambda item: (item[0].value, item[1])))


def _allows_dns(rule: Rule) -> bool:
    """Tell whether a rule lets port 53 out to anybody; a name may stand for it and is taken to."""
    return rule.ports is None or any(
        not isinstance(port, PortRange) or (port.first <= DNS_PORT <= port.last and port.protocol is not Protocol.SCTP)
        for port in rule.ports
    )
