"""Label sets against every label set over a few keys: whatever selectors tell apart is there, with what it matches."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

from podfence.engine.label_sets import OTHER, label_sets, overlap
from podfence.model.labels import NAMESPACE_NAME_LABEL, Operator, Requirement, Selector, selector

KEYS = ("app", "tier", "zone")
VALUES = ("a", "b")


def random_selectors(rng: Random) -> tuple[Selector, ...]:
    """Make a few selectors over few keys and values."""
    return tuple(
        selector({}, *(random_requirement(rng) for _ in range(rng.randint(0, 3)))) for _ in range(rng.randint(1, 4))
    )


def random_requirement(rng: Random) -> Requirement:
    operator = rng.choice(tuple(Operator))
    has_values = operator in (Operator.IN, Operator.NOT_IN)
    return Requirement(rng.choice(KEYS), operator, tuple(rng.sample(VALUES, rng.randint(1, 2))) if has_values else ())


def matched(selectors: tuple[Selector, ...], labels: dict[str, str]) -> int:
    return sum(1 << number for number, item in enumerate(selectors) if item.matches(labels))


def everything(selectors: tuple[Selector, ...]) -> set[int]:
    """Match every label set, an unnamed value among them."""
    options = product((None, *VALUES, "unnamed"), repeat=len(KEYS))
    return {
        matched(selectors, {key: value for key, value in zip(KEYS, values, strict=True) if value is not None})
        for values in options
    }


@pytest.mark.parametrize("seed", range(200))
def test_there_is_one_label_set_for_each_combination_of_selectors(seed: int) -> None:
    selectors = random_selectors(Random(seed))
    found = label_sets(selectors, wanted=0, most=1000)
    assert found.complete
    assert sorted(mask for _, mask in found.found) == sorted(everything(selectors))
    assert all(matched(selectors, dict(labels)) == mask for labels, mask in found.found)


@pytest.mark.parametrize("seed", range(100))
def test_only_those_that_match_a_wanted_selector_are_given(seed: int) -> None:
    selectors = random_selectors(Random(seed))
    found = {mask for _, mask in label_sets(selectors, wanted=0b11, most=1000).found}
    assert found == {mask for mask in everything(selectors) if mask & 0b11}


@pytest.mark.parametrize("seed", range(100))
def test_selectors_overlap_where_a_label_set_matches_both(seed: int) -> None:
    one, other = random_selectors(Random(seed))[0], random_selectors(Random(seed + 1000))[0]
    assert overlap(one, other) is (0b11 in everything((one, other)))


def test_no_more_are_given_than_may_be_and_those_are_the_shortest() -> None:
    selectors = tuple(selector({f"key{number}": "x"}) for number in range(10))
    found = label_sets(selectors, wanted=0, most=11)
    assert not found.complete
    assert [len(labels) for labels, _ in found.found] == [0] + [1] * 10


def test_a_namespace_always_has_its_name_and_not_one_that_is_taken() -> None:
    names = Requirement(NAMESPACE_NAME_LABEL, Operator.IN, ("mine", "yours"))
    found = label_sets(
        (Selector((names,)),), wanted=0, most=10, names=lambda mentioned: (OTHER, *({*mentioned} - {"yours"}))
    )
    assert [dict(labels)[NAMESPACE_NAME_LABEL] for labels, _ in found.found] == [OTHER, "mine"]
