"""Label selectors: which ones the API server takes, and what they mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.manifests.convert.fields import UnreadableField
from podfence.manifests.convert.selectors import is_label_key, is_label_value, read_selector
from podfence.model.labels import EVERYTHING, Operator, Requirement, Selector


def read(value: object, *, checked: bool = True) -> Selector:
    return read_selector(value, "s", checked=checked)


def refused(value: object, *, checked: bool = True) -> str:
    with pytest.raises(UnreadableField) as caught:
        read(value, checked=checked)
    return caught.value.path


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize(
    "value",
    [None, {}, {"matchLabels": None}, {"matchLabels": {}}, {"matchExpressions": []}, {"matchExpressions": None}],
)
def test_an_empty_selector_matches_everything(value: object, checked: bool) -> None:  # noqa: FBT001
    assert read(value, checked=checked) == EVERYTHING


def test_labels_and_expressions_are_joined() -> None:
    value = {
        "matchLabels": {"app": "web", "tier": ""},
        "matchExpressions": [
            {"key": "zone", "operator": "NotIn", "values": ["b", "a", "a"]},
            {"key": "old", "operator": "DoesNotExist", "values": []},
            {"key": "new", "operator": "Exists"},
        ],
    }
    assert set(read(value).requirements) == {
        Requirement("app", Operator.IN, ("web",)),
        Requirement("tier", Operator.IN, ("",)),
        Requirement("zone", Operator.NOT_IN, ("a", "b")),
        Requirement("old", Operator.DOES_NOT_EXIST),
        Requirement("new", Operator.EXISTS),
    }


def test_L26_a_null_label_is_empty_for_network_policy_and_absent_for_custom_resources() -> None:
    value = {"matchLabels": {"app": None}}
    assert read(value) == Selector((Requirement("app", Operator.IN, ("",)),))
    assert read(value, checked=False) == EVERYTHING


def test_a_null_value_is_empty_for_network_policy_and_refused_for_custom_resources() -> None:
    value = {"matchExpressions": [{"key": "a", "operator": "In", "values": [None]}]}
    assert read(value) == Selector((Requirement("a", Operator.IN, ("",)),))
    assert refused(value, checked=False) == "s.matchExpressions[0].values[0]"


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"matchLables": {"a": "b"}}, "s.matchLables"),
        ({"matchLabels": {"a": "b"}, "x": 1}, "s.x"),
        ({"matchLabels": []}, "s.matchLabels"),
        ({"matchLabels": {"version": 1}}, "s.matchLabels"),
        ({"matchLabels": {"on": True}}, "s.matchLabels"),
        ({"matchLabels": {"a": ["b"]}}, "s.matchLabels"),
        ({"matchExpressions": {}}, "s.matchExpressions"),
        ({"matchExpressions": [None]}, "s.matchExpressions[0].operator"),
        ({"matchExpressions": [{"key": "a", "operator": "in", "values": ["b"]}]}, "s.matchExpressions[0].operator"),
        ({"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]}, "s.matchExpressions[0].operator"),
        ({"matchExpressions": [{"key": "a", "operator": "In"}]}, "s.matchExpressions[0].values"),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": []}]}, "s.matchExpressions[0].values"),
        ({"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}, "s.matchExpressions[0].values"),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": [1]}]}, "s.matchExpressions[0].values[0]"),
        ({"matchExpressions": [{"key": 1, "operator": "Exists"}]}, "s.matchExpressions[0].key"),
        ({"matchExpressions": [{"key": "a", "Operator": "Exists"}]}, "s.matchExpressions[0].Operator"),
        ({"matchExpressions": [{"key": "a", "operator": ["In"], "values": ["b"]}]}, "s.matchExpressions[0].operator"),
        ("app=web", "s"),
        ([], "s"),
    ],
)
@pytest.mark.parametrize("checked", [True, False])
def test_what_no_engine_can_read_is_refused_at_its_field(value: object, path: str, checked: bool) -> None:  # noqa: FBT001
    assert refused(value, checked=checked) == path


@pytest.mark.parametrize(
    "value",
    [
        {"matchLabels": {"a b": "c"}},
        {"matchLabels": {"a": "b c"}},
        {"matchExpressions": [{"key": "", "operator": "Exists"}]},
        {"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["-b"]}]},
    ],
)
def test_C34_keys_and_values_are_judged_for_network_policy_only(value: object) -> None:
    refused(value)
    assert read(value, checked=False) != EVERYTHING


def test_a_number_is_refused_even_after_the_same_text_was_read() -> None:
    read({"matchLabels": {"app": "1"}})
    read({"matchLabels": {"app": ""}})
    refused({"matchLabels": {"app": 1}})
    refused({"matchLabels": {"app": False}})


def test_a_selector_read_unchecked_is_not_taken_for_a_checked_one() -> None:
    read({"matchLabels": {"Bad Key": "x"}}, checked=False)
    refused({"matchLabels": {"Bad Key": "x"}})


@pytest.mark.parametrize(
    ("key", "valid"),
    [
        ("app", True),
        ("App_1.x-y", True),
        ("example.com/App", True),
        ("Example.com/app", False),
        ("a/b/c", False),
        ("/app", False),
        ("example.com/", False),
        ("", False),
        ("-a", False),
        ("a-", False),
        ("a" * 63, True),
        ("a" * 64, False),
        ("a.b" * 63 + "/x", True),
        ("a" * 254 + "/x", False),
        ("app\n", False),
        ("größe", False),
    ],
)
def test_M10_label_keys(key: str, valid: bool) -> None:  # noqa: FBT001
    assert is_label_key(key) is valid


ALPHABET = "abcXYZ019-_. /\n"


@given(st.text(ALPHABET, max_size=70))
def test_label_values_are_short_and_of_few_signs_with_a_letter_or_digit_at_both_ends(value: str) -> None:
    signs = all(sign.isalnum() or sign in "-_." for sign in value)
    ends = value[:1].isalnum() and value[-1:].isalnum()
    assert is_label_value(value) is (value == "" or (len(value) <= 63 and signs and ends))
