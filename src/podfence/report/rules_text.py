"""The manual of the rules: one of them, all of them in a list, and the page for the documentation."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from podfence.manifests.manual.rule import Rule
from podfence.report.term import Terminal


def rule_text(rule: Rule, terminal: Terminal) -> Iterator[str]:
    """Write the manual of one rule for a person."""
    severity = terminal.paint(rule.severity.value, rule.severity.value)
    yield f"{rule.id}  {terminal.paint(rule.name, 'name')}  {severity}"
    yield ""
    yield from textwrap.wrap(rule.what, width=min(terminal.width, PROSE_WIDTH))
    yield ""
    yield from textwrap.wrap(rule.why, width=min(terminal.width, PROSE_WIDTH))
    for title, text in ((_example_title(rule), rule.example), ("Instead", rule.fix)):
        yield ""
        yield terminal.paint(title, "name")
        yield from (f"  {line}".rstrip() for line in text.splitlines())


PROSE_WIDTH = 100


def _example_title(rule: Rule) -> str:
    return f"Example (Kubernetes {rule.kubernetes_version})" if rule.kubernetes_version else "Example"


def rules_list(rules: Iterable[Rule], terminal: Terminal) -> Iterator[str]:
    """Write one line for each rule: id, severity, name, and what it finds as far as the width goes."""
    known = list(rules)
    longest = max(len(rule.name) for rule in known)
    for rule in known:
        head = f"{rule.id}  {rule.severity.value:<7}  {rule.name:<{longest}}"
        what = textwrap.shorten(rule.what, max(20, terminal.width - len(head) - 2), placeholder=" …")
        painted = terminal.paint(f"{rule.severity.value:<7}", rule.severity.value)
        yield f"{rule.id}  {painted}  {terminal.paint(f'{rule.name:<{longest}}', 'name')}  {what}"


def rules_page(rules: Iterable[Rule]) -> str:
    """Write the page ``docs/rules.md``."""
    known = list(rules)
    lines = [
        "# Rules",
        "",
        "What `podfence check` finds. PF001 to PF099 are what the API server refuses (error) or warns about",
        "(warning); the rules behind them are about what will hurt. `podfence rule ID` shows the same on the terminal.",
        "This page is made from the rules themselves.",
        "",
        "| rule | name | severity | finds |",
        "| --- | --- | --- | --- |",
    ]
    lines += (_row(rule) for rule in known)
    for rule in known:
        lines += ["", f"## {rule.id} {rule.name}", "", f"Severity: {rule.severity.value}.", "", rule.what, "", rule.why]
        lines += ["", f"{_example_title(rule)}:", "", "```yaml", *rule.example.rstrip("\n").split("\n"), "```"]
        lines += ["", "Instead:", "", "```yaml", *rule.fix.rstrip("\n").split("\n"), "```"]
    return "\n".join(lines) + "\n"


def _row(rule: Rule) -> str:
    return f"| [{rule.id}](#{_anchor(rule)}) | {rule.name} | {rule.severity.value} | {_cell(rule.what)} |"


def _anchor(rule: Rule) -> str:
    return f"{rule.id} {rule.name}".casefold().replace(" ", "-")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
