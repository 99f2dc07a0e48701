"""Label and field selectors, as kubectl writes them."""

from __future__ import annotations

from typing import Any

import pytest

from podfence.lab.apiserver.selection import Selection, field_value, parse_fields, parse_labels
from podfence.lab.apiserver.status import StatusError
from podfence.lab.interface import Resource

PODS = Resource("", "pods")
LABELS = {"app": "web", "tier": "front", "weight": "7"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier=front", True),
        ("app = web", True),
        ("app=web,tier=back", False),
        ("app!=web", False),
        ("zone!=a", True),
        ("app", True),
        ("!app", False),
        ("!zone", True),
        ("app in (web, db)", True),
        ("app in (db)", False),
        ("app notin (db),tier in (front,back)", True),
        ("zone notin (a)", True),
        ("weight>6", True),
        ("weight<7", False),
        ("app>6", False),
    ],
)
def test_a_label_selector_matches_as_kubectl_means_it(text: str, matches: bool) -> None:  # noqa: FBT001 (a table)
    selection = Selection(parse_labels(text))
    assert selection.matches({"metadata": {"labels": LABELS}}) is matches


@pytest.mark.parametrize("text", ["a b", "=", "app in web", "app=a=b", "app>x", "-app", "app=_"])
def test_a_label_selector_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(StatusError) as refused:
        parse_labels(text)
    assert refused.value.code == 400


def pod(**status: str) -> dict[str, Any]:
    return {"metadata": {"name": "x", "namespace": "a"}, "spec": {"nodeName": "n1"}, "status": status}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("metadata.name=x", True),
        ("metadata.name=x,status.phase!=Running", False),
        ("spec.nodeName==n1,metadata.namespace=a", True),
        ("spec.nodeName=", False),
        ("status.podIP=", True),
        ("spec.hostNetwork=false", True),
    ],
)
def test_a_field_selector_compares_text(text: str, matches: bool) -> None:  # noqa: FBT001 (a table)
    assert Selection(fields=parse_fields(text, PODS)).matches(pod(phase="Running")) is matches


def test_each_kind_knows_only_its_own_fields() -> None:
    with pytest.raises(StatusError, match=r"field label not supported: spec\.image"):
        parse_fields("spec.image=nginx", PODS)
    with pytest.raises(StatusError, match=r'"spec\.x" is not a known field selector: only "metadata\.name", "metadata'):
        parse_fields("spec.x=y", Resource("", "configmaps"))


def test_the_source_of_an_event_is_its_component() -> None:
    assert field_value({"source": {"component": "kubelet"}}, "source") == "kubelet"


def test_one_wanted_name_is_known_beforehand() -> None:
    assert Selection(fields=parse_fields("metadata.name=x", PODS)).only_name == "x"
    assert Selection(fields=parse_fields("metadata.name!=x", PODS)).only_name is None
