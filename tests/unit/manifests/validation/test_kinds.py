"""Admission of built-in kinds where the recorded answers of a real server do not reach."""

from __future__ import annotations

from typing import Any

import pytest

from podfence.manifests.validation.admission import Server
from podfence.manifests.validation.kinds import Admission, admission_for
from podfence.manifests.validation.pod_admission import TOKEN_MOUNT, with_service_account

Object = dict[str, Any]
SERVICE: Object = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"ports": [{"port": 80}]},
}
POD: Object = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}


def of(api_version: str, kind: str, server: Server = Server()) -> Admission:  # noqa: B008 (frozen)
    """Give the admission of a kind that is there."""
    found = admission_for(api_version, kind, server)
    assert found is not None
    return found


def test_kinds_that_nobody_knows_and_kinds_without_metadata_have_no_admission() -> None:
    assert admission_for("v1", "Nothing") is None
    assert admission_for("example.com/v1", "CronTab") is None
    assert admission_for("v1", "PodList") is None
    assert admission_for("meta.k8s.io/v1", "Status") is None


@pytest.mark.parametrize(
    ("api_version", "kind", "namespaced"),
    [
        ("v1", "Pod", True),
        ("v1", "Node", False),
        ("networking.k8s.io/v1", "NetworkPolicy", True),
        ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy", False),
    ],
)
def test_every_admission_knows_whether_its_objects_are_in_namespaces(
    api_version: str, kind: str, *, namespaced: bool
) -> None:
    assert of(api_version, kind).namespaced is namespaced


def test_a_cluster_with_two_families_gives_a_service_both_when_it_asks() -> None:
    admission = of("v1", "Service", Server(ip_families=("IPv6", "IPv4")))
    wanted = {**SERVICE, "spec": {**SERVICE["spec"], "ipFamilyPolicy": "PreferDualStack"}}
    assert admission.prepare(admission.default(wanted))["spec"]["ipFamilies"] == ["IPv6", "IPv4"]
    plain = admission.prepare(admission.default(SERVICE))["spec"]
    assert (plain["ipFamilies"], plain["ipFamilyPolicy"]) == (["IPv6"], "SingleStack")


def test_a_policy_keeps_its_bookkeeping_and_has_a_generation() -> None:
    admission = of("networking.k8s.io/v1", "NetworkPolicy")
    policy = {"metadata": {"name": "p", "uid": "u", "resourceVersion": "7"}, "spec": {"podSelector": {}}}
    prepared = admission.prepare(admission.default(policy), "demo")
    stored = admission.stored(prepared)["metadata"]
    assert stored == {"name": "p", "namespace": "demo", "uid": "u", "resourceVersion": "7", "generation": 1}


def test_a_pod_gets_the_token_of_its_service_account_in_every_container() -> None:
    account = {"metadata": {"name": "default"}, "imagePullSecrets": [{"name": "pull"}]}
    spec = with_service_account(POD, account, "abcde")["spec"]
    assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("default", "default")
    assert spec["imagePullSecrets"] == [{"name": "pull"}]
    mount = {"name": "kube-api-access-abcde", "readOnly": True, "mountPath": TOKEN_MOUNT}
    assert spec["containers"][0]["volumeMounts"] == [mount]
    assert [volume["name"] for volume in spec["volumes"]] == ["kube-api-access-abcde"]
    assert "volumes" not in POD["spec"]


@pytest.mark.parametrize("says", ["pod", "account"])
def test_a_pod_that_wants_no_token_gets_none(says: str) -> None:
    account: Object = {"metadata": {"name": "default"}} | (
        {"automountServiceAccountToken": False} if says == "account" else {}
    )
    spec = POD["spec"] | ({"automountServiceAccountToken": False} if says == "pod" else {})
    assert "volumes" not in with_service_account({**POD, "spec": spec}, account, "abcde")["spec"]
