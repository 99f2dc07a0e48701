"""Variables of containers, checked against the examples of the API documentation."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from podfence.lab.environment import MissingReferenceError, container_environment, expand
from podfence.lab.volumes.fields import Fields

POD: dict[str, Any] = {
    "metadata": {"namespace": "shop", "name": "web-1", "uid": "u1", "labels": {"app": "web"}},
    "spec": {"nodeName": "node-1"},
}
OBJECTS = {
    ("configmaps", "shop", "settings"): {"data": {"COLOUR": "blue", "bad=name": "x"}},
    ("secrets", "shop", "keys"): {"data": {"password": base64.b64encode(b"s3cret").decode()}},
}


def variables(**container: object) -> dict[str, str]:
    fields = Fields(POD, ["10.244.1.5", "fd00::5"], ["172.18.0.2"], {"cpu": "8", "memory": "16Gi"})
    return container_environment(fields, container, lambda *name: OBJECTS.get(name))


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$(A)", "1"),
        ("$(A)-$(B)", "1-2"),
        ("$$(A)", "$(A)"),
        ("$(MISSING)", "$(MISSING)"),
        ("$A $(", "$A $("),
        ("$$$(A)", "$1"),
        ("a$(A", "a$(A"),
    ],
)
def test_references_are_expanded_as_the_api_documents(text: str, result: str) -> None:
    assert expand(text, {"A": "1", "B": "2"}) == result


def test_a_variable_sees_those_before_it_and_no_others() -> None:
    found = variables(env=[{"name": "A", "value": "$(B)"}, {"name": "B", "value": "2"}, {"name": "C", "value": "$(B)"}])
    assert found == {"A": "$(B)", "B": "2", "C": "2"}


def test_fields_of_the_pod_are_given_by_the_downward_api() -> None:
    paths = [
        "metadata.name",
        "metadata.labels['app']",
        "status.podIP",
        "status.podIPs",
        "status.hostIP",
        "spec.nodeName",
    ]
    env = [{"name": f"V{place}", "valueFrom": {"fieldRef": {"fieldPath": path}}} for place, path in enumerate(paths)]
    assert list(variables(env=env).values()) == [
        "web-1",
        "web",
        "10.244.1.5",
        "10.244.1.5,fd00::5",
        "172.18.0.2",
        "node-1",
    ]


def test_config_maps_and_secrets_give_values_and_names_that_are_no_variables_are_left_out() -> None:
    found = variables(
        envFrom=[{"prefix": "X_", "configMapRef": {"name": "settings"}}],
        env=[{"name": "PW", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "password"}}}],
    )
    assert found == {"X_COLOUR": "blue", "PW": "s3cret"}


def test_a_reference_that_leads_nowhere_is_an_error_unless_it_is_optional() -> None:
    with pytest.raises(MissingReferenceError, match='secret "gone" not found'):
        variables(envFrom=[{"secretRef": {"name": "gone"}}])
    with pytest.raises(MissingReferenceError, match="couldn't find key nokey in ConfigMap shop/settings"):
        variables(env=[{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "nokey"}}}])
    optional = {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "gone", "key": "k", "optional": True}}}
    assert variables(env=[optional], envFrom=[{"secretRef": {"name": "gone", "optional": True}}]) == {}


def test_resources_are_given_in_whole_units_of_their_divisor_and_a_missing_limit_is_the_nodes() -> None:
    resources = {"requests": {"cpu": "250m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}}
    wanted = [
        {"resource": "requests.cpu"},
        {"resource": "requests.cpu", "divisor": "1m"},
        {"resource": "requests.memory", "divisor": "1Mi"},
        {"resource": "limits.memory"},
        {"resource": "limits.cpu"},
    ]
    env = [{"name": f"V{place}", "valueFrom": {"resourceFieldRef": one}} for place, one in enumerate(wanted)]
    assert list(variables(env=env, resources=resources).values()) == ["1", "250", "64", "134217728", "8"]
