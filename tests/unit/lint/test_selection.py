"""Which rules speak, and how loud."""

from __future__ import annotations

import pytest

from podfence.lint.registry import RULES
from podfence.lint.selection import selection
from podfence.manifests.manual.rule import Severity
from podfence.model.error import PodfenceError
from tests.unit.lint.inputs import FAULTY, found, rules


@pytest.mark.parametrize(
    ("select", "ignore", "kept"),
    [
        ([], [], {"PF001", "PF160", "PF292"}),
        (["PF160"], [], {"PF001", "PF160"}),
        (["named-port-unknown"], [], {"PF001", "PF160"}),
        (["pf1"], [], {"PF001", "PF160"}),
        (["PF1,PF2"], ["PF16"], {"PF001", "PF292"}),
        ([], ["PF"], {"PF001"}),
    ],
)
def test_words_name_rules_by_id_name_or_beginning(select: list[str], ignore: list[str], kept: set[str]) -> None:
    assert {"PF001", "PF160", "PF292"} & selection(select, ignore).rules == kept


def test_all_rules_speak_by_default() -> None:
    assert selection().rules == {rule.id for rule in RULES}


@pytest.mark.parametrize(
    ("word", "hint"), [("PF999", "lists them all"), ("named-port-unknwon", "did you mean PF160"), ("P", "")]
)
def test_a_word_that_names_no_rule_is_refused(word: str, hint: str) -> None:
    with pytest.raises(PodfenceError, match=f"--select {word}: no such rule.*{hint}"):
        selection([word])


def test_the_longest_word_gives_the_severity() -> None:
    chosen = selection(severities={"PF160": "info", "PF1": "error", "PF": "warning"})
    assert (chosen.severities["PF160"], chosen.severities["PF161"]) == (Severity.INFO, Severity.ERROR)
    assert [finding.severity for finding in found(FAULTY, chosen).findings] == [Severity.INFO]


def test_a_text_that_cannot_be_read_is_said_whatever_was_selected() -> None:
    assert rules(found("a: [", selection(["PF160"], ["PF001"]))) == ["PF001"]
