"""The baseline: what it knows again, and what it says of what is gone."""

from __future__ import annotations

import json

import msgspec
import pytest

from podfence.lint.baseline import baseline_json, baseline_of, read_baseline, without_known
from podfence.lint.finding import Findings
from podfence.lint.selection import EVERY_RULE, selection
from podfence.manifests.manual.rule import Severity
from podfence.model.error import PodfenceError
from tests.unit.lint.inputs import DEPLOYMENT, FAULTY, POLICY, found, rules

OTHER_RULE = "  - from: [{podSelector: {}}]\n    ports: [{port: 8080}]\n"


def held_against(text: str, known: str) -> Findings:
    """Check a text against the baseline of another, as it comes back from its file."""
    written = baseline_json(baseline_of(found(known).findings))
    return without_known(found(text), read_baseline(written.encode(), "b.json"), "b.json", EVERY_RULE.rules)


@pytest.mark.parametrize(
    "text",
    [
        FAULTY,
        f"# a comment\n\n{FAULTY}",
        f"{POLICY}---\n{DEPLOYMENT}",
        FAULTY.replace("  ingress:\n", f"  ingress:\n{OTHER_RULE}"),
    ],
)
def test_a_known_finding_is_known_again_wherever_it_has_moved(text: str) -> None:
    findings = held_against(text, FAULTY)
    assert "PF160" not in rules(findings)
    assert (findings.suppressed[0].by, findings.gone) == ("baseline", 0)


def test_another_object_or_one_more_of_the_kind_is_new() -> None:
    assert "PF160" in rules(held_against(FAULTY.replace("  name: web\n", "  name: other\n"), FAULTY))
    again = "  - from: [{podSelector: {}}]\n    ports: [{port: htps}]\n"
    findings = held_against(FAULTY.replace("  ingress:\n", f"  ingress:\n{again}"), FAULTY)
    assert (rules(findings).count("PF160"), len(findings.suppressed)) == (1, 1)


def with_severities(findings: Findings, *severities: Severity) -> Findings:
    """Give the finding of a text in several severities."""
    (finding,) = [item for item in findings.findings if item.rule == "PF160"]
    return Findings(tuple(msgspec.structs.replace(finding, severity=severity) for severity in severities))


def test_a_known_finding_that_has_become_worse_is_new_and_a_milder_one_is_not() -> None:
    mild = with_severities(found(FAULTY), Severity.WARNING)
    bad = with_severities(found(FAULTY), Severity.ERROR)
    assert without_known(bad, baseline_of(mild.findings), "b.json", EVERY_RULE.rules).findings == bad.findings
    assert without_known(mild, baseline_of(bad.findings), "b.json", EVERY_RULE.rules).findings == ()


def test_each_of_several_findings_takes_the_entry_of_its_severity() -> None:
    both = with_severities(found(FAULTY), Severity.WARNING, Severity.ERROR)
    known = baseline_of(both.findings)
    assert without_known(both, known, "b.json", EVERY_RULE.rules).findings == ()
    worse = with_severities(found(FAULTY), Severity.ERROR, Severity.ERROR)
    findings = without_known(worse, known, "b.json", EVERY_RULE.rules)
    assert (len(findings.findings), findings.gone) == (1, 1)


def test_a_baseline_without_severities_knows_a_finding_whatever_its_severity() -> None:
    entries = json.loads(baseline_json(baseline_of(found(FAULTY).findings)))
    for entry in entries["findings"]:
        del entry["severity"]
    known = read_baseline(json.dumps(entries).encode(), "b.json")
    assert without_known(found(FAULTY), known, "b.json", EVERY_RULE.rules).findings == ()


def test_a_severity_that_the_settings_make_worse_is_not_news() -> None:
    worse = selection((), (), {"PF160": "error"}).of(with_severities(found(FAULTY), Severity.WARNING).findings)
    known = baseline_of(with_severities(found(FAULTY), Severity.WARNING).findings)
    assert [item.severity for item in worse] == [Severity.ERROR]
    assert without_known(Findings(tuple(worse)), known, "b.json", EVERY_RULE.rules).findings == ()
    assert baseline_of(worse) == known


def test_what_is_gone_is_counted_for_the_rules_that_run() -> None:
    mended = FAULTY.replace("htp", "http")
    assert held_against(mended, FAULTY).gone == 1
    known = baseline_of(found(FAULTY).findings)
    assert without_known(found(mended), known, "b.json", selection(["PF1"], ["PF160"]).rules).gone == 0


@pytest.mark.parametrize("text", ["", "{}x", "{}", '{"kind": "Other"}', '{"findings": [{"rule": "PF160"}]}', "[1]"])
def test_what_is_no_baseline_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(PodfenceError, match=r"^b\.json: no baseline: .*--write-baseline b\.json makes one$"):
        read_baseline(text.encode(), "b.json")
