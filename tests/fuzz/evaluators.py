"""The property test of the two evaluators with seeds that the tests have not seen."""

from __future__ import annotations

from tests.properties.test_reach import compare


def fuzz_evaluators(seed: int) -> str | None:
    """Compare the rows of ``Reach`` with ``judge`` on one random cluster."""
    return compare(seed)
