"""Changes to policy documents: what they make, what they refuse, and the lines that differ."""

from __future__ import annotations

from typing import Any

import pytest

from podfence.lint.mend import Add, Change, Drop, Mend, Put, carried_out
from podfence.model.objects import ObjectRef

REF = ObjectRef("NetworkPolicy", "shop", "api")
DOCUMENT: dict[str, Any] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "api", "namespace": "shop", "resourceVersion": "7"},
    "spec": {
        "podSelector": {"matchLabels": {"app": "api"}},
        "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": 80}]}],
    },
}


def changed(*changes: Change, document: dict[str, Any] = DOCUMENT) -> tuple[str, ...] | None:
    done = carried_out(Mend(REF, changes), {REF.identity: document})
    return done.difference if done is not None else None


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (Put("spec.ingress[0].ports[0].port", 8080), "+     - port: 8080"),
        (Add("spec.ingress[0].ports", ({"port": 81},)), "+     - port: 81"),
        (Add("spec.egress", ({},)), "+   - {}"),
        (Drop("spec.ingress[0].ports"), "-     ports:"),
        (Drop("spec.ingress[0]"), "-   - from:"),
    ],
)
def test_a_change_makes_a_policy_and_shows_its_line(change: Change, line: str) -> None:
    lines = changed(change)
    assert lines is not None
    assert line in lines


@pytest.mark.parametrize(
    "change",
    [
        Put("spec.ingress[4].ports[0].port", 80),
        Add("spec.podSelector", ({},)),
        Drop("spec.egress"),
        Put("spec.ingress[0].ports[0].port", 0),
        Put("spec.ingress[0].from[0].nonsense", 1),
    ],
    ids=str,
)
def test_what_does_not_fit_or_the_server_refuses_makes_nothing(change: Change) -> None:
    assert changed(change) is None


def test_the_document_of_the_input_stays_as_it_is_and_what_only_a_server_writes_goes() -> None:
    done = carried_out(Mend(REF, (Drop("spec.ingress[0].ports"),)), {REF.identity: DOCUMENT})
    assert done is not None
    assert "resourceVersion" not in done.manifest
    assert DOCUMENT["spec"]["ingress"][0]["ports"] == [{"port": 80}]


def test_a_policy_whose_name_the_server_makes_up_cannot_be_mended() -> None:
    document = {**DOCUMENT, "metadata": {"generateName": "api-", "namespace": "shop"}}
    assert changed(Add("spec.egress", ({},)), document=document) is None


def test_a_new_policy_is_its_own_difference() -> None:
    done = carried_out(Mend(None, new=DOCUMENT), {})
    assert done is not None
    assert done.policy.ref == REF
    assert all(line.startswith("+") for line in done.difference if line != "…")
