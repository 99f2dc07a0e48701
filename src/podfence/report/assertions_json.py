"""``test`` as JSON: ``kind: TestReport``, each failure with its verdict as ``why -o json`` writes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from podfence.engine.assertions import Flaw, Outcome
from podfence.report.assertions_text import flaw_text
from podfence.report.map_json import endpoint_json
from podfence.report.positions import position_json
from podfence.report.why_json import verdict_object


def assertions_json(outcomes: Sequence[Outcome]) -> str:
    """Write outcomes in the order of the tests."""
    results = [result_word(outcome) for outcome in outcomes]
    value = {
        "apiVersion": "podfence/v1",
        "kind": "TestReport",
        "tests": [_test(outcome) for outcome in outcomes],
        "summary": {word: results.count(word) for word in ("passed", "failed", "error")},
    }
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def result_word(outcome: Outcome) -> str:
    """Say passed, failed, or error when it could not be judged."""
    return "error" if outcome.error else "passed" if outcome.holds else "failed"


def _test(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.assertion.name,
        "position": position_json(outcome.assertion.position),
        "expect": "allow" if outcome.assertion.allowed else "deny",
        "result": result_word(outcome),
        "error": outcome.error or None,
        "tried": outcome.tried,
        "untried": list(outcome.untried),
        "failures": [_failure(flaw, expected=outcome.assertion.allowed) for flaw in outcome.flaws],
    }


def _failure(flaw: Flaw, *, expected: bool) -> dict[str, Any]:
    return {
        "message": flaw_text(flaw, expected=expected),
        "why": verdict_object(flaw.explanation, None) if flaw.explanation is not None else None,
        "others": [endpoint_json(endpoint) for endpoint in flaw.others],
        "packets": flaw.packets or None,
    }
