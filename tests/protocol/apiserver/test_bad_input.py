"""Requests that are wrong somewhere: each is answered, none breaks the server.

Objects that are fine are damaged at random, by a seeded generator, and sent in every way in which one can write.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.protocol.apiserver.asking import TABLE, Asking

CORE, DEFAULT = "/api/v1", "/api/v1/namespaces/default"
CONTAINER = {"name": "c", "image": "x", "ports": [{"containerPort": 80}], "env": [{"name": "A", "value": "b"}]}
POD_SPEC = {"containers": [CONTAINER], "volumes": [{"name": "v", "emptyDir": {}}]}
SCHEMA = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"a": {"type": "string"}}}}}
VERSION = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}}
NAMES = {"plural": "toys", "singular": "toy", "kind": "Toy"}

OBJECTS: dict[str, dict[str, Any]] = {
    f"{DEFAULT}/pods": {"kind": "Pod", "metadata": {"name": "o", "labels": {"a": "b"}}, "spec": POD_SPEC},
    f"{DEFAULT}/services": {"kind": "Service", "metadata": {"name": "o"}, "spec": {"ports": [{"port": 80}]}},
    f"{DEFAULT}/secrets": {
        "kind": "Secret",
        "metadata": {"name": "o"},
        "data": {"a": "Yg=="},
        "stringData": {"b": "c"},
    },
    f"{DEFAULT}/events": {"kind": "Event", "metadata": {"name": "o"}, "involvedObject": {"kind": "Pod"}, "type": "x"},
    f"{CORE}/namespaces": {"kind": "Namespace", "metadata": {"name": "o"}},
    f"{CORE}/nodes": {"kind": "Node", "metadata": {"name": "o"}, "status": {"conditions": [{"type": "Ready"}]}},
    "/apis/apps/v1/namespaces/default/deployments": {
        "kind": "Deployment",
        "metadata": {"name": "o"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": POD_SPEC},
        },
    },
    "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies": {
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": "o"},
        "spec": {"tier": "Admin", "priority": 1, "subject": {"namespaces": {}}},
    },
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions": {
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "toys.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": NAMES, "versions": [VERSION]},
    },
}
VALUES: list[Any] = [None, 1, -1, 1.5, "x", "", True, [], {}, [1], {"a": 1}, ["x", None], 2**70, [[]], {"": {}}]
KEYS = (
    *("$patch", "$retainKeys", "$setElementOrder/containers", "$deleteFromPrimitiveList/finalizers"),
    *("metadata", "spec", "status", "finalizers", "ownerReferences", "managedFields", "deletionTimestamp", "other"),
)
FORMS = tuple(
    f"application/{form}"
    for form in ("json-patch+json", "merge-patch+json", "strategic-merge-patch+json", "apply-patch+yaml")
)
QUERIES = (
    *(
        "limit=-1",
        "limit=x",
        "continue=x",
        "labelSelector=a%3Db%2Cc",
        "labelSelector=%21",
        "fieldSelector=metadata.name",
    ),
    *("resourceVersion=-1", "resourceVersionMatch=Exact", "watch=true&timeoutSeconds=x", "dryRun=x"),
)


class Damage:
    """Damages objects."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def of(self, value: Any, depth: int = 0) -> Any:  # noqa: ANN401 (any JSON)
        """Give a value with some of its parts missing, replaced or added."""
        chance = self.chance
        if depth and chance.random() < 0.12:
            return chance.choice(VALUES)
        if isinstance(value, list):
            return [self.of(item, depth + 1) for item in value]
        if not isinstance(value, dict):
            return value
        damaged = {name: self.of(entry, depth + 1) for name, entry in value.items() if chance.random() > 0.05}
        return damaged | ({chance.choice(KEYS): chance.choice(VALUES)} if chance.random() < 0.1 else {})

    def operations(self) -> list[dict[str, Any]]:
        """Give a JSON patch."""
        paths = ("/spec", "/metadata/labels/a", "/spec/containers/0", "/x/y", "", "/metadata", "/spec/containers/-")
        return [
            {
                "op": self.chance.choice(("add", "remove", "replace", "move", "copy", "test", "bake")),
                "path": self.chance.choice(paths),
                "from": self.chance.choice(paths),
                "value": self.chance.choice(VALUES),
            }
            for _ in range(self.chance.randint(0, 3))
        ]

    def requests(self, count: int) -> Iterator[tuple[str, str, Any, str]]:
        """Give requests: method, path, body and the form of the body."""
        chance = self.chance
        for _ in range(count):
            path = chance.choice(list(OBJECTS))
            group = path.split("/namespaces/")[0].removeprefix("/apis/").removeprefix("/api/").rsplit("/c", 1)[0]
            version = "v1" if path.startswith("/api/") else group
            value = {"apiVersion": version, **OBJECTS[path]}
            one = f"{path}/{value['metadata']['name']}"
            match chance.randrange(8):
                case 0 | 1:
                    yield "POST", f"{path}?fieldValidation={chance.choice(('Strict', 'Ignore'))}", self.of(value), ""
                case 2:
                    yield "PUT", one + chance.choice(("", "/status")), self.of(value), ""
                case 3 | 4 | 5:
                    form = chance.choice(FORMS)
                    body = self.operations() if form == FORMS[0] else self.of(value)
                    yield "PATCH", f"{one}{chance.choice(('', '/status', '/scale'))}?fieldManager=m", body, form
                case 6:
                    body = self.of(
                        {"propagationPolicy": "Orphan", "preconditions": {"uid": "x"}, "gracePeriodSeconds": 0}
                    )
                    yield "DELETE", one, body, ""
                case _:
                    yield "GET", f"{path}?{chance.choice(QUERIES)}", None, ""


@pytest.mark.parametrize("seed", range(3))
def test_every_request_is_answered(seed: int) -> None:
    lab = Asking()
    codes = set()
    for method, path, body, form in Damage(seed).requests(400):
        text = None if body is None else msgspec.json.encode(body)
        answer = lab.ask(method, path, text, form=form or "application/json", accept=TABLE)
        assert answer.code < 500 or answer.value.get("reason") != "InternalError", (method, path, body)
        codes.add(answer.code)
    assert {200, 201, 400, 404, 422} <= codes


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"{", b'{"a":' * 400, b"k8s\0\xff\xff", b"a: b: c", b"- &a [*a]"])
@pytest.mark.parametrize("form", ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"])
def test_a_body_that_is_no_object_is_a_bad_request(body: bytes, form: str) -> None:
    assert Asking().ask("POST", f"{DEFAULT}/pods", body, form=form).code == 400
