"""The page of ``map -o html`` in a browser: it folds, focuses, searches, names policies, and asks nobody anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from podfence.cli.main import main
from tests.browser.chromium import Chromium
from tests.documents import ROOT

SHOP = str(ROOT / "examples" / "shop")
HOSTILE = '</script><img src=x onerror="document.title=1">'


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Write the map of the example shop."""
    path = tmp_path_factory.mktemp("map") / "shop.html"
    assert main(["map", "-q", SHOP, "-o", f"html={path}"]) == 0
    return path.as_uri()


def texts(browser: Chromium, selector: str) -> list[str]:
    found: list[str] = browser.run(f"[...document.querySelectorAll({json.dumps(selector)})].map((e) => e.innerText)")
    return found


def click(browser: Chromium, selector: str) -> None:
    browser.run(f"document.querySelector({json.dumps(selector)}).click()")


def asks_nobody(browser: Chromium, url: str) -> bool:
    page = url.partition("#")[0]
    return all(asked.partition("#")[0] == page or asked == "data:," for asked in browser.requests)


@pytest.mark.parametrize("view", ["map", "focus", "exposed", "matrix", "table"])
def test_every_view_opens_without_an_error_and_without_a_request(browser: Chromium, shop: str, view: str) -> None:
    browser.open(f"{shop}#view={view}&focus=shop/Deployment/cart")
    assert browser.run("document.querySelector('nav [aria-current]').innerText").lower() == view
    assert browser.errors == []
    assert asks_nobody(browser, shop)


def test_the_policy_of_the_page_forbids_a_request_even_when_a_script_tries(browser: Chromium, shop: str) -> None:
    browser.open(shop)
    tried = "fetch('http://127.0.0.1:9/').then(() => 'went', () => 'refused')"
    assert browser.run(tried) == "refused"
    assert any("Content Security Policy" in error for error in browser.errors)


def test_the_first_line_is_the_answer_that_the_text_gives(
    browser: Chromium, shop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["map", "-q", SHOP])
    browser.open(shop)
    assert texts(browser, ".answer") == [capsys.readouterr().out.splitlines()[0]]


def test_a_namespace_folds_and_unfolds_by_keyboard(browser: Chromium, shop: str) -> None:
    browser.open(shop)
    browser.run("document.querySelector('[data-key=\"place shop\"]').focus()")
    before = len(texts(browser, ".chip"))
    browser.press("Enter")
    assert browser.run("document.activeElement.getAttribute('aria-expanded')") == "false"
    assert len(texts(browser, ".chip")) == before - 12
    browser.press("Enter")
    assert len(texts(browser, ".chip")) == before


def test_search_finds_by_part_of_a_name_and_brings_into_focus(browser: Chromium, shop: str) -> None:
    browser.open(shop)
    browser.press("/", text="/")
    browser.type("check")
    assert texts(browser, "#found .name") == ["shop/checkout"]
    browser.press("Enter")
    assert texts(browser, ".center .name") == ["shop/checkout"]
    assert "focus=shop%2FDeployment%2Fcheckout" in browser.run("location.hash")


def test_the_focus_shows_both_directions_and_more_with_more_depth(browser: Chromium, shop: str) -> None:
    browser.open(f"{shop}#view=focus&focus=shop/Deployment/checkout")
    names = texts(browser, ".row-name")
    assert [name.split("\n")[0] for name in names] == [
        *("frontend", "coredns", "cart", "email", "payment", "product-catalog", "shipping")
    ]
    click(browser, '[data-key="depth 2"]')
    assert [text.split(" ")[0] for text in texts(browser, ".column h2")] == ["2", "Reached", "Reaches", "2"]
    assert any(name.startswith("redis") for name in texts(browser, ".row-name"))
    browser.press("Escape")
    browser.press("Escape")
    assert texts(browser, ".center") == []


def test_a_connection_names_the_rule_of_each_side_with_file_and_line(browser: Chromium, shop: str) -> None:
    browser.open(f"{shop}#view=focus&focus=shop/Deployment/checkout")
    click(browser, '[data-key="true 0 shop/Deployment/cart"]')
    assert [" ".join(text.split()) for text in texts(browser, "aside .side")] == [
        f"Leaving shop/checkout allowed by shop/checkout, rule 1 {SHOP}/policies/checkout.yaml:22",
        f"Entering shop/cart allowed by shop/cart, rule 1 {SHOP}/policies/cart.yaml:13",
    ]


def test_what_is_exposed_has_a_view_of_its_own(browser: Chromium, shop: str) -> None:
    browser.open(f"{shop}#view=exposed")
    rows = [" ".join(text.split()) for text in texts(browser, ".crossing")]
    assert rows[0].startswith("all from anywhere kube-system coredns monitoring prometheus toolbox")
    assert "TCP 8080 from anywhere shop frontend" in rows
    assert "TCP 443 to 203.0.113.0/24 shop payment" in rows


def test_the_matrix_is_read_and_opened_by_keyboard(browser: Chromium, shop: str) -> None:
    browser.open(f"{shop}#view=matrix")
    browser.run("document.querySelector('.matrix').focus()")
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight"):
        browser.press(key)
    assert texts(browser, ".matrix-said") == ["shop → kube-system: 10 of 12 pairs connect on TCP 53; UDP 53 or all"]
    browser.press("Enter")
    assert texts(browser, ".matrix-said")[0].startswith("ad → coredns")
    browser.press("Escape")
    assert texts(browser, ".matrix-said") == ["shop → kube-system: 10 of 12 pairs connect on TCP 53; UDP 53 or all"]


def test_dark_colours_follow_the_system_and_a_key_turns_them(browser: Chromium, shop: str) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    browser.open(shop)
    light = browser.run(paper)
    browser.open(shop, dark=True)
    dark = browser.run(paper)
    assert light != dark
    browser.press("t", text="t")
    assert browser.run(paper) == light


@pytest.mark.parametrize("view", ["map", "focus", "exposed", "matrix", "table"])
def test_nothing_is_wider_than_a_small_screen(browser: Chromium, shop: str, view: str) -> None:
    browser.open(f"{shop}#view={view}&focus=shop/Deployment/checkout&depth=2", 390, 844)
    assert browser.run("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("view", ["map", "focus", "exposed", "matrix", "table"])
def test_everything_that_can_be_operated_has_a_name(browser: Chromium, shop: str, view: str) -> None:
    browser.open(f"{shop}#view={view}&focus=shop/Deployment/cart")
    nodes: list[dict[str, Any]] = browser("Accessibility.getFullAXTree")["nodes"]
    operable = {"button", "combobox", "searchbox", "link", "application", "textbox", "table", "region", "image"}
    found = [node for node in nodes if node.get("role", {}).get("value") in operable and not node.get("ignored")]
    assert len(found) > 5
    assert [node for node in found if not node.get("name", {}).get("value", "").strip()] == []


def test_the_keyboard_reaches_search_views_and_picture_in_this_order(browser: Chromium, shop: str) -> None:
    browser.open(shop)
    keys = []
    for _ in range(10):
        browser.press("Tab")
        keys.append(browser.run("document.activeElement.id || document.activeElement.dataset.key || ''"))
    assert keys[1:] == [
        *("search", "view map", "view focus", "view exposed", "view matrix", "view table", "theme", "fold-all"),
        "place Outside the cluster",
    ]


def test_names_out_of_manifests_stay_text(browser: Chromium, tmp_path: Path) -> None:
    manifests, page = tmp_path / "bad.json", tmp_path / "bad.html"
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": HOSTILE,
            "namespace": f"<!--{HOSTILE}",
            "labels": {"a": "\u2028]]><script>", HOSTILE: "&lt;"},
        },
        "spec": {"containers": []},
    }
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "${alert(1)}`'\"", "namespace": f"<!--{HOSTILE}"},
        "spec": {"podSelector": {}, "ingress": [{}]},
    }
    manifests.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [pod, policy]}), encoding="utf-8")
    assert main(["map", "-q", str(manifests), "-o", f"html={page}"]) == 0
    for view in ("map", "exposed", "table"):
        browser.open(f"{page.as_uri()}#view={view}")
        assert browser.errors == []
        assert browser.run("document.querySelectorAll('img').length") == 0
        assert any(HOSTILE in text for text in texts(browser, ".name"))
    assert browser.run("document.title") == "Who reaches whom · Podfence"


def test_the_page_prints_without_its_controls(browser: Chromium, shop: str) -> None:
    browser.open(f"{shop}#view=table")
    browser("Emulation.setEmulatedMedia", media="print")
    assert browser.run("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert browser.run("getComputedStyle(document.querySelector('table')).display") == "table"
    browser("Emulation.setEmulatedMedia", media="")
