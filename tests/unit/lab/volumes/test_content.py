"""The files of volumes, and what a volume that lacks something says."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from podfence.lab.volumes.content import ContentError, File, Reader
from podfence.lab.volumes.fields import Fields
from podfence.lab.volumes.references import references, tells_of_pod

POD: dict[str, Any] = {
    "metadata": {"namespace": "shop", "name": "web", "annotations": {"b": "2", "a": "1"}},
    "spec": {"containers": [{"name": "c", "resources": {"limits": {"memory": "64Mi"}}}]},
}
OBJECTS = {
    ("configmaps", "shop", "settings"): {"data": {"a": "A"}, "binaryData": {"b": base64.b64encode(b"\0").decode()}},
    ("secrets", "shop", "keys"): {"data": {"key": base64.b64encode(b"s3cret").decode()}},
}


def files(volume: dict[str, Any]) -> dict[str, File]:
    return dict(Reader(Fields(POD), lambda *key: OBJECTS.get(key)).files(volume))


def test_an_object_is_a_file_for_each_key_with_the_volumes_mode() -> None:
    assert files({"configMap": {"name": "settings"}}) == {"a": File(b"A", 0o644), "b": File(b"\0", 0o644)}
    assert files({"secret": {"secretName": "keys", "defaultMode": 0o400}}) == {"key": File(b"s3cret", 0o400)}


def test_items_choose_keys_and_name_their_files() -> None:
    items = [{"key": "a", "path": "sub/a.conf", "mode": 0o600}]
    assert files({"configMap": {"name": "settings", "items": items}}) == {"sub/a.conf": File(b"A", 0o600)}


def test_a_file_may_tell_of_the_pod() -> None:
    items = [
        {"path": "annotations", "fieldRef": {"fieldPath": "metadata.annotations"}},
        {"path": "memory", "resourceFieldRef": {"containerName": "c", "resource": "limits.memory", "divisor": "1Mi"}},
    ]
    found = files({"downwardAPI": {"items": items}})
    assert {path: file.data for path, file in found.items()} == {"annotations": b'a="1"\nb="2"', "memory": b"64"}


def test_a_projection_says_of_all_its_sources_what_they_lack() -> None:
    missing: list[dict[str, dict[str, Any]]] = [
        {"configMap": {"name": "none"}},
        {"secret": {"name": "keys", "items": [{"key": "k", "path": "p"}]}},
    ]
    with pytest.raises(ContentError) as caught:
        files({"projected": {"sources": [*missing, {"configMap": {"name": "settings"}}]}})
    assert str(caught.value) == '[configmap "none" not found, references non-existent secret key: k]'
    optional = [{kind: source | {"optional": True} for kind, source in one.items()} for one in missing]
    assert files({"projected": {"sources": optional}}) == {}


def test_a_source_that_the_lab_does_not_know_is_refused_unless_it_is_optional() -> None:
    bundle = {"clusterTrustBundle": {"name": "roots", "path": "roots.pem"}}
    with pytest.raises(ContentError, match="the lab has nothing for a clusterTrustBundle"):
        files({"projected": {"sources": [bundle]}})
    bundle["clusterTrustBundle"]["optional"] = "true"
    assert files({"projected": {"sources": [bundle]}}) == {}


def test_a_pod_refers_to_what_its_volumes_and_variables_name() -> None:
    sources = [{"secret": {"name": "two"}}, {"downwardAPI": {"items": []}}]
    volumes = [{"name": "v", "configMap": {"name": "one"}}, {"name": "w", "projected": {"sources": sources}}]
    env = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "three", "key": "k"}}}]
    container = {"name": "c", "env": env, "envFrom": [{"configMapRef": {"name": "four"}}]}
    pod = {"metadata": {"namespace": "shop"}, "spec": {"containers": [container], "volumes": volumes}}
    assert {(plural, name) for plural, _, name in references(pod)} == {
        ("configmaps", "one"),
        ("secrets", "two"),
        ("secrets", "three"),
        ("configmaps", "four"),
    }
    assert [tells_of_pod(volume) for volume in volumes] == [False, True]
