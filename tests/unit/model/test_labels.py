"""Label selectors, compared with the table of Kubernetes' own library and with a slow evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.model.labels import EVERYTHING, Operator, Requirement, Selector, label_set, selector

IN, NOT_IN, EXISTS, ABSENT = Operator.IN, Operator.NOT_IN, Operator.EXISTS, Operator.DOES_NOT_EXIST

# (operator, values) -> whether it is met by: no such key, the empty value, "a", "b".
TABLE = {
    (IN, ("a",)): (False, False, True, False),
    (IN, ("a", "b")): (False, False, True, True),
    (IN, ("",)): (False, True, False, False),
    (IN, ("", "b")): (False, True, False, True),
    (NOT_IN, ("a",)): (True, True, False, True),
    (NOT_IN, ("a", "b")): (True, True, False, False),
    (NOT_IN, ("",)): (True, False, True, True),
    (EXISTS, ()): (False, True, True, True),
    (ABSENT, ()): (True, False, False, False),
}
STATES: tuple[Mapping[str, str], ...] = ({}, {"k": ""}, {"k": "a"}, {"k": "b"})

KEYS = st.sampled_from(["k", "l"])
VALUES = st.sampled_from(["", "a", "b"])
REQUIREMENTS = st.builds(
    lambda key, operator, values: Requirement(key, operator, tuple(values) if operator in (IN, NOT_IN) else ()),
    KEYS,
    st.sampled_from(Operator),
    st.lists(VALUES, min_size=1, max_size=3),
)


@pytest.mark.parametrize(("operator", "values"), TABLE)
def test_a_requirement_is_met_as_the_table_of_operators_says(operator: Operator, values: tuple[str, ...]) -> None:
    requirement = Requirement("k", operator, values)
    assert tuple(requirement.matches({"other": "a", **labels}) for labels in STATES) == TABLE[operator, values]


def test_a_selector_without_requirements_matches_every_label_set() -> None:
    assert EVERYTHING.matches({})
    assert EVERYTHING.matches({"k": "a"})


@given(st.dictionaries(KEYS, VALUES), st.lists(REQUIREMENTS, max_size=3), st.dictionaries(KEYS, VALUES))
def test_a_selector_matches_when_all_labels_and_all_expressions_do(
    match_labels: dict[str, str], expressions: list[Requirement], labels: dict[str, str]
) -> None:
    expected = all(key in labels and labels[key] == value for key, value in match_labels.items()) and all(
        TABLE_BY_HAND[item.operator](labels.get(item.key), item.values) for item in expressions
    )
    assert selector(match_labels, *expressions).matches(labels) is expected


TABLE_BY_HAND: dict[Operator, Callable[[str | None, tuple[str, ...]], bool]] = {
    IN: lambda value, values: value is not None and value in values,
    NOT_IN: lambda value, values: value is None or value not in values,
    EXISTS: lambda value, _: value is not None,
    ABSENT: lambda value, _: value is None,
}


@given(st.dictionaries(KEYS, VALUES), st.lists(REQUIREMENTS, max_size=3), st.randoms())
def test_the_order_in_which_conditions_are_written_does_not_matter(
    match_labels: dict[str, str], expressions: list[Requirement], random: Random
) -> None:
    shuffled = list(expressions)
    random.shuffle(shuffled)
    turned = [Requirement(item.key, item.operator, item.values[::-1]) for item in shuffled]
    again = selector(dict(reversed(match_labels.items())), *turned)
    assert again == selector(match_labels, *expressions)
    assert hash(again) == hash(selector(match_labels, *expressions))


def test_a_label_and_an_in_of_one_value_are_the_same_condition() -> None:
    assert selector({"k": "a"}) == selector({}, Requirement("k", IN, ("a",)))
    assert selector({"k": "a"}, Requirement("k", IN, ("a", "a"))) == selector({"k": "a"})


def test_a_label_set_is_sorted_and_keeps_everything() -> None:
    assert label_set({"b": "2", "a": ""}) == (("a", ""), ("b", "2"))


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (selector({"app": "web"}), "app=web"),
        (selector({}, Requirement("app", IN, ("web", "db"))), "app in (db, web)"),
        (selector({}, Requirement("app", NOT_IN, ("web",))), "app not in (web)"),
        (selector({}, Requirement("app", EXISTS)), "app exists"),
        (selector({"tier": "x"}, Requirement("app", ABSENT)), "app does not exist, tier=x"),
        (Selector(), "all"),
    ],
)
def test_a_selector_tells_people_what_it_picks(made: Selector, text: str) -> None:
    assert str(made) == text
