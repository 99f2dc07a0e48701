"""The manual as text and as a page."""

from __future__ import annotations

import os
from pathlib import Path

from podfence.lint.registry import RULES
from podfence.report.rules_text import rule_text, rules_list, rules_page
from podfence.report.term import Terminal
from tests.documents import RENEW

PAGE = Path(__file__).parents[3] / "docs" / "rules.md"


def test_the_page_of_the_documentation_is_made_from_the_rules() -> None:
    wanted = rules_page(RULES)
    if os.environ.get("PODFENCE_UPDATE"):
        PAGE.write_text(wanted, "utf-8")
    assert PAGE.read_text("utf-8") == wanted, RENEW


def test_every_rule_has_a_line_within_the_width() -> None:
    lines = list(rules_list(RULES, Terminal(width=80)))
    assert len(lines) == len(RULES)
    assert max(map(len, lines)) <= 80


def test_the_manual_of_a_rule_holds_its_example_and_its_fix() -> None:
    text = "\n".join(rule_text(RULES[0], Terminal()))
    assert all(line.strip() in text for line in (RULES[0].example + RULES[0].fix).splitlines())
