"""Whether one selector, peer or set of ports covers another whatever objects there will ever be.

This is about meaning, not about today's pods: two selectors that happen to find the same pods do not cover each
other. An answer of no may be wrong, an answer of yes never is.
"""

from __future__ import annotations

from podfence.model.labels import NAMESPACE_NAME_LABEL, Operator, Requirement, Selector
from podfence.model.net import subtract
from podfence.model.policy import (
    AddressPeer,
    DomainPeer,
    NodePeer,
    Peer,
    PodPeer,
    PortMatch,
    PortRange,
    Rule,
    Unreadable,
)


def selector_covers(wide: Selector, narrow: Selector) -> bool:
    """Tell whether everything that ``narrow`` matches is matched by ``wide``."""
    return all(any(_implies(item, wanted) for item in narrow.requirements) for wanted in wide.requirements)


def _implies(known: Requirement, wanted: Requirement) -> bool:
    if known.key != wanted.key or known == wanted:
        return known == wanted
    match known.operator, wanted.operator:
        case Operator.IN, Operator.IN:
            return set(known.values) <= set(wanted.values)
        case Operator.IN, Operator.NOT_IN:
            return set(known.values).isdisjoint(wanted.values)
        case Operator.NOT_IN, Operator.NOT_IN:
            return set(wanted.values) <= set(known.values)
        case (Operator.IN, Operator.EXISTS) | (Operator.DOES_NOT_EXIST, Operator.NOT_IN):
            return True
    return False


def peer_covers(wide: Peer, narrow: Peer) -> bool:
    """Tell whether everybody that ``narrow`` means is meant by ``wide``."""
    match wide, narrow:
        case PodPeer(), PodPeer():
            return _spaces_cover(wide, narrow) and selector_covers(wide.pod_selector, narrow.pod_selector)
        case AddressPeer(), AddressPeer():
            return not subtract(narrow.ranges, wide.ranges)
        case NodePeer(), NodePeer():
            return selector_covers(wide.selector, narrow.selector)
        case DomainPeer(), DomainPeer():
            return set(narrow.names) <= set(wide.names)
    return False


def _spaces_cover(wide: PodPeer, narrow: PodPeer) -> bool:
    if wide.namespace is not None:
        return wide.namespace == narrow.namespace
    selector = wide.namespace_selector or Selector()
    if narrow.namespace is not None:
        named = all(item.key == NAMESPACE_NAME_LABEL for item in selector.requirements)
        return named and selector.matches({NAMESPACE_NAME_LABEL: narrow.namespace})
    return selector_covers(selector, narrow.namespace_selector or Selector())


def ports_cover(wide: tuple[PortMatch, ...] | None, narrow: tuple[PortMatch, ...] | None) -> bool:
    """Tell whether every port of ``narrow`` is one of ``wide``; ``None`` is all traffic."""
    if wide is None:
        return True
    return narrow is not None and all(any(_port_covers(item, port) for item in wide) for port in narrow)


def _port_covers(wide: PortMatch, narrow: PortMatch) -> bool:
    if isinstance(wide, PortRange) and isinstance(narrow, PortRange):
        return wide.protocol is narrow.protocol and wide.first <= narrow.first and narrow.last <= wide.last
    return wide == narrow and not isinstance(wide, Unreadable)


def rule_covers(wide: Rule, narrow: Rule) -> bool:
    """Tell whether a rule matches everything that another does."""
    if not ports_cover(wide.ports, narrow.ports):
        return False
    if wide.peers is None:
        return True
    if not narrow.peers:
        return False
    return all(any(peer_covers(peer, item) for peer in wide.peers) for item in narrow.peers)


def excludes(peer: Peer) -> bool:
    """Tell whether a peer leaves somebody out on purpose."""
    match peer:
        case PodPeer():
            selectors = (peer.pod_selector, peer.namespace_selector or Selector())
            operators = {item.operator for selector in selectors for item in selector.requirements}
            return not operators.isdisjoint({Operator.NOT_IN, Operator.DOES_NOT_EXIST})
        case AddressPeer():
            return " except " in peer.text
    return False
