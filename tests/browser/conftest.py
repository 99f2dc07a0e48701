"""The browser that the tests of pages share, started once; skipped with the reason where there is none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.chromium import Chromium, executable, started


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """Start the browser."""
    if executable() is None:
        pytest.skip("needs Chromium (on Debian: apt-get install chromium)")
    with started(tmp_path_factory.mktemp("profile")) as page:
        yield page
