"""Findings for people: the verdict in the first line, then each finding with the lines it is about."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence

from podfence.lint.finding import LAST_OF_THE_SERVER, Finding, Findings, Suppressed
from podfence.manifests.manual.rule import Severity
from podfence.report.check_verdict import verdict
from podfence.report.term import Terminal

Lines = Callable[[str], Sequence[str]]
"""Gives the lines of a file for an excerpt; none when the file cannot be shown."""

_BEFORE = 2
_ROLES = {"REFUSED": "error", "BROKEN": "error", "ACCEPTED": "warning", "OK": "allowed"}
_KEY = re.compile(r"""(?:"[^"]*"|'[^']*'|[^\s:#"'{}\[\],]+)\s*:(?:\s+|$)""")
# A text in quotes, a collection up to the end of the line, or a plain value up to what ends it.
_VALUE = re.compile(r"""\"[^"]*"|'[^']*'|[\[{].*\S|[^\s,\]}#](?:[^,\]}]*?)(?=\s+\#|\s*[,\]}]|\s*$)""")
_SPEAKS_OF_THE_KEY = frozenset({"unknown-field", "duplicate-field", "missing-separator"})


def check_text(
    findings: Findings, terminal: Terminal, lines: Lines, *, quiet: bool = False, verbose: bool = False
) -> Iterator[str]:
    """Write findings as lines of text; ``verbose`` names what was suppressed or left out, ``quiet`` gives no advice."""
    return map(terminal.line, _lines(findings, terminal, lines, quiet=quiet, verbose=verbose))


def _lines(findings: Findings, terminal: Terminal, lines: Lines, *, quiet: bool, verbose: bool) -> Iterator[str]:
    yield _verdict(findings, terminal)
    for finding in findings.findings:
        yield ""
        yield from _finding(finding, terminal, lines)
    if findings.findings and not quiet:
        yield ""
        yield terminal.paint(" · ".join(_advice(findings)), "context")
    if findings.gone:
        yield ""
        yield f"{findings.gone:,} of the baseline {_are(findings.gone)} gone: --write-baseline takes note of that."
    if findings.suppressed and verbose:
        yield ""
        yield from (line for item in findings.suppressed for line in _wrapped(_suppressed(item), terminal))
    if findings.skipped and verbose:
        yield ""
        yield from (f"not read: {skipped}" for skipped in findings.skipped)


def _verdict(findings: Findings, terminal: Terminal) -> str:
    word, rest = verdict(findings)
    return f"{terminal.paint(word, _ROLES[word])}  {rest}"


def _advice(findings: Findings) -> Iterator[str]:
    yield f"Explain a rule: podfence rule {_most_telling(findings.findings).rule}"
    if any(finding.changes and finding.position is not None for finding in findings.findings):
        yield "mend what can be mended: podfence check --fix"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _suppressed(item: Suppressed) -> str:
    """Say in a line what was suppressed, by what, and why."""
    finding = item.finding
    about = f"{finding.ref.kind} {finding.ref}" if finding.ref is not None else ""
    where = " ".join(str(part) for part in (finding.position, about) if part)
    by = f"{item.by} {item.position}" if item.position is not None else item.by
    return f"suppressed: {where}: {finding.rule} {finding.name}, by {by}: {item.reason}"


def _most_telling(findings: Sequence[Finding]) -> Finding:
    order = (Severity.ERROR, Severity.WARNING, Severity.INFO)
    return min(findings, key=lambda finding: (order.index(finding.severity), finding.name == "rules-unchecked"))


def _finding(finding: Finding, terminal: Terminal, lines: Lines) -> Iterator[str]:
    severity = terminal.paint(finding.severity.value, finding.severity.value)
    rule = f"{finding.rule} {terminal.paint(finding.name, 'name')}"
    about = f"  {finding.ref.kind} {finding.ref}" if finding.ref is not None else ""
    where = f"{terminal.paint(str(finding.position), 'name')}  " if finding.position is not None else ""
    yield f"{where}{severity}  {rule}{terminal.paint(about, 'context')}"
    message = f"{finding.path}: {finding.message}" if _needs_path(finding) else finding.message
    yield from _wrapped(message, terminal)
    if finding.felt:
        yield from _wrapped(f"You will see: {finding.felt}", terminal)
    if finding.profiles:
        yield from _wrapped(f"In clusters like: {', '.join(finding.profiles)}", terminal)
    yield from _excerpt(finding, terminal, lines)
    if finding.hint:
        yield from _wrapped(finding.hint, terminal)
    yield from _fix(finding, terminal)


def _fix(finding: Finding, terminal: Terminal) -> Iterator[str]:
    """Show a proved fix: what it does, and the lines that differ."""
    if not finding.patch:
        return
    yield from _wrapped(f"Fix (proved: {finding.effect}):", terminal)
    for line in finding.patch:
        role = "allowed" if line.startswith("+") else "denied" if line.startswith("-") else "context"
        yield f"      {terminal.paint(_printable(line, 0, max(terminal.width, 40) - 6), role)}"


def _needs_path(finding: Finding) -> bool:
    quoted = f'"{finding.path}"' in finding.message
    if finding.rule > LAST_OF_THE_SERVER:
        return False
    return bool(finding.path) and finding.ref is not None and finding.path != "<nil>" and not quoted


def _wrapped(text: str, terminal: Terminal) -> list[str]:
    return textwrap.wrap(
        text,
        width=max(terminal.width, 40),
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _excerpt(finding: Finding, terminal: Terminal, lines: Lines) -> Iterator[str]:
    if finding.position is None:
        return
    text = lines(finding.position.file)
    last = finding.position.line
    if not 0 < last <= len(text):
        return
    gutter = len(str(last))
    width = terminal.width - gutter - 5
    column = finding.position.column - 1
    start = _window(column, width)
    for number in range(max(1, last - _BEFORE), last + 1):
        margin = terminal.paint(f"  {number:>{gutter}} {terminal.bar} ", "context")
        yield (margin + _printable(text[number - 1], start, width)).rstrip()
    marks = _marks(finding, column, text[last - 1], start, width)
    if marks:
        margin = terminal.paint(f"  {'':>{gutter}} {terminal.bar} ", "context")
        yield margin + terminal.paint(marks, finding.severity.value)


def _printable(line: str, start: int, width: int) -> str:
    """Show the part of a line that begins at ``start``; a long line is cut before anything looks at all of it."""
    shown = "".join(character if character.isprintable() else " " for character in line[start : start + width + 1])
    if start and shown:
        shown = f"…{shown[1:]}"
    return shown if len(shown) <= width else f"{shown[: width - 1]}…"


def _window(column: int, width: int) -> int:
    """Tell where to begin to show lines so that a column is seen, with some of what stands before it."""
    return 0 if column < width * 3 // 4 else column - width // 3


def _marks(finding: Finding, column: int, line: str, window: int, width: int) -> str:
    """Underline the value of the field at fault, or its key where the rule is about the key."""
    line = line[window : window + width + 1]
    start = column - window
    key = _KEY.match(line, start)
    end = len(line.rstrip())
    if key is not None and finding.name in _SPEAKS_OF_THE_KEY:
        end = start + len(key.group().rstrip().removesuffix(":").rstrip())
    elif key is not None and (value := _VALUE.match(line, key.end())):
        start, end = value.span()
    if not 0 <= start < width - 1:
        return ""
    return " " * start + "^" * max(1, min(end, width - 1) - start)
