"""The index of labels picks what a selector matches, object by object."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from podfence.engine import bitset
from podfence.engine.index import LabelIndex
from podfence.engine.vocabulary import Projection
from podfence.model.labels import EVERYTHING, Operator, Requirement, Selector, label_set, selector

KEYS = st.sampled_from(["app", "tier", "zone"])
VALUES = st.sampled_from(["", "a", "b", "c"])
LABELS = st.dictionaries(KEYS, VALUES).map(label_set)
REQUIREMENTS = st.builds(
    lambda key, operator, values: Requirement(
        key, operator, tuple(values) if operator in (Operator.IN, Operator.NOT_IN) else ()
    ),
    KEYS,
    st.sampled_from(Operator),
    st.lists(VALUES, min_size=1, max_size=2),
)
SELECTORS = st.lists(REQUIREMENTS, max_size=2).map(lambda found: selector({}, *found))


@given(st.lists(LABELS, max_size=40), st.lists(SELECTORS, max_size=4))
def test_the_index_finds_what_each_selector_matches(
    sets: list[tuple[tuple[str, str], ...]], selectors: list[Selector]
) -> None:
    index = LabelIndex(sets)
    # Twice, for the second answer is remembered.
    for item in (*selectors, *selectors):
        expected = [number for number, labels in enumerate(sets) if item.matches(dict(labels))]
        assert bitset.members(index.select(item)) == expected


def test_an_index_of_nothing_finds_nothing() -> None:
    assert LabelIndex([]).select(EVERYTHING) == 0


@given(st.lists(SELECTORS, max_size=4), LABELS, LABELS)
def test_label_sets_of_one_projection_are_alike_to_every_selector(
    selectors: list[Selector], one: tuple[tuple[str, str], ...], other: tuple[tuple[str, str], ...]
) -> None:
    project = Projection(selectors)
    if project(one) == project(other):
        assert all(item.matches(dict(one)) is item.matches(dict(other)) for item in selectors)


def test_a_projection_forgets_what_no_selector_names() -> None:
    project = Projection([selector({"app": "web"}), selector({}, Requirement("tier", Operator.EXISTS))])
    assert project(label_set({"app": "web", "hash": "1"})) == project(label_set({"app": "web", "hash": "2"}))
    assert project(label_set({"app": "db"})) == project(())
    assert project(label_set({"tier": "x"})) == project(label_set({"tier": "y"})) != project(())
