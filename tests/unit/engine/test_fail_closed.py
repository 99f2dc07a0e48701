"""What cannot be read: an accept matches nothing, a deny everything."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from podfence.engine.fail_closed import ALL_PODS, closed_rule, closed_rules, closed_subject
from podfence.model.labels import EVERYTHING
from podfence.model.net import Protocol
from podfence.model.objects import ObjectRef
from podfence.model.policy import Action, Direction, PodPeer, Policy, PortRange, Rule, Tier, Unreadable

BAD = Unreadable("for the test")
PEER = PodPeer("x", None, EVERYTHING)
PORT = PortRange(Protocol.TCP, 80, 80)


def rule(action: Action, peers: tuple[PodPeer | Unreadable, ...] | None, *ports: PortRange | Unreadable) -> Rule:
    return Rule(action, peers, ports or None, "spec.ingress[0]", "from", "ports")


def policy(tier: Tier, subject: PodPeer | Unreadable, *rules: Rule) -> Policy:
    return Policy(ObjectRef("Any", "x" if tier is Tier.NETWORK_POLICY else None, "a"), tier, 0, subject, rules, None)


@pytest.mark.parametrize("action", Action)
def test_a_rule_that_can_be_read_stays_as_it_is(action: Action) -> None:
    readable = rule(action, (PEER,), PORT)
    assert closed_rule(readable) is readable


def test_an_accept_keeps_the_parts_that_can_be_read() -> None:
    assert closed_rule(rule(Action.ACCEPT, (BAD, PEER), PORT, BAD)) == rule(Action.ACCEPT, (PEER,), PORT)


def test_an_accept_with_nothing_readable_left_is_for_nobody_rather_than_anybody() -> None:
    closed = closed_rule(rule(Action.ACCEPT, (BAD,), BAD))
    assert (closed.peers, closed.ports) == ((), ())


@pytest.mark.parametrize("action", [Action.DENY, Action.PASS])
def test_a_deny_or_pass_denies_the_whole_of_what_cannot_be_read(action: Action) -> None:
    assert closed_rule(rule(action, (BAD, PEER), PORT)) == rule(Action.DENY, None, PORT)
    closed = closed_rule(rule(action, (PEER,), PORT, BAD))
    assert (closed.action, closed.peers, closed.ports) == (Action.DENY, (PEER,), None)


def test_an_unreadable_subject_is_everybody_it_could_be_about() -> None:
    assert closed_subject(policy(Tier.NETWORK_POLICY, BAD)) == PodPeer("x", None, EVERYTHING)
    assert closed_subject(policy(Tier.ADMIN, BAD)) == ALL_PODS
    assert closed_subject(policy(Tier.BASELINE, PEER)) == PEER


def test_with_an_unreadable_subject_accepts_are_lost_and_passes_deny() -> None:
    rules = tuple(rule(action, (PEER,)) for action in Action)
    closed = policy(Tier.ADMIN, BAD, *rules)
    assert closed_rules(closed, Direction.INGRESS) == (rule(Action.DENY, (PEER,)), rule(Action.DENY, (PEER,)))
    assert closed_rules(closed, Direction.EGRESS) is None


def test_nothing_unreadable_is_ever_left() -> None:
    for action, peers, ports in itertools.product(Action, ((BAD,), (BAD, PEER), None), ((BAD,), (PORT, BAD), ())):
        closed = closed_rule(rule(action, peers, *ports))
        parts = (*(closed.peers or ()), *(closed.ports or ()))
        assert not any(isinstance(part, Unreadable) for part in parts)
        assert msgspec.structs.replace(closed, peers=None, ports=None).path == "spec.ingress[0]"
