"""From the text of one object to what is kept of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from podfence.engine.fail_closed import closed_rules, closed_subject
from podfence.kube.entries import EntryReader
from podfence.kube.kinds import (
    ADMIN_NETWORK_POLICIES,
    BASELINE_ADMIN_NETWORK_POLICIES,
    CLUSTER_NETWORK_POLICIES,
    NETWORK_POLICIES,
    PODS,
    Kind,
)
from podfence.manifests.convert.pods import PodRecord
from podfence.model.policy import Action, Direction, Policy, Tier


def read(kind: Kind, text: bytes | dict[str, Any]) -> Any:  # noqa: ANN401 (any kind of entry)
    """Read an object in the best version of its kind."""
    raw = text if isinstance(text, bytes) else msgspec.json.encode(text)
    return EntryReader(kind).of_version(kind.versions[0])(msgspec.Raw(raw))


@pytest.mark.parametrize(
    ("kind", "tier"),
    [
        (CLUSTER_NETWORK_POLICIES, Tier.ADMIN),
        (ADMIN_NETWORK_POLICIES, Tier.ADMIN),
        (BASELINE_ADMIN_NETWORK_POLICIES, Tier.BASELINE),
    ],
)
def test_a_cluster_policy_that_no_decoder_takes_denies_everybody(kind: Kind, tier: Tier) -> None:
    policy = read(kind, b'{"metadata":{"name":"odd"},"spec":1e999}').value
    assert isinstance(policy, Policy)
    assert policy.tier is tier
    assert closed_subject(policy).namespace is None
    for direction in Direction:
        (rule,) = closed_rules(policy, direction) or ()
        assert (rule.action, rule.peers, rule.ports) == (Action.DENY, None, None)


def test_a_network_policy_that_no_decoder_takes_isolates_its_namespace() -> None:
    policy = read(NETWORK_POLICIES, b'{"metadata":{"name":"odd","namespace":"shop"},"spec":1e999}').value
    assert (policy.ingress, policy.egress) == ((), ())
    assert closed_subject(policy).namespace == "shop"


def test_an_object_without_a_name_cannot_be_told_apart_and_raises() -> None:
    with pytest.raises(msgspec.MsgspecError):
        read(PODS, {"metadata": {}})


def test_a_field_of_the_wrong_type_is_left_out_and_named() -> None:
    entry = read(PODS, {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"hostNetwork": "yes"}})
    assert isinstance(entry.value, PodRecord)
    assert entry.problems == "spec.hostNetwork: expected true or false, found a string"


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_ended_does_not_matter(phase: str) -> None:
    entry = read(PODS, {"metadata": {"name": "web", "namespace": "shop"}, "status": {"phase": phase}})
    assert (entry.key, entry.value) == (("shop", "web"), None)


def test_bytes_that_are_no_text_are_replaced_as_go_does() -> None:
    text = b'{"metadata":{"name":"web","namespace":"shop","labels":{"a":"\xff"}}}'
    assert read(PODS, text).value.labels == (("a", "\ufffd"),)
