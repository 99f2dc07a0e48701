"""The random clusters of the property tests reach every corner, and there it decides."""

from __future__ import annotations

from collections import Counter

from tests.properties.clusters import random_cluster
from tests.properties.corners import CORNERS, sides
from tests.properties.pairs import answers
from tests.properties.test_reach import CLUSTERS

ENOUGH = 3
"""Clusters in which a corner must have decided, out of the clusters that the property test compares."""


def test_every_corner_decides_in_several_clusters() -> None:
    reached: Counter[str] = Counter()
    missing = dict(CORNERS)
    for seed in range(CLUSTERS):
        snapshot = random_cluster(seed)
        left = dict(missing)
        for asked in answers(snapshot):
            for seen in sides(snapshot, asked):
                for name in [name for name, decides in left.items() if decides(seen)]:
                    reached[name] += 1
                    del left[name]
        missing = {name: decides for name, decides in missing.items() if reached[name] < ENOUGH}
        if not missing:
            break
    assert not missing, f"too seldom: { {name: reached[name] for name in missing} }"
    print(f"every corner after {seed + 1} clusters")
