"""Where the findings of ``check`` go: each format, and the policies of ``--show-defaults``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence

from podfence.cli.options import Output, write_outputs
from podfence.lint.finding import Findings
from podfence.manifests.manual.rule import Severity
from podfence.report.check_text import check_text
from podfence.report.term import Terminal, terminal_for

Lines = Callable[[str], Sequence[str]]


def write_findings(
    findings: Findings,
    lines: Lines,
    outputs: tuple[Output, ...],
    color: str,
    fail_on: Severity | None,
    *,
    show_defaults: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Write findings in every format that was asked for; ``fail_on`` is what JUnit calls a failure."""

    def text(to_standard_output: bool) -> str:  # noqa: FBT001 (see write_outputs)
        terminal = terminal_for(sys.stdout, color) if to_standard_output else Terminal()
        return _joined(check_text(findings, terminal, lines, quiet=quiet, verbose=verbose))

    texts = {"text": text, **_for_programs(findings, fail_on)}
    if not show_defaults:
        write_outputs(outputs, texts)
        return
    from podfence.manifests.judge import stored_yaml

    # Standard output is for the policies; what was asked for as a file is written all the same.
    write_outputs([output for output in outputs if output.file not in {None, "-"}], texts)
    sys.stdout.writelines(stored_yaml(findings.stored))
    if findings.findings and not quiet:
        terminal = terminal_for(sys.stderr, color)
        sys.stderr.write(_joined(check_text(findings, terminal, lines, verbose=verbose)))


def _for_programs(findings: Findings, fail_on: Severity | None) -> dict[str, Callable[[bool], str]]:
    """Give the formats that are the same wherever they go."""

    def plain(_: bool) -> str:  # noqa: FBT001 (see write_outputs)
        from podfence.report.check_json import findings_json

        return findings_json(findings)

    def sarif(_: bool) -> str:  # noqa: FBT001 (likewise)
        from podfence.lint.registry import RULES
        from podfence.report.check_annotations import check_sarif

        return check_sarif(findings, RULES)

    def github(_: bool) -> str:  # noqa: FBT001 (likewise)
        from podfence.report.check_annotations import check_github

        return "".join(check_github(findings))

    def junit(_: bool) -> str:  # noqa: FBT001 (likewise)
        from podfence.report.check_junit import check_junit

        return check_junit(findings, fail_on)

    def markdown(_: bool) -> str:  # noqa: FBT001 (likewise)
        from podfence.report.check_md import check_md

        return "".join(check_md(findings))

    return {"json": plain, "sarif": sarif, "github": github, "junit": junit, "md": markdown}


def _joined(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
