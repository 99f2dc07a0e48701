"""Paths and methods, taken apart as the API server does (apiserver pkg/endpoints/request)."""

from __future__ import annotations

import pytest

from podfence.lab.apiserver.http.request_info import flag, request_info


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        ("GET /api/v1/namespaces", "list  v1 None namespaces  "),
        ("GET /api/v1/namespaces/other", "get  v1 None namespaces other "),
        ("PUT /api/v1/namespaces/other/finalize", "update  v1 None namespaces other finalize"),
        ("GET /api/v1/namespaces/other/pods", "list  v1 other pods  "),
        ("GET /api/v1/namespaces/other/pods/foo", "get  v1 other pods foo "),
        ("DELETE /api/v1/namespaces/other/pods", "deletecollection  v1 other pods  "),
        ("PATCH /apis/apps/v1/namespaces/a/deployments/d/scale", "patch apps v1 a deployments d scale"),
        ("POST /apis/g.io/v2/things", "create g.io v2 None things  "),
        ("GET /api/v1/watch/namespaces/other/pods", "watch  v1 other pods  "),
    ],
)
def test_a_request_is_about_what_its_path_says(request_line: str, expected: str) -> None:
    method, path = request_line.split()
    info = request_info(method, path, {})
    assert info is not None
    parts = (info.verb, info.group, info.version, info.namespace, info.plural, info.name, info.subresource)
    assert " ".join(map(str, parts)) == expected


def test_a_watch_is_asked_for_in_the_query() -> None:
    info = request_info("GET", "/api/v1/pods", {"watch": "true"})
    assert info is not None
    assert info.verb == "watch"
    assert not flag({"watch": "false"}, "watch")
    assert flag({"watch": ""}, "watch")


@pytest.mark.parametrize("path", ["/", "/api", "/api/v1", "/apis/apps", "/apis/apps/v1", "/healthz"])
def test_other_paths_are_no_resource(path: str) -> None:
    assert request_info("GET", path, {}) is None
