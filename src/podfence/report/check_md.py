"""Findings as Markdown, for a comment on a pull request or the summary of a job."""

from __future__ import annotations

from collections.abc import Iterator

from podfence.lint.finding import Finding, Findings
from podfence.model.text import one_line
from podfence.report.check_verdict import verdict
from podfence.report.check_words import subject, whole_message

_MOST_ROWS = 200
_MOST_FIXES = 20
"""Hosts of code refuse a comment much longer than this."""


def check_md(findings: Findings) -> Iterator[str]:
    """Write findings in chunks: the verdict, a table of what was found, and the fixes, folded."""
    word, rest = verdict(findings)
    yield f"**{word}** {one_line(rest)}\n"
    found = findings.findings
    if found:
        yield "\n| | rule | where | what |\n| --- | --- | --- | --- |\n"
    for finding in found[:_MOST_ROWS]:
        yield _row(finding)
    if len(found) > _MOST_ROWS:
        yield f"\nand {len(found) - _MOST_ROWS:,} more: `podfence check -o text` lists them all.\n"
    fixes = [finding for finding in found if finding.patch]
    for finding in fixes[:_MOST_FIXES]:
        yield from _fix(finding)


def _row(finding: Finding) -> str:
    where = f"`{one_line(str(finding.position))}`" if finding.position is not None else ""
    about = f"{where} {_cell(subject(finding))}".strip()
    rule = f"{finding.rule} {finding.name}"
    return f"| {finding.severity.value} | {rule} | {about} | {_cell(whole_message(finding))} |\n"


def _fix(finding: Finding) -> Iterator[str]:
    title = f"Fix of {finding.rule} in {_cell(subject(finding))} (proved: {_cell(finding.effect)})"
    fence = "```"
    while any(fence in line for line in finding.patch):
        fence += "`"
    lines = "\n".join(finding.patch)
    yield f"\n<details><summary>{title}</summary>\n\n{fence}diff\n{lines}\n{fence}\n\n</details>\n"


def _cell(text: str) -> str:
    """Keep a text in its cell, and its signs from being read as Markdown or HTML."""
    clean = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{sign}" if sign in "|*_`[]" else sign for sign in clean)
