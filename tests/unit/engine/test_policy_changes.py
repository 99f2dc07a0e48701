"""What counts as a change of policies before anybody asks whom it is about."""

from __future__ import annotations

import pytest

from podfence.engine.policy_changes import policy_changes
from podfence.model.policy import Direction, Policy
from podfence.model.snapshot import Snapshot
from tests.unit.engine.builders import cnp, np

A, B = "{podSelector: {matchLabels: {pod: a}}}", "{podSelector: {matchLabels: {pod: b}}}"

DENY, ACCEPT = (f"ingress: [{{action: {action}, from: [{{namespaces: {{}}}}]}}]" for action in ("Deny", "Accept"))


def of(*policies: Policy) -> Snapshot:
    return Snapshot(policies=policies)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param([np("x", "{podSelector: {}}", "one")], [np("x", "{podSelector: {}}", "two")], id="another name"),
        pytest.param(
            [np("x", f"{{podSelector: {{}}, ingress: [{{from: [{A}, {B}]}}]}}")],
            [np("x", f"{{podSelector: {{}}, ingress: [{{from: [{B}]}}, {{from: [{A}]}}]}}")],
            id="two rules for one",
        ),
        pytest.param(
            [np("x", f"{{podSelector: {{}}, ingress: [{{from: [{A}, {B}]}}]}}")],
            [
                np("x", f"{{podSelector: {{}}, ingress: [{{from: [{A}]}}]}}"),
                np("x", f"{{podSelector: {{}}, ingress: [{{from: [{B}]}}]}}", "other"),
            ],
            id="two policies for one",
        ),
        pytest.param(
            [cnp(f"{{priority: 3, {DENY}}}", "one")], [cnp(f"{{priority: 5, {DENY}}}", "two")], id="another priority"
        ),
    ],
)
def test_the_same_in_other_places_is_no_change(old: list[Policy], new: list[Policy]) -> None:
    found = policy_changes(of(*old), of(*new))
    assert (found.parts, found.may_open, found.may_close) == ((), False, False)


def test_a_part_is_one_subject_and_direction_with_the_peers_that_changed() -> None:
    old = np("x", f"{{podSelector: {{}}, ingress: [{{from: [{A}]}}]}}")
    new = np("x", f"{{podSelector: {{}}, ingress: [{{from: [{A}, {B}]}}]}}")
    found = policy_changes(of(old), of(new))
    (part,) = found.parts
    assert (part.direction, [ref.name for ref in part.refs]) == (Direction.INGRESS, ["np"])
    assert [str(peer.pod_selector) for peer in part.peers or () if hasattr(peer, "pod_selector")] == ["pod=b"]
    assert (found.may_open, found.may_close) == (True, False)


def test_isolation_is_towards_anybody_and_can_only_close() -> None:
    found = policy_changes(of(), of(np("x", "{podSelector: {}, policyTypes: [Egress]}")))
    assert [(part.direction, part.peers) for part in found.parts] == [(Direction.EGRESS, None)]
    assert (found.may_open, found.may_close) == (False, True)


def test_less_isolation_may_close_where_a_baseline_decides_instead() -> None:
    baseline = cnp("{tier: Baseline, ingress: [{action: Deny, from: [{namespaces: {}}]}]}")
    isolating = np("x", "{podSelector: {}, ingress: [{}]}")
    found = policy_changes(of(baseline, isolating), of(baseline))
    assert (found.may_open, found.may_close) == (True, True)


def test_two_ordered_policies_that_change_places_have_changed() -> None:
    old = [cnp(f"{{priority: 1, {DENY}}}", "one"), cnp(f"{{priority: 2, {ACCEPT}}}", "two")]
    new = [cnp(f"{{priority: 3, {DENY}}}", "one"), old[1]]
    found = policy_changes(of(*old), of(*new))
    assert [ref.name for part in found.parts for ref in part.refs] == ["one"]
