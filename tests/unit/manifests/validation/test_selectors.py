"""Label selectors: rows L01 to L13 and L25 to L27 of the checklist."""

# ruff: noqa: E501 (one case, one line)

from __future__ import annotations

import pytest

from podfence.manifests.validation.admission import Api, validate_update
from podfence.manifests.validation.names import label_key_complaints, label_value_complaints
from tests.unit.manifests.validation.answers import ask, faults_of, network_policy, parse, spec_of

PLACES = {
    "spec.podSelector": "{{podSelector: {0}}}",
    "spec.ingress[0].from[0].podSelector": "{{ingress: [{{from: [{{podSelector: {0}}}]}}]}}",
    "spec.egress[0].to[0].namespaceSelector": "{{egress: [{{to: [{{namespaceSelector: {0}}}]}}]}}",
}
KEY_TWICE = ["Invalid .matchExpressions[0].key"] * 2

CASES = [
    ("L01 In without values needs them", "{key: a, operator: In}", ["Required .matchExpressions[0].values"]),
    ("L01 In with an empty list needs values", "{key: a, operator: In, values: []}", ["Required .matchExpressions[0].values"]),
    ("L02 NotIn with an empty list needs values", "{key: a, operator: NotIn, values: []}", ["Required .matchExpressions[0].values"]),
    ("L03 Exists with values is forbidden", "{key: a, operator: Exists, values: [b]}", ["Forbidden .matchExpressions[0].values"]),
    ("L04 DoesNotExist with values is forbidden", "{key: a, operator: DoesNotExist, values: [b]}", ["Forbidden .matchExpressions[0].values"]),
    ("L05 unknown operator is invalid", "{key: a, operator: Equals, values: [b]}", ["Invalid .matchExpressions[0].operator"]),
    ("L06 lower case operator is invalid", "{key: a, operator: in, values: [b]}", ["Invalid .matchExpressions[0].operator"]),
    ("L06 empty operator is invalid", '{key: a, operator: "", values: [b]}', ["Invalid .matchExpressions[0].operator"]),
    ("L06 missing operator is invalid", "{key: a}", ["Invalid .matchExpressions[0].operator"]),
    ("L06 Gt is invalid", '{key: a, operator: Gt, values: ["1"]}', ["Invalid .matchExpressions[0].operator"]),
    ("L06 Lt is invalid", '{key: a, operator: Lt, values: ["1"]}', ["Invalid .matchExpressions[0].operator"]),
    ("L07 missing key is invalid twice", "{operator: Exists}", KEY_TWICE),
    ("L08 bad value is invalid at its index", "{key: a, operator: In, values: [b, -c]}", ["Invalid .matchExpressions[0].values[1]"]),
    ("L09 bad value under Exists is told beside Forbidden", "{key: a, operator: Exists, values: [-c]}",
     ["Forbidden .matchExpressions[0].values", "Invalid .matchExpressions[0].values[0]"]),
    ("L10 In with the empty value is valid", '{key: a, operator: In, values: [""]}', []),
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("expression", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_an_expression_is_judged_as_the_server_does(expression: str, expected: list[str], place: str) -> None:
    faults = faults_of(PLACES[place].format(f"{{matchExpressions: [{expression}]}}"))
    assert faults == [fault.replace(" ", f" {place}") for fault in expected]


def test_L11_contradictions_and_repetitions_are_accepted() -> None:
    assert (
        faults_of(
            "{podSelector: {matchExpressions: [{key: a, operator: Exists}, {key: a, operator: DoesNotExist},"
            " {key: a, operator: Exists}, {key: a, operator: In, values: [b, b]}]}}"
        )
        == []
    )


@pytest.mark.parametrize(
    "labels",
    ["{a b: c}", "{a: b c}", "{a: -c}", "{/a: c}"],
    ids=["L12 bad key", "L12 bad value", "L12 value that starts with a dash", "L12 empty prefix"],
)
def test_match_labels_are_blamed_as_a_whole(labels: str) -> None:
    assert faults_of(f"{{podSelector: {{matchLabels: {labels}}}}}") == ["Invalid spec.podSelector.matchLabels"]


def test_L13_a_selector_has_the_same_faults_wherever_it_stands() -> None:
    selector = "{matchLabels: {a: -c}, matchExpressions: [{key: a b, operator: in}]}"
    seen = {
        tuple(fault.replace(place, "") for fault in faults_of(template.format(selector)))
        for place, template in PLACES.items()
    }
    assert seen == {
        ("Invalid .matchLabels", "Invalid .matchExpressions[0].operator", "Invalid .matchExpressions[0].key")
    }


@pytest.mark.parametrize(
    "value",
    ["1", "yes", "1.5", "{b: c}", "[b]"],
    ids=["L25 number", "L25 boolean", "L25 fraction", "L25 mapping", "L25 list"],
)
def test_a_label_value_that_is_no_text_is_a_decoding_error(value: str) -> None:
    answer = ask(network_policy(f"{{podSelector: {{matchLabels: {{a: {value}}}}}}}"))
    assert (answer.code, answer.faults) == (400, ["WrongType spec.podSelector.matchLabels.a"])


def test_L26_a_label_value_null_is_the_empty_text() -> None:
    assert spec_of("{podSelector: {matchLabels: {a: null}}}")["podSelector"] == {"matchLabels": {"a": ""}}


def test_L26_a_value_null_of_an_expression_is_the_empty_text() -> None:
    expressions = spec_of("{podSelector: {matchExpressions: [{key: a, operator: In, values: [null]}]}}")["podSelector"]
    assert expressions["matchExpressions"][0]["values"] == [""]


def update(new: str, old: str) -> list[str]:
    identity = {"name": "web", "namespace": "default"}
    causes = validate_update(
        Api.NETWORK_POLICY,
        parse(network_policy(new)) | {"metadata": identity},
        parse(network_policy(old)) | {"metadata": identity},
    )
    return [cause.field for cause in causes]


def test_L27_a_stored_bad_pod_selector_lets_bad_values_of_expressions_through() -> None:
    bad = "{matchExpressions: [{key: a, operator: In, values: [-b]}]}"
    assert update(f"{{podSelector: {bad}}}", f"{{podSelector: {bad}}}") == []
    assert update(f"{{egress: [{{to: [{{podSelector: {bad}}}]}}]}}", f"{{podSelector: {bad}}}") == []
    assert update(f"{{podSelector: {bad}}}", "{podSelector: {}}") == ["spec.podSelector.matchExpressions[0].values[0]"]


@pytest.mark.parametrize(
    ("new", "field"),
    [
        ("{matchExpressions: [{key: -a, operator: Exists}]}", "spec.podSelector.matchExpressions[0].key"),
        ("{matchExpressions: [{key: a, operator: in}]}", "spec.podSelector.matchExpressions[0].operator"),
        ("{matchLabels: {a: -b}}", "spec.podSelector.matchLabels"),
    ],
    ids=["L27 but not a key", "L27 nor an operator", "L27 nor matchLabels"],
)
def test_what_the_stored_selector_does_not_excuse(new: str, field: str) -> None:
    old = "{podSelector: {matchLabels: {a: -b}}}"
    assert update(f"{{podSelector: {new}}}", old) == [field]


@pytest.mark.parametrize(
    ("key", "count"),
    [
        ("", 2), ("a/b/c", 1), ("Example.com/a", 1), ("example.com/A", 0), ("a" * 63, 0), ("a" * 64, 1),
        ("/a", 1), ("a/", 2), ("é", 1), ("x" * 254 + "/a", 1), ("-" * 64, 2),
    ],
    ids=[
        "M08 empty key has two faults", "M09 two slashes are one fault", "M10 prefix in upper case", "M10 name in upper case",
        "M11 name of 63", "M11 name of 64", "M10 empty prefix", "M08 empty name", "M10 accent", "M10 prefix of 254", "M11 long and bad",
    ],
)  # fmt: skip
def test_a_label_key_has_as_many_faults_as_the_server_finds(key: str, count: int) -> None:
    assert len(label_key_complaints(key)) == count


@pytest.mark.parametrize(
    ("value", "count"),
    [("", 0), ("a" * 63, 0), ("a" * 64, 1), ("-a", 1), ("a.", 1), ("_a", 1), ("é", 1), ("a b", 1), ("a/b", 1), ("a\n", 1)],
    ids=[
        "M12 empty", "M12 of 63", "M12 of 64", "M13 starts with a dash", "M13 ends with a dot", "M13 starts with an underscore",
        "M14 accent", "M14 space", "M14 slash", "M14 final newline",
    ],
)  # fmt: skip
def test_a_label_value_has_as_many_faults_as_the_server_finds(value: str, count: int) -> None:
    assert len(label_value_complaints(value)) == count
