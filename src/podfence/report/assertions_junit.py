"""``test`` as JUnit XML: a suite for each file, a case for each test, a failure with what ``why`` says."""

from __future__ import annotations

from collections.abc import Sequence

from podfence.engine.assertions import Outcome
from podfence.report.assertions_text import assertions_text, flaw_text
from podfence.report.junit import Case, junit
from podfence.report.patch import Lines
from podfence.report.term import Terminal


def assertions_junit(outcomes: Sequence[Outcome], lines: Lines) -> str:
    """Write outcomes in the order of the tests."""
    return junit(_case(outcome, lines) for outcome in outcomes)


def _case(outcome: Outcome, lines: Lines) -> Case:
    assertion, position = outcome.assertion, outcome.assertion.position
    failure = "; ".join(flaw_text(flaw, expected=assertion.allowed) for flaw in outcome.flaws)
    told = "" if outcome.holds else "\n".join(list(assertions_text([outcome], lines, Terminal(), verbose=False))[2:])
    return Case(
        suite=position.file,
        name=assertion.name,
        file=position.file,
        line=position.line,
        failure=failure,
        error=outcome.error,
        details=told,
    )
