"""Findings for programs: SARIF by its schema, JUnit, annotations, Markdown, also where nothing stands in a file."""

from __future__ import annotations

import gzip
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from podfence.lint.finding import Findings
from podfence.lint.registry import RULES
from podfence.lint.run import check
from podfence.manifests.manual.rule import Severity
from podfence.manifests.served import ServedItem
from podfence.manifests.validation.admission import Server
from podfence.report.check_annotations import check_github, check_sarif
from podfence.report.check_json import findings_json
from podfence.report.check_junit import check_junit
from podfence.report.check_md import check_md
from podfence.report.check_text import check_text
from podfence.report.term import Terminal
from tests.unit.lint.inputs import FAULTY, found

SCHEMA = Path(__file__).parents[2] / "schemas" / "sarif-2.1.0-rtm.5.json.gz"
SUPPRESSED = FAULTY.replace("- port: htp", "- port: htp  # podfence:ignore PF160 known: |, <b> & `x`")


def live(text: str = FAULTY) -> Findings:
    """Check what a server sent, so that nothing has a position."""
    documents = yaml.safe_load_all(text)
    return check(
        (ServedItem(item["apiVersion"], item["kind"], json.dumps(item).encode()) for item in documents), Server()
    )


INPUTS = {
    "files": found(FAULTY),
    "suppressed": found(SUPPRESSED),
    "live": live(),
    "unreadable": found("a: [\n"),
    "nothing": found(FAULTY.replace("htp", "http")),
}


@pytest.fixture(scope="module")
def validator() -> jsonschema.protocols.Validator:
    return jsonschema.Draft4Validator(json.loads(gzip.decompress(SCHEMA.read_bytes())))


@pytest.mark.parametrize("name", INPUTS)
def test_sarif_is_valid_by_its_schema(name: str, validator: jsonschema.protocols.Validator) -> None:
    document = json.loads(check_sarif(INPUTS[name], RULES))
    assert [error.message for error in validator.iter_errors(document)] == []


def results(findings: Findings) -> list[dict[str, Any]]:
    found_results: list[dict[str, Any]] = json.loads(check_sarif(findings, RULES))["runs"][0]["results"]
    return found_results


def test_a_result_has_its_place_its_object_and_a_fingerprint() -> None:
    (result,) = results(INPUTS["files"])
    (place,) = result["locations"]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "f.yaml"
    assert place["physicalLocation"]["region"] == {"startLine": 23, "startColumn": 7}
    assert place["logicalLocations"][0]["fullyQualifiedName"] == "NetworkPolicy shop/web"
    assert result["partialFingerprints"] == {"podfence/v1": INPUTS["files"].findings[0].fingerprint}
    assert (result["ruleId"], result["level"]) == ("PF160", "error")
    assert "Fix (proved: opens " in result["message"]["text"]


def test_what_a_server_sent_has_an_object_and_no_place() -> None:
    (result,) = results(INPUTS["live"])
    assert result["locations"] == [
        {"logicalLocations": [{"fullyQualifiedName": "NetworkPolicy shop/web", "kind": "resource"}]}
    ]


def test_a_suppressed_result_says_why() -> None:
    (result,) = results(INPUTS["suppressed"])
    assert result["suppressions"] == [{"kind": "inSource", "justification": "known: |, <b> & `x`"}]
    document = json.loads(findings_json(INPUTS["suppressed"]))
    assert document["findings"] == []
    assert [(item["rule"], item["suppressedBy"]) for item in document["suppressed"]] == [("PF160", "comment")]


def test_junit_fails_what_fails_the_check() -> None:
    for fail_on, failures in ((Severity.INFO, 1), (Severity.ERROR, 1), (None, 0)):
        (suite,) = ET.fromstring(check_junit(INPUTS["files"], fail_on))  # noqa: S314 (our own)
        assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("f.yaml", "1", str(failures))
    (suite,) = ET.fromstring(check_junit(INPUTS["live"], Severity.ERROR))  # noqa: S314 (likewise)
    assert (suite.get("name"), suite[0].get("file")) == ("cluster", None)
    (suite,) = ET.fromstring(check_junit(INPUTS["nothing"], Severity.ERROR))  # noqa: S314 (likewise)
    assert (suite.get("tests"), suite.get("failures")) == ("1", "0")


def test_an_annotation_is_one_line_at_its_place() -> None:
    (line,) = check_github(INPUTS["files"])
    assert line.startswith(
        "::error file=f.yaml,line=23,col=7,title=PF160 named-port-unknown%3A NetworkPolicy shop/web::"
    )
    assert line.count("\n") == 1
    (line,) = check_github(INPUTS["live"])
    assert line.startswith("::error title=PF160")


def test_markdown_is_a_table_with_the_fixes_folded() -> None:
    text = "".join(check_md(INPUTS["files"]))
    assert text.startswith("**BROKEN** 1 file, 1 policy: 1 error.\n")
    assert "| error | PF160 named-port-unknown | `f.yaml:23:7` NetworkPolicy shop/web |" in text
    assert "<details><summary>Fix of PF160" in text
    assert "+     - port: http\n" in text
    assert "".join(check_md(INPUTS["live"])).startswith("**BROKEN** 1 policy: 1 error.\n")
    assert "".join(check_md(INPUTS["nothing"])).count("\n") == 1


def test_text_counts_what_is_suppressed_and_lists_it_when_asked() -> None:
    (line,) = check_text(INPUTS["suppressed"], Terminal(), lambda _: ())
    assert line == "OK  1 file, 1 policy: nothing to refuse, nothing to warn about, 1 suppressed."
    text = "\n".join(check_text(INPUTS["suppressed"], Terminal(width=200), lambda _: (), verbose=True))
    assert "f.yaml:23:7 NetworkPolicy shop/web: PF160 named-port-unknown, by comment f.yaml:23:18: known" in text
