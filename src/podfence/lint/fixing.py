"""Puts proved fixes into the texts that they are for, one at a time, with a check after each.

The engine has proved each fix against the input as it is at that moment, the fixes before it included. A fix that
leaves its finding in place, or brings one that was not there, is taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from podfence.lint.finding import Finding, Findings
from podfence.lint.mend import Change, applied
from podfence.manifests.documents import Item
from podfence.manifests.inputs import read_data
from podfence.manifests.manual.rule import Severity
from podfence.manifests.rewrite import CannotRewriteError, rewritten
from podfence.model.source import Position, position_of

MOST: Final = 1000
"""Fixes of one run; two that undo each other would go on for ever."""


class Unfixed(msgspec.Struct, frozen=True):
    """A finding with a proved fix that was not written, and why."""

    finding: Finding
    reason: str


class Fixing(msgspec.Struct, frozen=True):
    """What came of it: the findings that were fixed, in order, and those that were not.

    ``before`` is what was found at first, ``findings`` what is left.
    """

    fixed: tuple[Finding, ...]
    unfixed: tuple[Unfixed, ...]
    before: Findings
    findings: Findings


class Texts:
    """The bytes of files as they were read, and as they shall be."""

    def __init__(self) -> None:
        self.before: dict[str, bytes] = {}
        self._now: dict[str, bytes] = {}

    def first_read(self, file: str, read: Callable[[], bytes]) -> bytes:
        """Give the bytes of a file as they are now; the first time they are ``read``."""
        if file not in self._now:
            self.before[file] = self._now[file] = read()
        return self._now[file]

    def now(self, file: str) -> bytes | None:
        """Give the bytes of a file as they are now, ``None`` for one that was not read."""
        return self._now.get(file)

    def put(self, file: str, data: bytes) -> None:
        """Change the bytes of a file."""
        self._now[file] = data

    @property
    def changed(self) -> Iterator[tuple[str, bytes, bytes]]:
        """List the files that have changed, with their bytes before and after."""
        for file, before in self.before.items():
            if self._now[file] != before:
                yield file, before, self._now[file]


def fix_all(check: Callable[[], Findings], texts: Texts, why_not: Callable[[str], str]) -> Fixing:
    """Fix what can be fixed in ``texts``, which ``check`` reads; ``why_not`` says why a file may not be edited."""
    before = findings = check()
    fixed: list[Finding] = []
    unfixed: dict[object, Unfixed] = {}
    while len(fixed) < MOST:
        finding = next((item for item in findings.findings if item.changes and _key(item) not in unfixed), None)
        if finding is None:
            break
        attempt = _attempt(finding, findings, check, texts, why_not)
        if isinstance(attempt, Unfixed):
            unfixed[_key(finding)] = attempt
        else:
            fixed.append(finding)
            findings = attempt
    left = {_key(item) for item in findings.findings}
    return Fixing(tuple(fixed), tuple(item for key, item in unfixed.items() if key in left), before, findings)


def _attempt(
    finding: Finding, before: Findings, check: Callable[[], Findings], texts: Texts, why_not: Callable[[str], str]
) -> Findings | Unfixed:
    """Write one fix and check again; what does not help is taken back."""
    position = position_of(finding.mended.source) if finding.mended is not None else None
    if position is None:
        return Unfixed(finding, "the policy to change stands in no file")
    data = texts.now(position.file)
    reason = why_not(position.file)
    if reason or data is None:
        return Unfixed(finding, reason or "the file was not read")
    try:
        texts.put(position.file, _fixed(data, position, finding.changes))
    except CannotRewriteError as error:
        return Unfixed(finding, str(error))
    after = check()
    reason = _harm(finding, before, after)
    if not reason:
        return after
    texts.put(position.file, data)
    return Unfixed(finding, reason)


def _fixed(data: bytes, position: Position, changes: Iterable[Change]) -> bytes:
    for item in read_data(data, position.file):
        if isinstance(item, Item) and position_of(item.source) == position:
            new = applied(item.plain(), changes)
            if new is None:
                break
            return rewritten(data, position, new)
    raise CannotRewriteError("the change does not fit what stands in the file")


def _harm(finding: Finding, before: Findings, after: Findings) -> str:
    if _key(finding) in {_key(item) for item in after.findings}:
        return "the finding would still be there"
    known = {(item.rule, item.ref) for item in before.findings}
    for item in after.findings:
        if item.severity is not Severity.INFO and (item.rule, item.ref) not in known:
            return f"it would bring {item.rule} {item.name}"
    return ""


def _key(finding: Finding) -> object:
    return (finding.rule, finding.ref, finding.path, finding.message)
