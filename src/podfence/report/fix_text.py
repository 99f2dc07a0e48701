"""What ``check --fix`` did, or would do: each fix with its proof, the files as a difference, and what stays undone."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence

from podfence.lint.finding import Finding
from podfence.report.term import Terminal

NO_NEWLINE = "\\ No newline at end of file"


def fixes_text(
    fixed: Sequence[Finding], unfixed: Iterable[tuple[Finding, str]], files: int, terminal: Terminal, *, written: bool
) -> Iterator[str]:
    """Write what was fixed, with what each fix opens and closes, and what could not be, with the reason."""
    verb = "FIXED" if written else "WOULD FIX"
    if fixed:
        places = f"in {files} file{'' if files == 1 else 's'}"
        head = f"{terminal.paint(verb, 'allowed')}  {len(fixed)} finding{'' if len(fixed) == 1 else 's'} {places}."
        yield terminal.line(head)
    else:
        yield terminal.line(f"{terminal.paint(verb, 'context')}  nothing: no finding has a fix that can be written.")
    for finding in fixed:
        yield terminal.line(f"  {_named(finding)}")
        yield terminal.line(f"    proved: {finding.effect}")
    for finding, reason in unfixed:
        yield terminal.line(f"  not fixed: {_named(finding)}: {reason}")


def _named(finding: Finding) -> str:
    about = f"{finding.ref.kind} {finding.ref}" if finding.ref is not None else ""
    parts = (str(finding.position or ""), f"{finding.rule} {finding.name}", about)
    return "  ".join(part for part in parts if part)


def files_diff(changed: Iterable[tuple[str, bytes, bytes]]) -> Iterator[str]:
    """Write how files differ, in the form that ``git apply`` and ``patch`` take."""
    for file, before, after in changed:
        name = file.replace("\\\\", "/").removeprefix("./")
        old, new = ("a/" + name, "b/" + name) if not name.startswith("/") else (name, name)
        yield from _unified(before.decode("utf-8"), after.decode("utf-8"), old, new)


def _unified(before: str, after: str, old: str, new: str) -> Iterator[str]:
    for line in difflib.unified_diff(_lines(before), _lines(after), old, new):
        yield line if line.endswith("\n") else f"{line}\n{NO_NEWLINE}\n"


def _lines(text: str) -> list[str]:
    """Cut at line feeds alone, and keep them."""
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
