"""One world of namespaces for all tests of a file; each test finds it without rules and without connections."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kernel.world import World


@pytest.fixture(scope="module")
def _world() -> Iterator[World]:
    world = World()
    yield world
    world.forest.close()


@pytest.fixture
def world(_world: World) -> World:
    _world.reset()
    return _world
