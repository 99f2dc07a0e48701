"""A baseline: the findings that were there when somebody began to use ``check``, so that only new ones are told.

Findings are known again by their fingerprint, which lines that move leave alone. Several may share one: the file
counts them, and as many are suppressed as it has. A finding that has become worse is new.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Sequence
from typing import Literal

import msgspec

from podfence.lint.finding import SEVERITIES, Finding, Findings, Suppressed
from podfence.manifests.manual.rule import Severity
from podfence.model.error import PodfenceError


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Findings of one fingerprint and severity, any severity where none is named; the rest is for people."""

    fingerprint: str
    rule: str
    severity: Severity | None = None
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
    counts = Counter((finding.fingerprint, finding.own_severity) for finding in found)
    first = {(finding.fingerprint, finding.own_severity): finding for finding in reversed(found)}
    entries = [_entry(first[key], count) for key, count in counts.items()]
    findings = tuple(sorted(entries, key=lambda item: (item.about, item.rule, item.path, _severity_order(item))))
    return Baseline("podfence/v1", "Baseline", findings)


def _severity_order(entry: Entry) -> int:
    """Order entries from those that know any finding to those that know only mild ones."""
    return -1 if entry.severity is None else SEVERITIES.index(entry.severity)


def _entry(finding: Finding, count: int) -> Entry:
    file = finding.position.file if finding.position is not None else ""
    about = f"{finding.ref.kind} {finding.ref}" if finding.ref is not None else file
    return Entry(finding.fingerprint, finding.rule, finding.own_severity, finding.name, about, finding.path, count)


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
    left = _Left(entry for entry in baseline.findings if entry.rule in rules)
    worst_first = sorted(enumerate(findings.findings), key=lambda item: SEVERITIES.index(item[1].own_severity))
    known = {number for number, finding in worst_first if left.take(finding)}
    suppressed = [
        Suppressed(finding, "baseline", f"known since {file} was written")
        for number, finding in enumerate(findings.findings)
        if number in known
    ]
    return msgspec.structs.replace(
        findings,
        findings=tuple(finding for number, finding in enumerate(findings.findings) if number not in known),
        suppressed=(*findings.suppressed, *suppressed),
        gone=left.total,
    )


class _Left:
    """What a baseline has and no finding has yet been held against, by fingerprint, the mildest entries first."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._counts: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for entry in sorted(entries, key=_severity_order, reverse=True):
            self._counts[entry.fingerprint].append((_severity_order(entry), entry.count))

    def take(self, finding: Finding) -> bool:
        """Tell whether there is an entry for a finding so bad, and count it as used."""
        counts = self._counts[finding.fingerprint]
        for place, (order, count) in enumerate(counts):
            if count > 0 and order <= SEVERITIES.index(finding.own_severity):
                counts[place] = (order, count - 1)
                return True
        return False

    @property
    def total(self) -> int:
        """Count what nothing was held against."""
        return sum(max(count, 0) for counts in self._counts.values() for _, count in counts)
