"""Findings as JSON: ``kind: Findings`` (design: formats)."""

from __future__ import annotations

import json
from typing import Any

from podfence.lint.finding import Finding, Findings
from podfence.report.check_words import whole_message
from podfence.report.positions import position_json, ref_json


def findings_json(findings: Findings) -> str:
    """Write findings as one JSON document, byte for byte the same for the same input."""
    document: dict[str, Any] = {
        "apiVersion": "podfence/v1",
        "kind": "Findings",
        "findings": [_finding(finding) for finding in findings.findings],
        "summary": {severity.value: count for severity, count in findings.summary.items()},
    }
    if findings.suppressed:
        document["suppressed"] = [
            _finding(item.finding) | {"suppressedBy": item.by, "reason": item.reason} for item in findings.suppressed
        ]
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "name": finding.name,
        "severity": finding.severity.value,
        "message": whole_message(finding),
        "ref": None if finding.ref is None else ref_json(finding.ref, finding.object_position),
        "position": None if finding.position is None else position_json(finding.position),
        "path": finding.path,
        "fix": finding.fix,
        **({"profiles": list(finding.profiles)} if finding.profiles else {}),
    }
