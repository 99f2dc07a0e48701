"""Objects of one's own kinds held against the schema of their CRD: all answers are a real kube-apiserver's (1.36.3).

What is wrong is compared without its order, which the server's maps make random.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.protocol.apiserver.asking import Asking

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
THINGS = "/apis/t.example.com/v1/namespaces/default/things"
TEXT: dict[str, Any] = {"type": "string"}
AB: dict[str, Any] = {"type": "object", "properties": {"a": TEXT, "b": TEXT, "c": {"type": "integer"}}}
A_OR_B = [{"required": ["a"]}, {"required": ["b"]}]
DEEP: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "object", "properties": {"x": {"type": "integer"}, "y": TEXT}}},
    "anyOf": [
        {"properties": {"a": {"required": ["y"]}}},
        {"properties": {"a": {"properties": {"x": {"minimum": 5}}}}, "required": ["a"]},
    ],
}
PAIRS: dict[str, Any] = {
    "type": "array",
    "items": {"type": "object", "required": ["n"], "properties": {"n": TEXT, "p": {**TEXT, "default": "TCP"}}},
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["n", "p"],
}
EMBEDDED = {"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True}
FIELDS: dict[str, dict[str, Any]] = {
    "one": AB | {"oneOf": A_OR_B},
    "any": AB | {"anyOf": A_OR_B},
    "all": AB | {"allOf": A_OR_B},
    "no": AB | {"not": {"required": ["a", "b"]}},
    "deep": DEEP,
    "either": {"x-kubernetes-int-or-string": True},
    "percent": {
        "x-kubernetes-int-or-string": True,
        "anyOf": [{"type": "integer"}, TEXT],
        "pattern": "^[0-9]+%?$",
    },
    "fives": {"type": "integer", "multipleOf": 5},
    "between": {
        "type": "integer",
        "minimum": 3,
        "exclusiveMinimum": True,
        "maximum": 10,
        "exclusiveMaximum": True,
    },
    "ratio": {"type": "number", "minimum": 0.5, "maximum": 1.5},
    "names": {"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"},
    "pairs": PAIRS,
    "inner": EMBEDDED,
    "few": {"type": "integer", "enum": [1, 2]},
    "large": {"type": "integer", "format": "int64"},
    **{
        name: {**TEXT, "format": name}
        for name in (
            *("date-time", "ipv4", "ipv6", "cidr", "uuid", "uri", "email", "byte", "hostname", "duration"),
            *("date", "mac"),
        )
    },
}


def crd(fields: dict[str, dict[str, Any]]) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "things", "kind": "Thing"}
    spec = {"group": "t.example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    return {"metadata": {"name": "things.t.example.com"}, "spec": spec}


@pytest.fixture(scope="module")
def lab() -> Asking:
    asking = Asking()
    created = asking.ask("POST", CRDS, crd(FIELDS))
    assert (created.code, created.warnings) == (201, ())
    assert created.value["status"]["storedVersions"] == ["v1"]
    return asking


def wrong(lab: Asking, **spec: object) -> set[str]:
    value = {"apiVersion": "t.example.com/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": spec}
    answer = lab.ask("POST", f"{THINGS}?dryRun=All", value)
    if answer.code == 201:
        return set()
    assert answer.code == 422
    return {f"{each['field']}: {each['message']}" for each in answer.value["details"]["causes"]}


def whole(message: str) -> str:
    """Say what is wrong with no field of its own."""
    return f'<nil>: Invalid value: "": {message}'


ONE, ANY, ALL = (f'"spec.{name}" must validate ' for name in ("one", "any", "all"))
ONLY_ONE = ONE + "one and only one schema (oneOf). Found "
AT_LEAST = "at least one schema (anyOf)"
PERCENT = "spec.percent in body must be of type"
EITHER = "spec.either in body must be of type integer,string"


@pytest.mark.parametrize(
    ("spec", "causes"),
    [
        ({"one": {"a": "x"}}, set()),
        ({"one": {}}, {whole(ONLY_ONE + "none valid"), "spec.one.a: Required value"}),
        ({"one": {"a": "x", "b": "y"}}, {whole(ONLY_ONE + "2 valid alternatives")}),
        (
            {"one": {"c": "z"}},
            {
                whole(ONLY_ONE + "none valid"),
                "spec.one.a: Required value",
                'spec.one.c: Invalid value: "string": spec.one.c in body must be of type integer: "string"',
            },
        ),
        ({"any": {"b": "1"}}, set()),
        ({"any": {}}, {whole(ANY + AT_LEAST), "spec.any.a: Required value"}),
        ({"all": {"a": "x", "b": "y"}}, set()),
        ({"all": {"a": "x"}}, {whole(ALL + "all the schemas (allOf)"), "spec.all.b: Required value"}),
        (
            {"all": {}},
            {
                whole(ALL + "all the schemas (allOf). None validated"),
                *("spec.all.a: Required value", "spec.all.b: Required value"),
            },
        ),
        ({"no": {"a": "x"}}, set()),
        ({"no": {"a": "x", "b": "y"}}, {whole('"spec.no" must not validate the schema (not)')}),
        ({"deep": {}}, set()),
        ({"deep": {"a": {"x": 7}}}, set()),
        (
            {"deep": {"a": {"x": 3}}},
            {
                whole(f'"spec.deep" must validate {AT_LEAST}'),
                "spec.deep.a.x: Invalid value: 3: spec.deep.a.x in body should be greater than or equal to 5",
            },
        ),
    ],
)
def test_some_or_all_of_several_schemas_must_hold(lab: Asking, spec: dict[str, Any], causes: set[str]) -> None:
    assert wrong(lab, **spec) == causes


@pytest.mark.parametrize(
    ("spec", "causes"),
    [
        ({"either": 1}, set()),
        ({"either": "a"}, set()),
        ({"either": True}, {f'spec.either: Invalid value: "boolean": {EITHER}: "boolean"'}),
        ({"either": 1.5}, {f'spec.either: Invalid value: "number": {EITHER}: "number"'}),
        ({"either": {}}, {f'spec.either: Invalid value: "object": {EITHER}: "object"'}),
        ({"percent": "5%"}, set()),
        ({"percent": "x"}, {"spec.percent: Invalid value: \"x\": spec.percent in body should match '^[0-9]+%?$'"}),
        (
            {"percent": True},
            {
                f'spec.percent: Invalid value: "boolean": {PERCENT} integer,string: "boolean"',
                f'spec.percent: Invalid value: "boolean": {PERCENT} integer: "boolean"',
                whole('"spec.percent" must validate at least one schema (anyOf)'),
            },
        ),
        ({"fives": 10}, set()),
        ({"fives": 7}, {"spec.fives: Invalid value: 7: spec.fives in body should be a multiple of 5"}),
        ({"between": 4}, set()),
        ({"between": 3}, {"spec.between: Invalid value: 3: spec.between in body should be greater than 3"}),
        ({"between": 10}, {"spec.between: Invalid value: 10: spec.between in body should be less than 10"}),
        ({"ratio": 1}, set()),
        ({"ratio": 0.2}, {"spec.ratio: Invalid value: 0.2: spec.ratio in body should be greater than or equal to 0.5"}),
        ({"ratio": 2}, {"spec.ratio: Invalid value: 2: spec.ratio in body should be less than or equal to 1"}),
        ({"few": 1}, set()),
        ({"few": 3}, {'spec.few: Unsupported value: 3: supported values: "1", "2"'}),
        (
            {"large": 1.5},
            {
                'spec.large: Invalid value: "float64": spec.large in body must be of type int64: "float64"',
                whole("Checked value must be of type integer with format int64 in spec.large"),
            },
        ),
    ],
)
def test_numbers_and_what_may_be_one(lab: Asking, spec: dict[str, Any], causes: set[str]) -> None:
    assert wrong(lab, **spec) == causes


@pytest.mark.parametrize(
    ("spec", "causes"),
    [
        ({"names": ["a", "b"]}, set()),
        ({"names": ["a", "a"]}, {'spec.names[1]: Duplicate value: "a"'}),
        ({"pairs": [{"n": "a"}, {"n": "a", "p": "UDP"}]}, set()),
        ({"pairs": [{"n": "a"}, {"n": "a"}]}, {'spec.pairs[1]: Duplicate value: {"n":"a","p":"TCP"}'}),
        ({"pairs": [{"p": "x"}]}, {"spec.pairs[0].n: Required value"}),
        ({"inner": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "any": 1}}, set()),
        ({"inner": {"a": 1}}, {"spec.inner.apiVersion: Required value", "spec.inner.kind: Required value"}),
    ],
)
def test_lists_that_are_sets_or_maps_and_objects_in_objects(
    lab: Asking, spec: dict[str, Any], causes: set[str]
) -> None:
    assert wrong(lab, **spec) == causes


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("date-time", "2020-01-01T00:00:00Z", "2020-01-01 00:00"),
        ("date", "2020-02-29", "2021-02-29"),
        ("duration", "1h30m", "soon"),
        ("ipv4", "10.0.0.1", "10.0.0"),
        ("ipv6", "fd00::1", "10.0.0.1"),
        ("cidr", "10.0.0.0/8", "10.0.0.0"),
        ("mac", "00:1a:2b:3c:4d:5e", "00:1a"),
        ("uri", "https://example.com/a", "::"),
        ("email", "me@example.com", "me"),
        ("byte", "aGVsbG8=", "?"),
        ("hostname", "a.example.com", "_"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123"),
    ],
)
def test_the_format_of_a_text_is_judged(lab: Asking, name: str, good: str, bad: str) -> None:
    assert wrong(lab, **{name: good}) == set()
    field = f"spec.{name}"
    assert wrong(lab, **{name: bad}) == {
        f'{field}: Invalid value: "{bad}": {field} in body must be of type {name}: "{bad}"'
    }


def test_what_was_wrong_before_is_forgiven_and_what_is_new_is_not() -> None:
    asking = Asking()
    loose = crd({"one": AB, "other": TEXT})
    asking.ask("POST", CRDS, loose)
    thing = {"apiVersion": "t.example.com/v1", "kind": "Thing", "metadata": {"name": "t"}}
    assert asking.ask("POST", THINGS, thing | {"spec": {"one": {"c": 1}}}).code == 201
    strict = crd({"one": FIELDS["one"], "other": TEXT})
    version = asking.ask("GET", f"{CRDS}/things.t.example.com").value["metadata"]["resourceVersion"]
    strict["metadata"]["resourceVersion"] = version
    assert asking.ask("PUT", f"{CRDS}/things.t.example.com", strict).code == 200
    merge = "application/merge-patch+json"
    assert asking.ask("PATCH", f"{THINGS}/t", {"spec": {"other": "x"}}, form=merge).code == 200
    assert asking.ask("PATCH", f"{THINGS}/t", {"spec": {"one": {"c": 2}}}, form=merge).code == 422


def test_a_format_that_is_not_judged_is_said() -> None:
    [warning] = Asking().ask("POST", CRDS, crd({"book": {**TEXT, "format": "isbn"}})).warnings
    assert "properties[book].format: this server does not enforce it" in warning
