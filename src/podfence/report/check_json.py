"""Findings as JSON: ``kind: Findings`` (design: formats)."""

from __future__ import annotations

import json
from typing import Any

from podfence.lint.finding import LAST_OF_THE_SERVER, Finding, Findings
from podfence.report.positions import position_json, ref_json


def findings_json(findings: Findings) -> str:
    """Write findings as one JSON document, byte for byte the same for the same input."""
    document = {
        "apiVersion": "podfence/v1",
        "kind": "Findings",
        "findings": [_finding(finding) for finding in findings.findings],
        "summary": {severity.value: count for severity, count in findings.summary.items()},
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _finding(finding: Finding) -> dict[str, Any]:
    message = f"{finding.message}; {finding.hint}" if finding.hint else finding.message
    if finding.rule > LAST_OF_THE_SERVER:
        felt = f"You will see: {finding.felt}" if finding.felt else ""
        end = "" if finding.hint.endswith("?") else "."
        hint = f"{finding.hint[:1].upper()}{finding.hint[1:]}{end}" if finding.hint else ""
        message = " ".join(part for part in (finding.message, felt, hint) if part)
    return {
        "rule": finding.rule,
        "name": finding.name,
        "severity": finding.severity.value,
        "message": message,
        "ref": None if finding.ref is None else ref_json(finding.ref, finding.object_position),
        "position": None if finding.position is None else position_json(finding.position),
        "path": finding.path,
        "fix": finding.fix,
        **({"profiles": list(finding.profiles)} if finding.profiles else {}),
    }
