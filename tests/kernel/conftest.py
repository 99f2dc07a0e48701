"""One world of namespaces for all tests of a file; each test finds it without rules and without connections.

Who is not root has these tests run by another pytest, which is, of a user namespace.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import missing_for
from tests.kernel.world import World

if sys.platform == "linux":
    from tests.kernel.as_namespace_root import Delegate

    _DELEGATE = pytest.StashKey[Delegate]()

    def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run a test elsewhere where that is needed and possible; where it is not possible, it will be skipped."""
        is_of_here = item.path.is_relative_to(Path(__file__).parent)  # pytest asks for the tests of other folders, too
        if not is_of_here or os.geteuid() == 0 or missing_for("kernel") is not None:
            return None
        if _DELEGATE not in item.config.stash:
            item.config.stash[_DELEGATE] = Delegate(item.config)
        item.config.stash[_DELEGATE].run(item, nextitem)
        return True


@pytest.fixture(scope="module")
def _world() -> Iterator[World]:
    world = World()
    yield world
    world.forest.close()


@pytest.fixture
def world(_world: World) -> World:
    _world.reset()
    return _world
