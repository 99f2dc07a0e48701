"""A portrait of a policy in sentences and as a firewall's table, in the words of one language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from podfence.engine.portrait import Portrait, RulePortrait, Who
from podfence.model.labels import NAMESPACE_NAME_LABEL, Operator, Selector
from podfence.model.net import MAX_PORT, MIN_PORT, Protocol
from podfence.model.objects import ObjectRef
from podfence.model.policy import (
    Action,
    AddressPeer,
    Direction,
    DomainPeer,
    NodePeer,
    Peer,
    PodPeer,
    PortMatch,
    PortName,
    PortRange,
    Tier,
    Unreadable,
)
from podfence.model.source import Position
from podfence.report.languages import Phrases

_MOST_NAMES = 6
_DO = {Action.ACCEPT: "do_accept", Action.DENY: "do_deny", Action.PASS: "do_pass"}


class Sentence(msgspec.Struct, frozen=True):
    """One rule in words; ``parts`` are its peers where there are several."""

    text: str
    parts: tuple[str, ...] = ()
    position: Position | None = None


class Told(msgspec.Struct, frozen=True):
    """What is told of one direction: a head, then a sentence for each rule, then notes about them."""

    direction: Direction
    head: str
    rules: tuple[Sentence, ...] = ()
    notes: tuple[str, ...] = ()


class Row(msgspec.Struct, frozen=True):
    """One line of a firewall's table; ``rule`` names policy and rule, and is a word for the last lines."""

    source: str
    destination: str
    service: str
    action: str
    rule: str
    direction: Direction
    position: Position | None = None


class Explained(msgspec.Struct, frozen=True):
    """A policy in words: whom it is about, both directions, what goes without saying, and the table."""

    ref: ObjectRef
    whom: str
    told: tuple[Told, ...]
    unsaid: tuple[str, ...]
    rows: tuple[Row, ...]


class Teller:
    """Tells portraits in one language."""

    def __init__(self, phrases: Phrases) -> None:
        self._say = phrases

    def explain(self, portrait: Portrait, *, defaulted: bool = False) -> Explained:
        """Put one policy into words; ``defaulted``: its policyTypes follow from its rules."""
        return Explained(
            ref=portrait.policy.ref,
            whom=self._who(portrait.subject, named=portrait.has_pods),
            told=tuple(self._told(portrait, direction) for direction in Direction),
            unsaid=tuple(self._unsaid(portrait, defaulted=defaulted)),
            rows=tuple(self._rows(portrait)),
        )

    def _told(self, portrait: Portrait, direction: Direction) -> Told:
        rules, say = portrait.rules(direction), self._say
        if rules is None or (not rules and portrait.policy.tier is not Tier.NETWORK_POLICY):
            return Told(direction, say[f"silent_{direction.value}"])
        if not rules:
            return Told(direction, say["closed_all" if direction is Direction.INGRESS else "closed_out"])
        head = "closed" if portrait.policy.tier is Tier.NETWORK_POLICY else "ordered"
        notes = [say[key] for key, holds in (("or", _any_hides(rules)), ("joined", _any_joins(rules))) if holds]
        sentences = tuple(self._sentence(portrait, rule, direction) for rule in rules)
        return Told(direction, say[head], sentences, tuple(notes))

    def _sentence(self, portrait: Portrait, item: RulePortrait, direction: Direction) -> Sentence:
        peers = self._peers(item, named=portrait.has_pods)
        together = peers[0] if len(peers) == 1 else self._say["each_of"]
        is_last = portrait.policy.tier is Tier.BASELINE and item.rule.action is Action.PASS
        key = f"{item.rule.action.value.casefold()}{'_last' if is_last else ''}_{direction.value}"
        text = self._say[key].format(peers=together, ports=self._ports(item))
        parts = tuple(peers) if len(peers) > 1 else ()
        return Sentence(text[:1].upper() + text[1:], parts, _position(portrait, item))

    def _peers(self, item: RulePortrait, *, named: bool) -> list[str]:
        if item.rule.peers is None:
            return [self._say["anyone"]]
        peers = zip(item.rule.peers, item.who, strict=True)
        return [self._who(who, named=named) if who is not None else self._peer(peer) for peer, who in peers]

    def _peer(self, peer: Peer) -> str:
        match peer:
            case AddressPeer():
                return self._say["addresses"].format(block=peer.text)
            case NodePeer():
                every = not peer.selector.requirements
                return self._say["all_nodes" if every else "nodes"].format(selector=peer.selector)
            case DomainPeer():
                return self._say["names"].format(names=self._say["comma"].join(peer.names))
            case Unreadable():
                return self._say["unreadable"].format(reason=peer.reason)
            case PodPeer():
                return self._pods(peer)

    def _who(self, who: Who, *, named: bool) -> str:
        text = self._pods(who.peer)
        if not named:
            return text
        names = self._names(who.names) if who.pods else self._say["none_now"]
        return self._say["with"].format(who=text, names=names)

    def _pods(self, peer: PodPeer) -> str:
        """Say which pods a peer means, a namespace by its name where the selector says no more than that."""
        namespace = peer.namespace or _only_namespace(peer.namespace_selector)
        some = "some_" if peer.pod_selector.requirements else ""
        if namespace is not None:
            key = "pods_of"
        elif peer.namespace_selector is None or not peer.namespace_selector.requirements:
            key = "pods" if some else "all_pods"
        else:
            key = "pods_in"
        return self._say[some + key].format(
            namespace=namespace, selector=peer.pod_selector, namespaces=peer.namespace_selector
        )

    def _names(self, names: Sequence[str]) -> str:
        comma = self._say["comma"]
        if len(names) <= _MOST_NAMES:
            return comma.join(names)
        shown = comma.join(names[: _MOST_NAMES - 2])
        return self._say["more"].format(names=shown, count=len(names) - _MOST_NAMES + 2)

    def _ports(self, item: RulePortrait) -> str:
        if item.rule.ports is None:
            return self._say["all_traffic"]
        return self._say["comma"].join(self._port(port, item) for port in item.rule.ports)

    def _port(self, port: PortMatch, item: RulePortrait) -> str:
        match port:
            case PortRange():
                return self._range(port)
            case PortName():
                return self._named(port, item.numbers.get(port.name, ()))
            case Unreadable():
                return self._say["unreadable"].format(reason=port.reason)

    def _range(self, port: PortRange) -> str:
        protocol = port.protocol.value
        if (port.first, port.last) == (MIN_PORT, MAX_PORT):
            return protocol
        if port.first == port.last:
            return f"{protocol} {port.first}"
        return self._say["range"].format(protocol=protocol, first=port.first, last=port.last)

    def _named(self, port: PortName, numbers: Sequence[tuple[Protocol, int]]) -> str:
        protocol = port.protocol.value if port.protocol is not None else self._say["any"]
        key = "named_as" if numbers else "named_nowhere"
        written = self._say["comma"].join(str(number) for _, number in numbers)
        return self._say[key].format(protocol=protocol, name=port.name, numbers=written)

    def _unsaid(self, portrait: Portrait, *, defaulted: bool) -> Iterator[str]:
        say, policy = self._say, portrait.policy
        if portrait.has_pods and not portrait.subject.pods:
            yield say["nobody"]
        if defaulted:
            yield say["defaulted"]
        if policy.tier is Tier.NETWORK_POLICY:
            yield say["additive"]
        else:
            yield say["priority"].format(tier=policy.tier.value, priority=policy.priority)
            yield say["goes_on"].format(tier=say["tier_np" if policy.tier is Tier.ADMIN else "tier_default"])
            if policy.tier is Tier.BASELINE:
                yield say["baseline"]
        if portrait.earlier:
            yield say["earlier"].format(names=self._names([str(other.ref) for other in portrait.earlier]))
        yield say["both_sides"]
        yield say["replies"]
        if policy.ingress is not None:
            yield say["own_node"]
        if any(item.rule.ports is not None for item in (*(portrait.ingress or ()), *(portrait.egress or ()))):
            yield say["icmp"]
            yield say["pod_port"]
        if portrait.forgets_dns:
            yield say["dns"]
        if portrait.others:
            yield say["others"].format(names=self._names([str(other.ref) for other in portrait.others]))

    def _rows(self, portrait: Portrait) -> Iterator[Row]:
        """Give the rules as a firewall lists them, each direction with its last line."""
        subject = self._pods(portrait.subject.peer)
        for direction in Direction:
            rules = portrait.rules(direction)
            if rules is None:
                continue
            for item in rules:
                yield from self._rule_rows(portrait, item, direction, subject)
            if portrait.policy.tier is Tier.NETWORK_POLICY:
                yield self.last_row(subject, direction, isolated=True)

    def _rule_rows(self, portrait: Portrait, item: RulePortrait, direction: Direction, subject: str) -> Iterator[Row]:
        everybody = [self._say["any"]]
        peers = everybody if item.rule.peers is None else [self._peer(peer) for peer in item.rule.peers]
        service = self._say["any"] if item.rule.ports is None else self._ports(item)
        name = f"{portrait.policy.ref}, {item.rule.name or item.rule.path.removeprefix('spec.')}"
        for peer in peers:
            source, destination = (peer, subject) if direction is Direction.INGRESS else (subject, peer)
            action = self._say[_DO[item.rule.action]]
            yield Row(source, destination, service, action, name, direction, _position(portrait, item))

    def last_row(self, subject: str, direction: Direction, *, isolated: bool) -> Row:
        """Give the line that ends a direction: everything else is dropped, or accepted where nothing isolates."""
        anybody = self._say["any"]
        source, destination = (anybody, subject) if direction is Direction.INGRESS else (subject, anybody)
        action, rule = ("do_deny", "cleanup") if isolated else ("do_accept", "default")
        return Row(source, destination, anybody, self._say[action], self._say[rule], direction)

    def table(self, subject: str, portraits: Sequence[Portrait]) -> tuple[Row, ...]:
        """Give one table of all policies that touch an endpoint, as they are asked, ``subject`` being the endpoint."""
        rows: list[Row] = []
        for direction in Direction:
            about = [portrait for portrait in portraits if portrait.rules(direction) is not None]
            isolated = any(direction in portrait.isolates for portrait in about)
            before_last = [p for p in about if p.policy.tier is not Tier.BASELINE]
            for portrait in before_last if isolated else about:
                for item in portrait.rules(direction) or ():
                    rows.extend(self._rule_rows(portrait, item, direction, subject))
            rows.append(self.last_row(subject, direction, isolated=isolated))
        return tuple(rows)


def _any_hides(rules: Iterable[RulePortrait]) -> bool:
    return any(rule.hides_a_dash for rule in rules)


def _any_joins(rules: Iterable[RulePortrait]) -> bool:
    return any(rule.joins_selectors for rule in rules)


def _only_namespace(selector: Selector | None) -> str | None:
    """Give the one namespace that a selector names by the label that every namespace has."""
    if selector is None or len(selector.requirements) != 1:
        return None
    only = selector.requirements[0]
    named = only.key == NAMESPACE_NAME_LABEL and only.operator is Operator.IN and len(only.values) == 1
    return only.values[0] if named else None


def _position(portrait: Portrait, item: RulePortrait) -> Position | None:
    source = portrait.policy.ref.source
    return None if source is None else source.position(item.rule.path)
