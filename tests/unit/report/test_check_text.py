"""Findings as text."""

from __future__ import annotations

from podfence.lint.run import check
from podfence.manifests.inputs import read_data
from podfence.manifests.validation.admission import Server
from podfence.report.check_text import check_text
from podfence.report.term import Terminal

HEAD = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: shop}\nspec:\n"


def text(manifest: str, *, width: int = 100, quiet: bool = False) -> list[str]:
    findings = check(read_data(manifest.encode(), "a.yaml"), Server())
    return list(check_text(findings, Terminal(width=width), lambda _: manifest.split("\n"), quiet=quiet))


def test_the_first_line_is_the_verdict() -> None:
    assert text(HEAD + "  podSelector: {}\n") == ["OK  1 file, 1 policy: nothing to refuse, nothing to warn about."]
    assert text(HEAD + "  policyTypes: [x]\n")[0] == "REFUSED  1 file, 1 policy: 1 error."
    assert text(HEAD + "  podSelector: {}\n---\n" + HEAD)[0] == "ACCEPTED  1 file, 2 policies: 1 warning."


def test_a_finding_shows_its_lines_and_marks_the_value() -> None:
    lines = text(HEAD + "  ingress:\n  - ports:\n    - {port: 80, endPort: 70}  # range\n")
    assert lines[2:8] == [
        "a.yaml:7:18  error  PF033 end-port  NetworkPolicy shop/web",
        "  spec.ingress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`",
        "  5 |   ingress:",
        "  6 |   - ports:",
        "  7 |     - {port: 80, endPort: 70}  # range",
        "    |                           ^^",
    ]
    assert lines[-1] == "Explain a rule: podfence rule PF033"


def test_an_unknown_field_is_marked_at_its_name() -> None:
    lines = text(HEAD + "  podselector: {}\n", quiet=True)
    assert lines[-3:] == ["  5 |   podselector: {}", "    |   ^^^^^^^^^^^", '  did you mean "podSelector"?']


def test_long_and_strange_lines_are_shown_within_the_width() -> None:
    manifest = HEAD + "  podSelector: {matchLabels: {a: '\x1b[31m" + "x" * 300 + "'}}\n"
    lines = text(manifest.replace("\x1b", "\t"), width=60)
    assert max(map(len, lines[1:])) <= 60 or "matchLabels" in lines[3]
    assert not any("\x1b" in line for line in lines)
