"""A page of 5,000 workloads stays small and draws only what is looked at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.corpus import Shape, snapshot
from podfence.engine.connectivity import Connectivity
from podfence.engine.endpoints import Grouping
from podfence.engine.excerpt import Excerpt
from podfence.report.map_html import map_html
from tests.browser.chromium import Chromium

MOST_BYTES = 3_000_000
MOST_NODES = 3_000


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the map of a made-up cluster."""
    path = tmp_path_factory.mktemp("large") / "large.html"
    connectivity = Connectivity(snapshot(Shape(5_000, 500, 100, replicas=1)), Grouping.WORKLOAD)
    path.write_text("".join(map_html(Excerpt(connectivity))), encoding="utf-8")
    return path


def drawn(browser: Chromium) -> int:
    found: int = browser.run("document.querySelectorAll('body *').length")
    return found


def test_the_file_is_small(large: Path) -> None:
    assert large.stat().st_size < MOST_BYTES


@pytest.mark.parametrize("view", ["map", "focus", "exposed", "matrix", "table"])
def test_every_view_draws_a_part(browser: Chromium, large: Path, view: str) -> None:
    browser.open(f"{large.as_uri()}#view={view}")
    assert browser.errors == []
    assert drawn(browser) < MOST_NODES


def test_search_goes_through_everybody(browser: Chromium, large: Path) -> None:
    browser.open(large.as_uri())
    name = browser.run("JSON.parse(document.getElementById('data').textContent).picture.endpoints.at(-1).name")
    browser.press("/", text="/")
    browser.type(name)
    found = browser.run("[...document.querySelectorAll('#found [role=option] .name')].map((e) => e.innerText)")
    assert found[0].endswith(f"/{name}")
    browser.press("Enter")
    assert browser.run("document.querySelector('.center .name').innerText") == found[0]
    assert drawn(browser) < MOST_NODES


def test_a_deep_focus_draws_a_part(browser: Chromium, large: Path) -> None:
    browser.open(large.as_uri())
    names = "JSON.parse(document.getElementById('data').textContent).picture.endpoints.filter((e) => e.isolated === 0)"
    free = browser.run(f"{names}[0].id")
    browser.open(f"{large.as_uri()}#view=focus&depth=3&focus={free}")
    assert browser.run("document.querySelectorAll('.column').length") > 3
    assert drawn(browser) < MOST_NODES


def test_unfolding_everything_still_draws_a_part_of_each(browser: Chromium, large: Path) -> None:
    browser.open(large.as_uri())
    browser.run("document.querySelector('[data-key=fold-all]').click()")
    chips = browser.run("document.querySelectorAll('.chip').length")
    assert 101 < chips <= 12 * 101
    assert browser.run("document.querySelectorAll('.curve').length") == 0


def test_the_matrix_paints_only_what_is_in_sight(browser: Chromium, large: Path) -> None:
    browser.open(f"{large.as_uri()}#view=matrix")
    browser.run("document.querySelector('.matrix').focus()")
    for _ in range(40):
        browser.press("ArrowDown")
    said = browser.run("document.querySelector('.matrix-said').innerText")
    assert said.startswith("ns-0039 → Outside the cluster:")
    size = browser.run("[document.querySelector('canvas').width, document.querySelector('.matrix-size').offsetWidth]")
    assert size[0] < size[1], json.dumps(size)


def test_where_lines_would_hide_each_other_their_ends_are_marked_instead(browser: Chromium, large: Path) -> None:
    browser.open(large.as_uri())
    browser.run("document.querySelector('[data-key=\"place ns-0004\"]').click()")
    browser.run("document.querySelector('.chip.everyone').click()")
    assert browser.run("document.querySelectorAll('.curve').length") == 0
    assert browser.run("document.querySelectorAll('.peer').length") > 20
