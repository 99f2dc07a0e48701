"""The page of ``diff -o html``: what opens and closes, the riskiest first, with what caused it."""

from __future__ import annotations

from pathlib import Path

import pytest

from podfence.cli.main import main
from tests.browser.chromium import Chromium
from tests.documents import ROOT

REVIEW = ROOT / "examples" / "review"


def page_of(tmp_path: Path, old: str, new: str) -> str:
    path = tmp_path / "diff.html"
    assert main(["diff", "-q", str(REVIEW / old), str(REVIEW / new), "-o", f"html={path}"]) == 1
    return path.as_uri()


def texts(browser: Chromium, selector: str) -> list[str]:
    found: list[str] = browser.run(f"[...document.querySelectorAll('{selector}')].map((e) => e.innerText)")
    return found


def test_the_summary_stands_on_top(browser: Chromium, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    browser.open(page_of(tmp_path, "before.yaml", "after.yaml"))
    main(["diff", "-q", str(REVIEW / "before.yaml"), str(REVIEW / "after.yaml")])
    assert texts(browser, ".answer") == [capsys.readouterr().out.splitlines()[0]]
    assert browser.errors == []


def test_each_change_has_its_ends_ports_and_cause(browser: Chromium, tmp_path: Path) -> None:
    browser.open(page_of(tmp_path, "before.yaml", "after.yaml"))
    rows = [" ".join(text.split()) for text in texts(browser, "li.change")]
    assert rows[0] == f"opens anywhere TCP 8080 shop/admin shop/admin {REVIEW}/after.yaml:35 modified"
    assert [row.split()[0] for row in rows] == ["opens"] * 3


def test_the_other_way_round_the_same_closes(browser: Chromium, tmp_path: Path) -> None:
    browser.open(page_of(tmp_path, "after.yaml", "before.yaml"))
    assert [text.split()[0] for text in texts(browser, "li.change")] == ["closes"] * 3


def test_the_map_draws_what_changed_and_the_focus_marks_it(browser: Chromium, tmp_path: Path) -> None:
    url = page_of(tmp_path, "after.yaml", "before.yaml")
    browser.open(f"{url}#view=map")
    assert browser.run("document.querySelectorAll('.curve.closed').length") == 3
    assert browser.run("document.querySelectorAll('.curve.resting').length") == 0
    browser.open(f"{url}#view=focus&focus=shop/Deployment/redis")
    assert [" ".join(text.split()) for text in texts(browser, ".row.closed .row-name")] == [
        "worker TCP 6379",
        "admin TCP 8080",
    ]


def test_a_changed_connection_tells_its_cause_among_the_details(browser: Chromium, tmp_path: Path) -> None:
    browser.open(page_of(tmp_path, "before.yaml", "after.yaml"))
    browser.run("document.querySelector('li.change .chip').click()")
    told = texts(browser, "aside")[0]
    assert "opens TCP 8080 shop/admin" in told.replace("\n", " ")
    assert "Entering shop/admin" in told


def test_what_the_input_does_not_hold_is_drawn_and_marked(browser: Chromium, tmp_path: Path) -> None:
    pod = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec: {containers: [{name: c, image: x}]}\n"
    )
    policy = (
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: in, namespace: shop}\n"
        "spec: {podSelector: {}, ingress: [{from: [{podSelector: {}}PEER]}]}\n"
    )
    for name, peer in (("before", ""), ("after", ", {podSelector: {}, namespaceSelector: {matchLabels: {team: x}}}")):
        (tmp_path / f"{name}.yaml").write_text(pod + policy.replace("PEER", peer), "utf-8")
    path = tmp_path / "diff.html"
    main(["diff", "-q", str(tmp_path / "before.yaml"), str(tmp_path / "after.yaml"), "-o", f"html={path}"])
    browser.open(path.as_uri())
    (row,) = [" ".join(text.split()) for text in texts(browser, "li.change")]
    assert row.startswith("opens (team=x)/pod without labels (not in the input) all shop/web")
    browser.open(f"{path.as_uri()}#view=map")
    assert browser.run("document.querySelectorAll('.curve.opened').length") == 1
    assert browser.errors == []
