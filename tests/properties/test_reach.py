"""On random clusters, the rows of ``Reach`` say what ``judge`` says of every pair of ends and every port.

``Reach`` goes other ways for large sets than for small ones and forgets what no longer fits. Small clusters would
never see that, so most of them are compared with those limits lowered.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import ModuleType
from unittest.mock import patch

import pytest

from podfence.engine import accepts, reach, tiers
from podfence.model.snapshot import Snapshot
from tests.properties.clusters import random_cluster
from tests.properties.pairs import disagreements
from tests.properties.shrink import describe, shrink

CLUSTERS = 2000
BATCH = 25

Limits = dict[tuple[ModuleType, str], int]

LIMITS: tuple[Limits, ...] = (
    {},
    {(reach, "_WIDE"): 0},
    {(reach, "_WIDE"): 1, (accepts, "_NARROW"): 0},
    {
        (accepts, "_NARROW"): 2,
        (accepts, "_KEPT_CUTS"): 0,
        (reach, "_KEPT_SUMS"): 1,
        (reach, "_KEPT_BYTES"): 1,
        (tiers, "_KEPT_ANSWERS"): 1,
    },
)
"""Limits that clusters are compared with, in turn by their seeds."""


@pytest.mark.parametrize("first", range(0, CLUSTERS, BATCH))
def test_rows_say_what_judging_every_pair_says(first: int) -> None:
    wrong = [found for found in map(compare, range(first, first + BATCH)) if found is not None]
    assert not wrong, wrong[0]


def compare(seed: int) -> str | None:
    """Compare one random cluster; tell the seed and the smallest cluster that still shows a difference."""
    snapshot = random_cluster(seed)
    limits = LIMITS[seed % len(LIMITS)]
    fails = partial(differ, limits=limits)
    if not fails(snapshot):
        return None
    small = shrink(snapshot, fails)
    with lowered(limits):
        return "\n".join([f"seed {seed}, made small:", describe(small), *disagreements(small)])


def differ(snapshot: Snapshot, limits: Limits) -> bool:
    """Tell whether the two evaluators differ anywhere."""
    with lowered(limits):
        return next(disagreements(snapshot), None) is not None


@contextmanager
def lowered(limits: Limits) -> Iterator[None]:
    """Lower some limits for a while."""
    with ExitStack() as stack:
        for (module, name), limit in limits.items():
            stack.enter_context(patch.object(module, name, limit))
        yield
