"""Findings as JUnit XML: a suite for each file, a case for each finding."""

from __future__ import annotations

from podfence.lint.finding import SEVERITIES, Finding, Findings
from podfence.manifests.manual.rule import Severity
from podfence.report.check_words import fix_text, headline, whole_message
from podfence.report.junit import Case, junit

_ALL_FINE = Case("podfence check", "nothing to refuse, nothing to warn about")


def check_junit(findings: Findings, fail_on: Severity | None) -> str:
    """Write findings; those of severity ``fail_on`` or worse are failures, the others cases that passed.

    ``None`` lets none fail. Without any finding there is one case that passed, since an empty file reads as a fault.
    """
    failing = SEVERITIES[: SEVERITIES.index(fail_on) + 1] if fail_on is not None else ()
    cases = [_case(finding, fails=finding.severity in failing) for finding in findings.findings]
    return junit(cases or [_ALL_FINE])


def _case(finding: Finding, *, fails: bool) -> Case:
    position = finding.position
    message = whole_message(finding)
    return Case(
        suite=position.file if position is not None else "cluster",
        name=headline(finding),
        file=position.file if position is not None else "",
        line=position.line if position is not None else 0,
        failure=message if fails else "",
        details="\n".join(part for part in (message, fix_text(finding)) if part) if fails else "",
    )
