"""Namespaces and nodes."""

from __future__ import annotations

from podfence.manifests.convert.cluster import namespace
from podfence.model.labels import NAMESPACE_NAME_LABEL
from podfence.model.net import parse_address
from podfence.model.objects import Node
from tests.unit.manifests.texts import loaded


def test_S21_every_namespace_has_the_label_with_its_name() -> None:
    assert namespace("shop", {"team": "a"}).labels == ((NAMESPACE_NAME_LABEL, "shop"), ("team", "a"))


def test_S22_a_wrong_label_with_the_name_is_overwritten() -> None:
    assert namespace("shop", {NAMESPACE_NAME_LABEL: "other"}).labels == ((NAMESPACE_NAME_LABEL, "shop"),)


def test_S23_a_namespace_that_is_only_named_exists_with_its_label() -> None:
    text = "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: shop}}"
    assert loaded(text).snapshot.namespaces == (namespace("shop"),)


def test_addresses_of_a_node_are_its_internal_and_external_ones() -> None:
    result = loaded(
        """
        apiVersion: v1
        kind: Node
        metadata: {name: n1, namespace: ignored, labels: {zone: a}}
        status:
          addresses:
            - {type: InternalIP, address: 192.168.0.1}
            - {type: ExternalIP, address: "2001:db8::1"}
            - {type: Hostname, address: n1}
            - {type: InternalDNS, address: n1.example.com}
            - null
        """
    )
    addresses = (parse_address("192.168.0.1"), parse_address("2001:db8::1"))
    assert result.snapshot.nodes == (Node("n1", (("zone", "a"),), addresses),)
    assert result.snapshot.namespaces == ()
    assert result.problems == ()
