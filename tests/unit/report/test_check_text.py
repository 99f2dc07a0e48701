"""Findings as text."""

from __future__ import annotations

from podfence.lint.profiles import PROFILES
from podfence.lint.relations import Clusters
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


CART = """\
apiVersion: v1
kind: Pod
metadata: {name: cart, namespace: shop, labels: {app: cart}}
spec: {containers: [{name: cart, ports: [{name: grpc, containerPort: 7000}]}]}
---
"""
MISSPELT = CART + HEAD + "  podSelector: {}\n  ingress:\n  - ports:\n    - port: grcp\n"


def test_a_finding_by_relation_says_what_is_felt_and_shows_the_proved_fix() -> None:
    assert text(MISSPELT, quiet=True) == [
        "BROKEN  1 file, 1 policy: 1 error.",
        "",
        "a.yaml:13:7  error  PF160 named-port-unknown  NetworkPolicy shop/web",
        '  Ingress rule 1 allows port "grcp", but no container of Pod shop/cart declares that name: it allows',
        "    nothing.",
        "  You will see: connections to shop/cart on that port time out.",
        "  11 |   ingress:",
        "  12 |   - ports:",
        "  13 |     - port: grcp",
        "     |             ^^^^",
        "  declared: grpc (7000)",
        "  Fix (proved: opens anybody → shop/cart TCP 7000, nothing else):",
        "          ingress:",
        "          - ports:",
        "      -     - port: grcp",
        "      +     - port: grpc",
    ]


def test_the_clusters_that_a_finding_holds_in_are_named_unless_it_holds_in_all() -> None:
    manifest = (
        CART
        + HEAD
        + "  podSelector: {}\n  policyTypes: [Egress]\n  egress: [{ports: [{port: 53}]}, {to: [{podSelector: {}}]}]\n"
    )
    profiles = (PROFILES["openshift"], PROFILES["kind"])
    for chosen, shown in ((profiles, ["  In clusters like: openshift"]), (profiles[:1], [])):
        findings = check(read_data(manifest.encode(), "a.yaml"), Server(), clusters=Clusters(chosen))
        lines = list(check_text(findings, Terminal(), lambda _: ()))
        assert [line for line in lines if "PF104" in line and "dns-port" in line]
        assert [line for line in lines if line.startswith("  In clusters") and "openshift" in line] == shown
