"""Findings that somebody accepted: in a comment or an annotation, with a reason."""

from __future__ import annotations

import json

import pytest
import yaml

from podfence.lint.run import check
from podfence.lint.selection import selection
from podfence.manifests.inputs import read_data
from podfence.manifests.manual.rule import Severity
from podfence.manifests.served import ServedItem
from podfence.manifests.validation.admission import Server
from tests.unit.lint.inputs import FAULTY, POLICY, RULE, found, rules

PORT = "- port: htp"


def annotated(text: str) -> str:
    return FAULTY.replace("  name: web\n", f"  name: web\n  annotations: {{{text}}}\n")


@pytest.mark.parametrize(
    "comment",
    ["PF160 a reason", "PF160: a reason", "pf160 - a reason", "named-port-unknown a reason", "PF160,PF101 a reason"],
)
def test_a_comment_behind_the_line_suppresses_with_its_reason(comment: str) -> None:
    findings = found(FAULTY.replace(PORT, f"{PORT}  # podfence:ignore {comment}"), selection(["PF160"]))
    assert findings.findings == ()
    assert [(item.finding.rule, item.by, item.reason) for item in findings.suppressed] == [
        (RULE, "comment", "a reason")
    ]


def test_a_comment_above_the_line_or_above_the_document_suppresses() -> None:
    above_line = FAULTY.replace(f"    {PORT}", f"    # podfence:ignore PF160 why\n    {PORT}")
    above_all = FAULTY.replace("---\n", "---\n# podfence:ignore PF160 why\n")
    for text in (above_line, above_all):
        assert (rules(found(text)), len(found(text).suppressed)) == ([], 1)


def test_a_comment_about_another_document_or_line_suppresses_nothing_and_is_a_finding() -> None:
    elsewhere = "# podfence:ignore PF160 why\n" + FAULTY
    assert rules(found(elsewhere)) == ["PF292", RULE]
    assert found(elsewhere).findings[0].severity is Severity.INFO


def test_an_annotation_suppresses_in_its_object() -> None:
    findings = found(annotated("podfence.io/ignore.PF160: a reason"))
    assert rules(findings) == []
    (suppressed,) = findings.suppressed
    assert (suppressed.by, suppressed.reason, str(suppressed.position)) == ("annotation", "a reason", "f.yaml:16:17")


def test_an_annotation_suppresses_in_json_and_in_what_a_server_sends() -> None:
    documents = list(yaml.safe_load_all(annotated("podfence.io/ignore.PF160: a reason")))
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
    from_file = check(read_data(text.encode(), "f.json"), Server())
    items = [ServedItem(item["apiVersion"], item["kind"], json.dumps(item).encode()) for item in documents]
    for findings in (from_file, check(iter(items), Server())):
        assert (rules(findings), len(findings.suppressed)) == ([], 1)


@pytest.mark.parametrize(
    ("annotation", "rule"),
    [
        ('podfence.io/ignore.PF160: ""', "PF290"),
        ('podfence.io/ignore.PF160: "  "', "PF290"),
        ("podfence.io/ignore.PF999: why", "PF291"),
        ("podfence.io/ignore.named-port-unknwon: why", "PF291"),
    ],
)
def test_without_a_reason_or_a_rule_nothing_is_suppressed_and_that_is_said(annotation: str, rule: str) -> None:
    findings = found(annotated(annotation))
    assert (sorted(rules(findings)), findings.suppressed) == ([RULE, rule], ())
    assert all(item.path for item in findings.findings)


@pytest.mark.parametrize(("comment", "rule"), [("PF160", "PF290"), ("", "PF291"), ("portname oops", "PF291")])
def test_the_same_holds_for_comments(comment: str, rule: str) -> None:
    findings = found(FAULTY.replace(PORT, f"{PORT}  # podfence:ignore {comment}"))
    assert sorted(rules(findings)) == [RULE, rule]


def test_nothing_is_said_of_a_suppression_whose_rule_does_not_run() -> None:
    text = POLICY.replace("spec:", "spec: # podfence:ignore PF190 why")
    assert rules(found(text)) == ["PF292"]
    assert rules(found(text, selection(["PF2", "PF3"], ["PF190"]))) == []
    by_profile = POLICY.replace("spec:", "spec: # podfence:ignore PF104 why")
    assert rules(found(by_profile)) == []


def test_what_is_suppressed_is_refused_by_the_server_all_the_same() -> None:
    findings = found(FAULTY.replace(PORT, "- port: 0  # podfence:ignore PF031 the server will say so"))
    assert (rules(findings), findings.refused_anything) == ([], True)
