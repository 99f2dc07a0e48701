"""Documents that edits make: whole, fit for kubectl apply, and never what the API server would refuse."""

from __future__ import annotations

from typing import Any

from podfence.model.objects import ObjectRef
from podfence.synthesis.edit import Draft, Edit, clean, drafted, field_at, read_back

REF = ObjectRef("NetworkPolicy", "a", "p")
DOCUMENT: dict[str, Any] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "p"},
    "spec": {"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]},
}


def test_a_document_loses_what_only_a_server_writes_and_gains_its_namespace() -> None:
    metadata = {
        "name": "p",
        "uid": "1",
        "resourceVersion": "7",
        "managedFields": [],
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
    }
    old = {**DOCUMENT, "apiVersion": "extensions/v1beta1", "metadata": metadata, "status": {}}
    found = clean(old, REF)
    assert found["metadata"] == {"name": "p", "namespace": "a"}
    assert found["apiVersion"] == "networking.k8s.io/v1"
    assert "status" not in found
    assert old["metadata"] is metadata


def test_items_go_where_the_edit_says_and_the_manifests_stay_as_they_are() -> None:
    edit = Edit(REF.identity, REF, "spec.ingress[0].ports", 1, ({"port": 81},))
    draft = drafted(Draft(), edit, {REF.identity: DOCUMENT})
    assert draft is not None
    assert field_at(draft.documents[REF.identity], "spec.ingress[0].ports") == [{"port": 80}, {"port": 81}]
    assert field_at(DOCUMENT, "spec.ingress[0].ports") == [{"port": 80}]
    assert draft.policies[REF.identity].ref is REF


def test_an_edit_that_the_server_would_refuse_is_no_draft() -> None:
    edit = Edit(REF.identity, REF, "spec.ingress[0].ports", 1, ({"port": 0},))
    assert drafted(Draft(), edit, {REF.identity: DOCUMENT}) is None


def test_a_document_of_no_policy_is_not_read_back() -> None:
    assert read_back({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}) is None
    assert read_back({"apiVersion": "networking.k8s.io/v2", "kind": "NetworkPolicy", "metadata": {"name": "p"}}) is None


def test_a_field_that_is_not_there_is_none() -> None:
    assert field_at(DOCUMENT, "spec.ingress[7].ports") is None
    assert field_at(DOCUMENT, "spec.egress[0].to") is None
