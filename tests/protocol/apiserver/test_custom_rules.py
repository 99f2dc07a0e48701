"""Rules in CEL of people's own kinds: every answer here was a real kube-apiserver's (1.36.3) to the same objects."""

from __future__ import annotations

from typing import Any

import pytest

from podfence.lab.apiserver.crds import expressions
from tests.protocol.apiserver.asking import Answer, Asking

pytest.importorskip("cel", reason="needs the extra cel")

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
THINGS = "/apis/c.example.com/v1/namespaces/default/things"
MERGE = "application/merge-patch+json"
TEXT, WHOLE = {"type": "string", "maxLength": 50}, {"type": "integer"}
EITHER = "type(self) == int ? self > 1 : self == 'x'"


def ruled(schema: dict[str, Any], rule: str, message: str = "", **more: object) -> dict[str, Any]:
    """Add a rule to a schema."""
    stated = {"rule": rule, **({"message": message} if message else {}), **more}
    return schema | {"x-kubernetes-validations": [*schema.get("x-kubernetes-validations", ()), stated]}


def record(**fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": fields}


RANGE = record(min=WHOLE, max=WHOLE) | {"properties": {"min": WHOLE, "max": WHOLE, "in": TEXT, "a-b": TEXT}}
RANGE = ruled(RANGE, "self.min <= self.max", "min above max")
RANGE = ruled(RANGE, "!has(self.__in__) || self.__in__ == 'x'", "in")
RANGE = ruled(RANGE, "!has(self.a__dash__b) || self.a__dash__b == 'y'", "dash")
SMALL = {"type": "array", "maxItems": 5, "items": ruled(WHOLE, "self < 9", "item too large")}
POSITIVE = {"type": "object", "maxProperties": 5, "additionalProperties": WHOLE}
TEXTS = "self.lowerAscii().split(',').size() == 2 && self.find('[0-9]+') == '12'"
FIELDS: dict[str, dict[str, Any]] = {
    "plain": ruled(WHOLE, "self > 1"),
    "word": ruled(TEXT, "self == 'a'", "must be a"),
    "range": RANGE,
    "list": ruled(SMALL, "self.size() < 3", "list too long"),
    "map": ruled(POSITIVE, "self.all(k, self[k] > 0)", "all positive"),
    "fixed": ruled(TEXT, "self == oldSelf", "immutable"),
    "kept": ruled(TEXT, "!oldSelf.hasValue() || self == oldSelf.value()", "immutable, too", optionalOldSelf=True),
    "told": ruled(WHOLE, "self > 5", messageExpression="'got' + ' few'"),
    "barred": ruled(record(x=WHOLE), "self.x > 5", "no", reason="FieldValueForbidden", fieldPath=".x"),
    "needed": ruled(record(x=WHOLE), "has(self.x)", "need x", reason="FieldValueRequired", fieldPath=".x"),
    "once": ruled(TEXT, "self != 'd'", "dup", reason="FieldValueDuplicate"),
    "broken": ruled(record(x=WHOLE), "self.x > 5", "errmsg"),
    "ratio": ruled({"type": "number"}, "self > 1.5"),
    "either": ruled({"x-kubernetes-int-or-string": True}, EITHER),
    "since": ruled({"type": "string", "format": "date-time"}, "self > timestamp('2020-01-01T00:00:00Z')", "old"),
    "pause": ruled({"type": "string", "format": "duration"}, "self > duration('1s')"),
    "texts": ruled(TEXT, TEXTS, "texts"),
    "place": ruled(TEXT, "isIP(self) || isCIDR(self) || isURL(self)", "place"),
}


def crd(fields: dict[str, dict[str, Any]]) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}}
    schema = ruled(schema, "self.metadata.name != 'bad'", "bad name")
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "things", "kind": "Thing"}
    spec = {"group": "c.example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    return {"metadata": {"name": "things.c.example.com"}, "spec": spec}


def thing(name: str = "t", **spec: object) -> dict[str, Any]:
    return {"apiVersion": "c.example.com/v1", "kind": "Thing", "metadata": {"name": name}, "spec": spec}


@pytest.fixture(scope="module")
def lab() -> Asking:
    asking = Asking()
    created = asking.ask("POST", CRDS, crd(FIELDS))
    assert (created.code, created.warnings) == (201, ())
    return asking


def causes(answer: Answer) -> set[str]:
    if answer.code < 300:
        return set()
    assert answer.code == 422
    return {f"{each['field']}: {each['message']}" for each in answer.value["details"]["causes"]}


SYNTAX = (
    'rule: Invalid value: {"Rule":"self \\u003e","Message":"","MessageExpression":"","Reason":null,'
    '"FieldPath":"","OptionalOldSelf":null}: compilation failed: ERROR: <input>:1:7: Syntax error: '
    "mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, "
    "NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | self >\n | ......^"
)
GOOD = [
    {"plain": 2},
    {"word": "a"},
    {"range": {"min": 1, "max": 1, "in": "x", "a-b": "y"}},
    {"map": {"a": 1}},
    {"fixed": "x", "kept": "x"},
    {"ratio": 2},
    {"either": 5},
    {"either": "x"},
    {"since": "2021-01-01T00:00:00Z"},
    {"pause": "2s"},
    {"texts": "A,b12"},
    {"place": "10.0.0.1"},
    {"place": "10.0.0.0/8"},
    {"place": "http://a"},
]


@pytest.mark.parametrize("spec", GOOD)
def test_what_keeps_to_the_rules_is_taken(lab: Asking, spec: dict[str, Any]) -> None:
    assert causes(lab.ask("POST", f"{THINGS}?dryRun=All", thing(**spec))) == set()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"plain": 1}, {"spec.plain: Invalid value: 1: failed rule: self > 1"}),
        ({"word": "b"}, {'spec.word: Invalid value: "b": must be a'}),
        ({"range": {"min": 2, "max": 1}}, {"spec.range: Invalid value: min above max"}),
        ({"range": {"min": 1, "max": 1, "in": "q"}}, {"spec.range: Invalid value: in"}),
        ({"range": {"min": 1, "max": 1, "a-b": "n"}}, {"spec.range: Invalid value: dash"}),
        (
            {"range": {"min": 1}},
            {'spec.range: Invalid value: "object": no such key: max evaluating rule: min above max'},
        ),
        (
            {"list": [10, 1, 11]},
            {
                "spec.list: Invalid value: list too long",
                "spec.list[0]: Invalid value: 10: item too large",
                "spec.list[2]: Invalid value: 11: item too large",
            },
        ),
        ({"map": {"a": 0}}, {"spec.map: Invalid value: all positive"}),
        ({"told": 1}, {"spec.told: Invalid value: 1: got few"}),
        ({"barred": {"x": 1}}, {"spec.barred.x: Forbidden: no"}),
        ({"needed": {}}, {"spec.needed.x: Required value: need x"}),
        ({"once": "d"}, {'spec.once: Duplicate value: "d"'}),
        ({"broken": {}}, {'spec.broken: Invalid value: "object": no such key: x evaluating rule: errmsg'}),
        ({"ratio": 1.2}, {"spec.ratio: Invalid value: 1.2: failed rule: self > 1.5"}),
        ({"either": 1}, {f"spec.either: Invalid value: 1: failed rule: {EITHER}"}),
        ({"either": "y"}, {f'spec.either: Invalid value: "y": failed rule: {EITHER}'}),
        ({"since": "2010-01-01T00:00:00Z"}, {'spec.since: Invalid value: "2010-01-01T00:00:00Z": old'}),
        ({"pause": "1ms"}, {"spec.pause: Invalid value: \"1ms\": failed rule: self > duration('1s')"}),
        ({"texts": "A"}, {'spec.texts: Invalid value: "A": texts'}),
        ({"place": "x"}, {'spec.place: Invalid value: "x": place'}),
    ],
)
def test_what_breaks_a_rule_is_refused_in_its_words(lab: Asking, spec: dict[str, Any], said: set[str]) -> None:
    assert causes(lab.ask("POST", f"{THINGS}?dryRun=All", thing(**spec))) == said


def test_a_rule_of_the_whole_object_sees_its_name(lab: Asking) -> None:
    assert causes(lab.ask("POST", THINGS, thing("bad"))) == {"<nil>: Invalid value: bad name"}


def test_a_rule_about_change_speaks_when_something_changes(lab: Asking) -> None:
    assert causes(lab.ask("POST", THINGS, thing("u", fixed="1", kept="1"))) == set()
    url = f"{THINGS}/u"
    assert causes(lab.ask("PATCH", url, {"spec": {"fixed": "2"}}, form=MERGE)) == {
        'spec.fixed: Invalid value: "2": immutable'
    }
    assert causes(lab.ask("PATCH", url, {"spec": {"kept": "2"}}, form=MERGE)) == {
        'spec.kept: Invalid value: "2": immutable, too'
    }
    assert causes(lab.ask("PATCH", url, {"spec": {"kept": "1", "plain": 3}}, form=MERGE)) == set()
    # Without a value there is nothing to judge.
    assert causes(lab.ask("PATCH", url, {"spec": {"fixed": None}}, form=MERGE)) == set()


@pytest.mark.parametrize(
    ("rule", "message", "cause"),
    [
        ("", "", "rule: Required value: rule is not specified"),
        ("  ", "", "rule: Required value: rule is not specified"),
        ("true", "a\nb", 'message: Invalid value: "a\\nb": must not contain line breaks'),
        (
            "self ==\n 1",
            "",
            "message: Required value: message must be specified if rule contains line breaks",
        ),
        (
            "self >",
            "",
            SYNTAX,
        ),
    ],
)
def test_a_rule_that_is_none_is_refused_with_its_definition(rule: str, message: str, cause: str) -> None:
    refused = Asking().ask("POST", CRDS, crd({"a": ruled(WHOLE, rule, message)}))
    start = "spec.validation.openAPIV3Schema.properties[spec].properties[a].x-kubernetes-validations[0]."
    assert causes(refused) == {start + cause}


def test_a_rule_that_cannot_be_enforced_is_said_and_the_others_are_enforced() -> None:
    asking = Asking()
    stated = {"a": ruled(ruled(TEXT, "self != 'x'", "no x"), "quantity(self).isGreaterThan(quantity('1'))")}
    [warning] = asking.ask("POST", CRDS, crd(stated)).warnings
    assert "properties[a].x-kubernetes-validations[1]: this server does not enforce it" in warning
    assert causes(asking.ask("POST", THINGS, thing(a="x"))) == {'spec.a: Invalid value: "x": no x'}
    assert causes(asking.ask("POST", THINGS, thing(a="0"))) == set()


@pytest.mark.parametrize("rule", ["self.all(k, v, v > 0)", "sets.contains(self, [1])", "self.?a.orValue(1) == 1"])
def test_what_the_library_does_not_know_is_not_taken_for_known(rule: str) -> None:
    assert expressions.read_rule({"rule": rule}) is None


def test_without_the_library_every_rule_is_said_to_be_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expressions, "cel", None)
    asking = Asking()
    warnings = asking.ask("POST", CRDS, crd({"a": ruled(WHOLE, "self > 1")})).warnings
    idle = "x-kubernetes-validations[0]: this server does not enforce it"
    assert [idle in warning for warning in warnings] == [True, True]
    assert causes(asking.ask("POST", THINGS, thing("bad", a=1))) == set()
