"""Each deliberate fault of meaning is caught: by the comparison of the two evaluators, or by a table of cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from tests.properties.clusters import random_cluster
from tests.properties.mutants import MUTANTS, SEEN_AT, Mutant
from tests.properties.pairs import disagreements
from tests.properties.test_reach import CLUSTERS
from tests.unit.engine import (
    test_decide_blocks,
    test_decide_domains,
    test_decide_hosts,
    test_decide_isolation,
    test_decide_ports,
    test_decide_selectors,
    test_decide_tiers,
)

TABLES = (
    test_decide_blocks,
    test_decide_domains,
    test_decide_hosts,
    test_decide_isolation,
    test_decide_ports,
    test_decide_selectors,
    test_decide_tiers,
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_fault_is_caught(mutant: Mutant) -> None:
    with mutant.at_work():
        caught = caught_by_a_table() if mutant.shared else caught_by_comparison(SEEN_AT.get(mutant.name, 0))
    assert caught is not None, f"nothing noticed that {mutant.name}"
    print(f"{mutant.name}: caught by {caught}")


def test_without_a_fault_nothing_is_caught() -> None:
    assert caught_by_a_table() is None


def test_there_are_enough_faults() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 25


def caught_by_comparison(first: int) -> str | None:
    """Name the first random cluster, of those that the property test compares, on which the evaluators differ."""
    for seed in (*range(first, CLUSTERS), *range(first)):
        found = next(disagreements(random_cluster(seed)), None)
        if found is not None:
            return f"seed {seed}: {found}"
    return None


def caught_by_a_table() -> str | None:
    """Name the first case that fails."""
    for name, case in cases():
        try:
            case()
        except AssertionError:
            return name
    return None


def cases() -> Iterator[tuple[str, Callable[[], None]]]:
    """List the cases of all tables by the name of their test."""
    for table in TABLES:
        yield from cases_of(table)


def cases_of(table: ModuleType) -> Iterator[tuple[str, Callable[[], None]]]:
    """List the cases of one table."""
    return ((name, case) for name, case in vars(table).items() if name.startswith("test_"))
