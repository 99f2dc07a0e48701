"""The first line of ``check``, which answers: one word, and what was looked at and found."""

from __future__ import annotations

from podfence.lint.finding import LAST_OF_THE_SERVER, Findings
from podfence.manifests.manual.rule import Severity


def verdict(findings: Findings) -> tuple[str, str]:
    """Give the word (REFUSED, BROKEN, ACCEPTED or OK) and the sentence behind it."""
    policies = count(findings.policies, "policy", "policies")
    looked_at = f"{count(findings.files, 'file')}, {policies}" if findings.files else policies
    counts = findings.summary
    told = [count(number, severity.value) for severity, number in counts.items() if number]
    hidden = f"{len(findings.suppressed):,} suppressed" if findings.suppressed else ""
    total = ", ".join(part for part in (*told, hidden) if part)
    errors = [finding.rule for finding in findings.findings if finding.severity is Severity.ERROR]
    if errors:
        word = "REFUSED" if min(errors) <= LAST_OF_THE_SERVER else "BROKEN"
        return word, f"{looked_at}: {total}."
    if counts[Severity.WARNING]:
        return "ACCEPTED", f"{looked_at}: {total}."
    if told:
        return "OK", f"{looked_at}: nothing to warn about, {total}."
    rest = f", {hidden}" if hidden else ""
    return "OK", f"{looked_at}: nothing to refuse, nothing to warn about{rest}."


def count(number: int, one: str, many: str = "") -> str:
    """Write a number of things."""
    if one == "info":
        return f"{number} info"
    return f"{number} {one if number == 1 else many or one + 's'}"
