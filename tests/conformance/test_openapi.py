"""Our schemas say of every type what the API server's own say, prose aside; paths name the same kinds."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from podfence.lab.openapi.documents import document
from podfence.lab.openapi.served import Served
from tests.conformance.openapi import methods, without_prose

RECORDED = Path(__file__).parent / "recorded" / "openapi.jsonl.gz"
LEFT_OUT = frozenset({"x-kubernetes-unions"})
"""Extensions that no client of ours reads."""
SHARED = ("io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions", "io.k8s.apimachinery.pkg.apis.meta.v1.Status")
"""Kinds that are in every group; the server lists all groups that it has."""


def documents() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Give each recorded document and ours of the same group."""
    for text in gzip.decompress(RECORDED.read_bytes()).splitlines():
        line = json.loads(text)
        group = line["id"].split("/")[1] if line["id"].startswith("apis/") else ""
        served = [
            Served(group, "v1", each["kind"], each["name"], each["namespaced"], tuple(each["verbs"]))
            for each in line["served"]
        ]
        yield line, document(served)


def plain(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Give a schema in a form that can be compared."""
    left_out = {*LEFT_OUT, *(("x-kubernetes-group-version-kind",) if name in SHARED else ())}
    found = {key: each for key, each in without_prose(schema).items() if key not in left_out}
    return found | ({"required": sorted(found["required"])} if "required" in found else {})


def test_every_schema_is_the_servers_own() -> None:
    different, count = [], 0
    for line, ours in documents():
        for name, schema in ours["components"]["schemas"].items():
            count += 1
            theirs = plain(name, line["schemas"].get(name, {}))
            found = plain(name, schema)
            if name not in set(SHARED) and "x-kubernetes-group-version-kind" not in found:
                # Which kinds a type is the type of is said only in the document of their own group.
                theirs.pop("x-kubernetes-group-version-kind", None)
            if found != theirs:
                different.append(name)
    assert different == []
    assert count >= 500


def test_paths_say_which_kind_is_served_where_and_what_a_request_may_ask() -> None:
    for line, ours in documents():
        for path, item in ours["paths"].items():
            theirs = line["paths"][path]
            for method, found in methods(item).items():
                assert (found["action"], found["kind"]) == (theirs[method]["action"], theirs[method]["kind"])
                assert set(found["parameters"]) <= set(theirs[method]["parameters"])


def test_every_path_under_which_objects_are_written_is_there() -> None:
    for line, ours in documents():
        wanted = {
            path
            for path, item in line["paths"].items()
            if any(item.get(method, {}).get("action") in {"post", "put", "patch"} for method in item)
            and path.count("{") - path.count("{namespace}") <= 1
            and not path.endswith(("/status", "/scale", "/finalize", "/binding", "/eviction", "/token", "/resize"))
            and "proxy" not in path
            and not path.endswith(("/attach", "/exec", "/portforward", "/ephemeralcontainers", "/bindings"))
        }
        assert wanted <= set(ours["paths"])
