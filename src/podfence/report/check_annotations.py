"""Findings for code hosts: each at its line, as SARIF or as annotations of GitHub Actions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from podfence.lint.finding import Finding, Findings, Suppressed
from podfence.manifests.manual.rule import Rule
from podfence.report.check_words import fix_text, headline, subject, whole_message
from podfence.report.github import annotation
from podfence.report.sarif import Result, RuleText, sarif


def check_sarif(findings: Findings, rules: Sequence[Rule]) -> str:
    """Write findings as SARIF 2.1.0, those that were suppressed among them, marked as such."""
    results = [
        *(_result(finding) for finding in findings.findings),
        *(_result(item.finding, item) for item in findings.suppressed),
    ]
    return sarif([_rule(rule) for rule in rules], results)


def _rule(rule: Rule) -> RuleText:
    name = "".join(word.capitalize() for word in rule.name.split("-"))
    example = f"Example:\n\n{rule.example}\nInstead:\n\n{rule.fix}"
    return RuleText(rule.id, name, rule.what, rule.why, rule.severity.value, f"{rule.what}\n\n{rule.why}\n\n{example}")


def _result(finding: Finding, suppressed: Suppressed | None = None) -> Result:
    accepted = None
    if suppressed is not None:
        accepted = ("external" if suppressed.by == "baseline" else "inSource", suppressed.reason)
    message = "\n\n".join(part for part in (whole_message(finding), fix_text(finding)) if part)
    return Result(
        finding.rule,
        finding.severity.value,
        message,
        finding.position,
        finding.fingerprint,
        subject(finding),
        accepted,
    )


def check_github(findings: Findings) -> Iterator[str]:
    """Write findings as workflow commands; suppressed ones are left out."""
    for finding in findings.findings:
        message = "\n".join(part for part in (whole_message(finding), fix_text(finding)) if part)
        yield annotation(finding.severity.value, headline(finding), message, finding.position)
