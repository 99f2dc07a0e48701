"""Bitsets, compared with Python's sets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from podfence.engine import bitset

# Sparse, dense, and far from zero: listing members goes another way in each case.
SETS = st.one_of(
    st.sets(st.integers(0, 5000), max_size=20),
    st.sets(st.integers(0, 60), max_size=60),
    st.sets(st.integers(100_000, 100_050), max_size=50),
)


@given(SETS)
def test_a_set_is_what_its_members_make_it(numbers: set[int]) -> None:
    bits = bitset.make(numbers)
    assert bits == sum(1 << number for number in numbers)
    assert bitset.members(bits) == sorted(numbers)


@given(st.integers(0, 200), st.integers(0, 200))
def test_a_span_holds_as_many_numbers_as_asked_for(first: int, count: int) -> None:
    assert bitset.members(bitset.span(first, count)) == list(range(first, first + count))


@given(st.lists(st.sets(st.integers(0, 29)), max_size=5))
def test_holders_list_the_sets_that_hold_each_number(sets: list[set[int]]) -> None:
    found = bitset.holders([bitset.make(numbers) for numbers in sets], 30)
    assert found == [[number for number, held in enumerate(sets) if member in held] for member in range(30)]


@given(st.lists(st.integers(0, 100_000), max_size=40), st.data())
def test_weights_add_up_the_weights_of_the_members(weights: list[int], data: st.DataObject) -> None:
    chosen = data.draw(st.sets(st.sampled_from(range(len(weights))))) if weights else set()
    assert bitset.Weights(weights).total(bitset.make(chosen)) == sum(weights[number] for number in chosen)
