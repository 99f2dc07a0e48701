"""Finding rules by id and name."""

from __future__ import annotations

from podfence.lint.registry import RULES, find_rule, similar_rules


def test_a_rule_is_found_by_id_and_by_name() -> None:
    assert find_rule("pf214") is find_rule("object-twice") is not None
    assert find_rule("PF999") is None


def test_rules_are_listed_by_id() -> None:
    assert [rule.id for rule in RULES] == sorted(rule.id for rule in RULES)


def test_similar_rules_are_named_once() -> None:
    assert similar_rules("cidr-hostbits")[0] == "PF090 cidr-host-bits"
    assert similar_rules("zzzzzz") == []
