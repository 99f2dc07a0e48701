"""Puts proved fixes into the texts that they are for, with a check after each, or after several that cannot interact.

The engine has proved each fix against the input as it is at that moment, the fixes before it included. A fix that
leaves its finding in place, or brings one that was not there, is taken back.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from podfence.lint.finding import SEVERITIES, Finding, Findings
from podfence.lint.mend import Add, Change, Put, applied
from podfence.manifests.documents import Item
from podfence.manifests.inputs import read_data
from podfence.manifests.manual.rule import Severity
from podfence.manifests.rewrite import CannotRewriteError, rewritten
from podfence.model.objects import ObjectRef
from podfence.model.source import Position, position_of

MOST: Final = 1000
"""Fixes of one run; two that undo each other would go on for ever."""

_IN_A_RULE = re.compile(r"spec\.(?:ingress|egress)\[")


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
    run = _Run(check, texts, why_not)
    before = run.findings
    while len(run.fixed) < MOST and (waiting := run.waiting()):
        together = [] if _is_in_place(waiting[0]) else _independent(waiting)
        if len(together) < 2 or not run.fix_together(together):
            run.fix(waiting[0])
    left = {_key(item) for item in run.findings.findings}
    unfixed = tuple(item for key, item in run.unfixed.items() if key in left)
    return Fixing(tuple(run.fixed), unfixed, before, run.findings)


class _Run:
    """The texts on their way, what was found in them last, and what was done."""

    def __init__(self, check: Callable[[], Findings], texts: Texts, why_not: Callable[[str], str]) -> None:
        self._check = check
        self._texts = texts
        self._why_not = why_not
        self.findings = check()
        self._mild = Counter((item.rule, item.ref) for item in self.findings.findings if _is_mild(item))
        self.fixed: list[Finding] = []
        self.unfixed: dict[object, Unfixed] = {}

    def waiting(self) -> list[Finding]:
        """List the findings with a fix that was not tried, the causes first: mending them often mends others.

        Those are mistakes that are put right where they stand, then the worst. What is only told, and was not there
        at first, comes from other fixes: it stays, for it may be a rule of the author's that a fix made needless.
        """
        waiting = [
            item
            for item in self.findings.findings
            if item.changes and _key(item) not in self.unfixed and not self._is_our_doing(item)
        ]
        return sorted(waiting, key=lambda item: (not _is_in_place(item), SEVERITIES.index(item.severity)))

    def _is_our_doing(self, finding: Finding) -> bool:
        kind = (finding.rule, finding.ref)
        fixed = sum(_is_mild(item) and (item.rule, item.ref) == kind for item in self.fixed)
        return _is_mild(finding) and fixed >= self._mild[kind]

    def fix(self, finding: Finding) -> None:
        """Write one fix and check again; what does not help is taken back."""
        reason = self._tried([finding])
        if reason:
            self.unfixed[_key(finding)] = Unfixed(finding, reason)

    def fix_together(self, findings: Sequence[Finding]) -> bool:
        """Write several fixes and check once; tells whether that went well, else nothing was done."""
        return not self._tried(findings)

    def _tried(self, findings: Sequence[Finding]) -> str:
        kept: dict[str, bytes] = {}
        reason = ""
        for finding in findings:
            try:
                file, data, new = self._edit(finding)
            except CannotRewriteError as error:
                reason = str(error)
                break
            kept.setdefault(file, data)
            self._texts.put(file, new)
        after = self.findings if reason else self._check()
        reason = reason or _harm(findings, self.findings, after)
        if reason:
            for file, data in kept.items():
                self._texts.put(file, data)
            return reason
        self.fixed.extend(findings)
        self.findings = after
        return ""

    def _edit(self, finding: Finding) -> tuple[str, bytes, bytes]:
        """Give the file of a fix, its bytes as they are, and as the fix makes them."""
        mended = finding.mended
        position = position_of(mended.source) if mended is not None else None
        if mended is None or position is None:
            raise CannotRewriteError("the policy to change stands in no file")
        data = self._texts.now(position.file)
        reason = self._why_not(position.file)
        if reason or data is None:
            raise CannotRewriteError(reason or "the file was not read")
        return position.file, data, _fixed(data, position, mended, finding.changes)


def _is_mild(finding: Finding) -> bool:
    return finding.own_severity is Severity.INFO


def _is_in_place(finding: Finding) -> bool:
    """Tell whether a fix only puts right what stands in a rule that is there: a label, a name, a number."""
    puts = all(isinstance(change, Put) and _IN_A_RULE.match(change.path) for change in finding.changes)
    return puts and not _is_mild(finding)


def _independent(waiting: Sequence[Finding]) -> list[Finding]:
    """Choose fixes that do together exactly what each of them was proved to do alone, one for each policy.

    Those are the ones that add rules of one direction to NetworkPolicies and close nothing. What is allowed is what
    both ends allow: with one end as it was, what new rules open is the sum of what each of them opens. The last in
    a file comes first, so that no edit moves the place of the next.
    """
    chosen: dict[object, Finding] = {}
    first = next((place for item in waiting if (place := _only_adds_to(item))), "")
    for item in waiting:
        if item.mended is not None and first and _only_adds_to(item) == first:
            chosen.setdefault(item.mended, item)
    return sorted(chosen.values(), key=_place, reverse=True)


def _place(finding: Finding) -> tuple[str, int, int]:
    position = position_of(finding.mended.source) if finding.mended is not None else None
    return ("", 0, 0) if position is None else (position.file, position.line, position.column)


def _only_adds_to(finding: Finding) -> str:
    """Name the list of rules that a fix adds to if it does nothing else, empty when it does."""
    paths = {change.path if isinstance(change, Add) else "" for change in finding.changes}
    is_policy = finding.mended is not None and finding.mended.kind == "NetworkPolicy"
    path = paths.pop() if len(paths) == 1 else ""
    return path if finding.only_opens and is_policy and path in {"spec.ingress", "spec.egress"} else ""


def _fixed(data: bytes, position: Position, mended: ObjectRef, changes: Iterable[Change]) -> bytes:
    for item in read_data(data, position.file):
        if isinstance(item, Item) and position_of(item.source) == position and _is_named(item, mended):
            new = applied(item.plain(), changes)
            if new is None:
                break
            return rewritten(data, position, new)
    raise CannotRewriteError("the change does not fit what stands in the file")


def _is_named(item: Item, ref: ObjectRef) -> bool:
    metadata = item.plain().get("metadata")
    return item.kind == ref.kind and isinstance(metadata, dict) and metadata.get("name") == ref.name


def _harm(findings: Sequence[Finding], before: Findings, after: Findings) -> str:
    """Say why fixes are no help: a finding is still there, or there is one that was not."""
    left = {_key(item) for item in after.findings}
    if any(_key(finding) in left for finding in findings):
        return "the finding would still be there"
    known = {(item.rule, item.ref) for item in before.findings}
    for item in after.findings:
        if item.severity is not Severity.INFO and (item.rule, item.ref) not in known:
            return f"it would bring {item.rule} {item.name}"
    return ""


def _key(finding: Finding) -> object:
    return (finding.rule, finding.ref, finding.path, finding.message)
