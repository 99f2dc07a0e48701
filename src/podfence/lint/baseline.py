"""A baseline: the findings that were there when somebody began to use ``check``, so that only new ones are told.

Findings are known again by their fingerprint, which lines that move leave alone. Several may share one: the file
counts them, and as many are suppressed as it has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from typing import Literal

import msgspec

from podfence.lint.finding import Finding, Findings, Suppressed
from podfence.model.error import PodfenceError


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Findings of one fingerprint; the rest is for people who read the file."""

    fingerprint: str
    rule: str
    name: str = ""
    about: str = ""
    path: str = ""
    count: int = 1


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"api_version": "apiVersion"}):
    """The file of a baseline."""

    api_version: Literal["podfence/v1"]
    kind: Literal["Baseline"]
    findings: tuple[Entry, ...]


def baseline_of(found: Sequence[Finding]) -> Baseline:
    """Make the baseline of some findings, ordered so that a file of it changes little."""
    counts = Counter(finding.fingerprint for finding in found)
    first = {finding.fingerprint: finding for finding in reversed(found)}
    entries = [_entry(first[fingerprint], count) for fingerprint, count in counts.items()]
    findings = tuple(sorted(entries, key=lambda item: (item.about, item.rule, item.path)))
    return Baseline("podfence/v1", "Baseline", findings)


def _entry(finding: Finding, count: int) -> Entry:
    file = finding.position.file if finding.position is not None else ""
    about = f"{finding.ref.kind} {finding.ref}" if finding.ref is not None else file
    return Entry(finding.fingerprint, finding.rule, finding.name, about, finding.path, count)


def baseline_json(baseline: Baseline) -> str:
    """Write the file of a baseline."""
    return msgspec.json.format(msgspec.json.encode(baseline), indent=2).decode() + "\n"


def read_baseline(data: bytes, file: str) -> Baseline:
    """Read the file of a baseline; raises ``PodfenceError``."""
    try:
        return msgspec.json.decode(data, type=Baseline)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PodfenceError(f"{file}: no baseline: {error}; --write-baseline {file} makes one") from None


def without_known(findings: Findings, baseline: Baseline, file: str, rules: Container[str]) -> Findings:
    """Suppress what the baseline has, and count what it has of these ``rules`` that is not there any more."""
    left = Counter({entry.fingerprint: entry.count for entry in baseline.findings if entry.rule in rules})
    kept: list[Finding] = []
    known: list[Suppressed] = []
    for finding in findings.findings:
        if left[finding.fingerprint] > 0:
            left[finding.fingerprint] -= 1
            known.append(Suppressed(finding, "baseline", f"known since {file} was written"))
        else:
            kept.append(finding)
    return msgspec.structs.replace(
        findings,
        findings=tuple(kept),
        suppressed=(*findings.suppressed, *known),
        gone=sum(count for count in left.values() if count > 0),
    )
