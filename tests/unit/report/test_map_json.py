"""The map as JSON keeps to its contract, and says the same as the CSV and the engine."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

import pytest

from podfence.engine.endpoints import Grouping
from podfence.report.map_csv import field, map_csv
from podfence.report.map_json import map_json
from podfence.report.ports import ports_list
from tests.properties.clusters import random_cluster
from tests.unit.report.maps import excerpt


def written(text: Iterable[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads("".join(text))
    return document


def test_the_document_has_its_keys_in_order() -> None:
    document = written(map_json(excerpt()))
    assert list(document) == ["apiVersion", "kind", "endpoints", "connections"]
    assert (document["apiVersion"], document["kind"]) == ("podfence/v1", "ConnectivityMap")
    cart = next(item for item in document["endpoints"] if item["id"] == "shop/Deployment/cart")
    assert list(cart.items()) == [
        ("id", "shop/Deployment/cart"),
        ("kind", "Deployment"),
        ("namespace", "shop"),
        ("name", "cart"),
        ("pods", 2),
        ("labels", {"app": "cart"}),
        ("ingressIsolated", True),
        ("egressIsolated", False),
    ]


def test_an_outside_endpoint_has_ranges_only() -> None:
    outside = [item for item in written(map_json(excerpt()))["endpoints"] if item["kind"] == "External"]
    assert {
        "id": "external/203.0.113.0-203.0.113.255",
        "kind": "External",
        "ranges": ["203.0.113.0-203.0.113.255"],
    } in outside
    assert all(list(item) == ["id", "kind", "ranges"] for item in outside)


def test_connections_are_only_what_is_allowed() -> None:
    found = {(c["source"], c["destination"]): c["ports"] for c in written(map_json(excerpt()))["connections"]}
    assert found["shop/Deployment/front", "shop/Deployment/cart"] == [{"protocol": "TCP", "port": 7070}]
    assert found["shop/Deployment/cart", "ops/Deployment/tools"] == "all"
    assert not [pair for pair in found if pair[1] == "shop/Deployment/vault"]


@pytest.mark.parametrize("grouping", Grouping)
@pytest.mark.parametrize("seed", range(15))
def test_json_and_csv_say_what_the_engine_says_sorted_and_without_repetition(seed: int, grouping: Grouping) -> None:
    shown = excerpt(random_cluster(seed), grouping)
    connectivity = shown.connectivity
    expected = [
        (connectivity.endpoints[source].id, connectivity.endpoints[target].id, connectivity.ports(mask))
        for source, outgoing in connectivity.connections()
        for target, mask in outgoing
    ]
    document = written(map_json(shown))
    pairs = [(item["source"], item["destination"]) for item in document["connections"]]
    assert pairs == sorted(set(pairs)) == [(source, target) for source, target, _ in expected]
    ids = [endpoint["id"] for endpoint in document["endpoints"]]
    assert ids == sorted(set(ids))
    table = list(csv.reader(io.StringIO("".join(map_csv(shown)), newline="")))
    assert table == [["source", "destination", "ports"], *([a, b, ports_list(ports)] for a, b, ports in expected)]


def test_the_same_map_gives_the_same_bytes() -> None:
    assert "".join(map_json(excerpt())) == "".join(map_json(excerpt()))


def test_each_connection_stands_on_a_line_of_its_own() -> None:
    lines = "".join(map_json(excerpt())).splitlines()
    connections = written(map_json(excerpt()))["connections"]
    assert [json.loads(line.rstrip(",")) for line in lines if line.startswith('{"source"')] == connections


def test_a_csv_field_is_quoted_where_it_must_be() -> None:
    assert [field(text) for text in ("a b", "a,b", 'a"b', "a\nb")] == ["a b", '"a,b"', '"a""b"', '"a\nb"']
