"""Which rules speak, and how loud: ``--select``, ``--ignore`` and severities of one's own.

A word names rules by id (``PF190``), by name (``and-or-dash``), or by the beginning of their ids (``PF1``, ``PF``).
A text that cannot be read is always said: leaving it out would pass it off as checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from podfence.lint.finding import Finding
from podfence.lint.registry import RULES, find_rule, similar_rules
from podfence.manifests.manual.rule import Rule, Severity
from podfence.model.error import PodfenceError

ALWAYS: Final = frozenset({"PF001"})
"""What is said whatever was selected: that a text could not be read at all."""

_EVERY = frozenset(rule.id for rule in RULES)


class Selection(msgspec.Struct, frozen=True):
    """The ids of the rules that speak, and the severity of those that have another than their own."""

    rules: frozenset[str] = _EVERY
    severities: Mapping[str, Severity] = {}

    def has(self, rule: str) -> bool:
        """Tell whether a rule speaks."""
        return rule in self.rules

    def of(self, findings: Iterable[Finding]) -> list[Finding]:
        """Keep the findings of the rules that speak, with the severity that was asked for."""
        kept = [finding for finding in findings if finding.rule in self.rules]
        if not self.severities:
            return kept
        return [
            msgspec.structs.replace(
                finding, severity=self.severities.get(finding.rule, finding.severity), given=finding.own_severity
            )
            for finding in kept
        ]


EVERY_RULE: Final = Selection()


def rules_named(word: str, where: str) -> tuple[Rule, ...]:
    """List the rules that a word names; raises ``PodfenceError``, which says ``where`` the word stands."""
    rule = find_rule(word)
    if rule is not None:
        return (rule,)
    start = word.upper()
    found = tuple(rule for rule in RULES if start.startswith("PF") and rule.id.startswith(start))
    if found:
        return found
    raise PodfenceError(f"{where} {word}: no such rule; {advice(word)}")


def advice(word: str) -> str:
    """Say what may have been meant by a word that names no rule; one number is as likely as another."""
    similar = similar_rules(word) if not _is_number(word) else []
    return f"did you mean {similar[0]}?" if similar else "`podfence rule` lists them all"


def _is_number(word: str) -> bool:
    """Tell whether a word looks like an id, or the beginning of one."""
    return word.upper().startswith("PF") and word[2:].isdigit()


def selection(
    select: Iterable[str] = (), ignore: Iterable[str] = (), severities: Mapping[str, str] | None = None
) -> Selection:
    """Make a selection out of words; ``ignore`` takes away from ``select``, which means all when it is empty.

    Of several words that give a rule a severity the longest counts. Raises ``PodfenceError``.
    """
    chosen = _ids(select, "--select") or _EVERY
    left = chosen - _ids(ignore, "--ignore")
    given: dict[str, Severity] = {}
    for word, severity in sorted((severities or {}).items(), key=lambda item: len(item[0])):
        named = rules_named(word, "severity")
        given.update(dict.fromkeys((rule.id for rule in named), Severity(severity)))
    return Selection(left | ALWAYS, given)


def _ids(words: Iterable[str], where: str) -> frozenset[str]:
    parts = (part.strip() for word in words for part in word.split(","))
    return frozenset(rule.id for part in parts if part for rule in rules_named(part, where))
