"""Every language of ``explain`` says the same things about the same fields."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

from podfence.report.languages import ENGLISH, LANGUAGES, Phrases

SOURCES = Path(__file__).resolve().parents[3] / "src" / "podfence" / "report"


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("phrases", LANGUAGES.values(), ids=LANGUAGES)
def test_every_language_has_the_same_phrases_with_the_same_fields(phrases: Phrases) -> None:
    assert {key: fields(text) for key, text in phrases.items()} == {key: fields(text) for key, text in ENGLISH.items()}


def test_no_phrase_is_left_unused() -> None:
    text = "".join((SOURCES / f"explain_{name}.py").read_text("utf-8") for name in ("words", "text", "md"))
    used = set(re.findall(r"[\"'](\w+)[\"']", text))
    made = {f"{action}_{way}" for action in ("accept", "deny", "pass", "pass_last") for way in ("ingress", "egress")}
    made |= {"silent_ingress", "silent_egress", "some_pods_of", "some_pods_in", "some_pods", "ingress", "egress"}
    assert set(ENGLISH) - used - made == set()
