"""The page is one file that may fetch nothing, and holds what is shown and no more; browsers test what it does."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib.resources import files
from typing import Any

import pytest
from msgspec import structs

from podfence.engine.excerpt import Excerpt, around
from podfence.report.html_page import MODULES, joined_script
from podfence.report.map_html import map_html
from podfence.report.overview import Asked
from podfence.report.picture_json import runs
from tests.unit.report.maps import deployment, excerpt, shop

DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


def page(shown: Excerpt | None = None, asked: Asked | None = None) -> str:
    return "".join(map_html(shown or excerpt(), asked))


def data(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DATA.findall(text)[0])
    return found


def test_the_policy_allows_only_the_script_and_the_style_of_the_page() -> None:
    text = page()
    policy = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)[0]
    for tag, name in (('<script type="module">', "script-src"), ("<style>", "style-src")):
        inside = text.split(tag)[1].split(f"</{tag[1:].split()[0].rstrip('>')}>")[0]
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_nothing_in_the_page_names_an_address_to_fetch() -> None:
    without_names = page().replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r'https?://|src="(?!data)|@import|url\((?!#)', without_names.replace("img-src", "")) == []


def test_no_name_can_end_the_data() -> None:
    bad = "</script><!--<script>\u2028&amp;"
    text = page(excerpt(structs.replace(shop(), pods=(deployment("shop", bad),))))
    inside = DATA.findall(text)[0]
    assert not set(inside) & set("<>&\u2028\u2029")
    assert bad in [endpoint["name"] for endpoint in json.loads(inside)["picture"]["endpoints"]]


def test_the_same_map_gives_the_same_bytes() -> None:
    assert page() == page()


def test_a_narrowed_page_holds_only_what_is_shown_and_opens_with_what_was_asked_for() -> None:
    whole = excerpt()
    vault = [endpoint.id for endpoint in whole.connectivity.endpoints].index("shop/Deployment/vault")
    narrow = Excerpt(whole.connectivity, [around(whole.connectivity, [vault])])
    found = data(page(narrow, Asked(focus=("shop/vault",), focused=frozenset({vault}), depth=2)))
    assert "cart" not in json.dumps(found)
    assert (found["focus"], found["depth"]) == ("shop/Deployment/vault", 2)
    assert found["summary"].startswith("shop/vault reaches 2 of 3 other workloads and is reached from 0;")


@pytest.mark.parametrize(("numbers", "written"), [([], []), ([0, 1, 2], [0, 3]), ([3, 5, 6], [3, 1, 1, 2])])
def test_numbers_are_written_as_runs(numbers: list[int], written: list[int]) -> None:
    assert runs(numbers) == written


def test_each_module_finds_what_it_imports_before_it() -> None:
    for position, name in enumerate(MODULES):
        exported = set(re.findall(r"^const \{ (.*?) \} = ", joined_script(MODULES[:position]), re.MULTILINE))
        known = {item for names in exported for item in names.split(", ")}
        imported = re.findall(r"^import \{([^}]*)\}", _source(name), re.MULTILINE)
        assert {item.strip() for names in imported for item in names.split(",") if item.strip()} <= known, name


def _source(name: str) -> str:
    return files("podfence.report.html").joinpath(f"{name}.js").read_text("utf-8")
