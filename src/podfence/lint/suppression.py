"""Findings that somebody has looked at and accepted: ``# podfence:ignore RULE reason`` and annotations.

A reason is required. What has none, names no rule or hides nothing is a finding itself, so that no suppression
outlives what it was made for. Suppressed findings are kept and counted, never lost.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

import msgspec

from podfence.lint.finding import Finding, Suppressed
from podfence.lint.manual.suppression import IGNORES_NOTHING, UNKNOWN_RULE, WITHOUT_REASON
from podfence.lint.registry import find_rule
from podfence.lint.selection import Selection, advice
from podfence.manifests.documents import Item
from podfence.manifests.judge import reference
from podfence.manifests.manual.rule import Rule
from podfence.manifests.remarks import Remark
from podfence.model.objects import ObjectRef
from podfence.model.source import Position, position_of

PREFIX = "podfence.io/ignore."
"""Annotations that begin with this ignore the rule whose id or name follows."""

_WORDS = re.compile(r"([^\s:]*(?:,\s*PF[0-9]+)*)\s*(?::|--?|—)?\s*(.*)", re.DOTALL | re.IGNORECASE)


class _Wire(msgspec.Struct, frozen=True, gc=False):
    annotations: dict[str, str | None] | None = None


class _Annotated(msgspec.Struct, frozen=True, gc=False):
    metadata: _Wire | None = None


class Suppression(msgspec.Struct, frozen=True):
    """One word that ignores a rule, why, and where: in a comment, or in an annotation of ``ref``."""

    word: str
    reason: str
    position: Position | None
    remark: Remark | None = None
    ref: ObjectRef | None = None
    path: str = ""

    @property
    def rule(self) -> Rule | None:
        """The rule, ``None`` when there is none of that name."""
        return find_rule(self.word)

    @property
    def written_as(self) -> str:
        """Say which of the two forms it has."""
        return "comment" if self.remark is not None else "annotation"

    def covers(self, finding: Finding) -> bool:
        """Tell whether it speaks of a finding."""
        rule = self.rule
        if rule is None or not self.reason or finding.rule != rule.id:
            return False
        if self.remark is not None:
            return self.remark.covers(finding.position)
        same = self.ref is not None and finding.ref == self.ref
        return same and finding.object_position == position_of(self.ref.source if self.ref else None)


class Suppressions:
    """Collects suppressions while objects come by, and applies them to what was found."""

    def __init__(self) -> None:
        self._found: list[Suppression] = []
        self._seen: set[Remark] = set()

    def look_at(self, item: Item, namespace: str) -> None:
        """Take what the comments in the document of an object, and its annotations, say.

        ``namespace`` is that of objects which name none.
        """
        for remark in item.remarks:
            if remark not in self._seen:  # the objects of one List share their document
                self._seen.add(remark)
                self._found.extend(_of_remark(remark))
        if item.mentions(PREFIX):
            self._found.extend(_of_annotations(item, namespace))

    def apply(
        self, findings: Iterable[Finding], selection: Selection, by_profile: Collection[str]
    ) -> tuple[list[Finding], list[Suppressed]]:
        """Divide findings into those that stay, what is amiss with suppressions among them, and the suppressed.

        ``by_profile`` are the rules that find other things in other clusters.
        """
        if not self._found:
            return list(findings), []
        kept: list[Finding] = []
        suppressed: list[Suppressed] = []
        used: set[int] = set()
        for finding in findings:
            covering = [number for number, item in enumerate(self._found) if item.covers(finding)]
            used.update(covering)
            if covering:
                item = self._found[covering[0]]
                suppressed.append(Suppressed(finding, item.written_as, item.reason, item.position))
            else:
                kept.append(finding)
        kept.extend(selection.of(self._amiss(used, selection, by_profile)))
        return kept, suppressed

    def _amiss(self, used: Collection[int], selection: Selection, by_profile: Collection[str]) -> Iterator[Finding]:
        for number, item in enumerate(self._found):
            rule = item.rule
            if rule is None:
                named = f"{item.word} is no rule" if item.word else "the rule is missing"
                message = f"This {item.written_as} ignores nothing: {named}."
                yield _finding(UNKNOWN_RULE, item, message, advice(item.word))
            elif not item.reason:
                message = f"This {item.written_as} ignores {rule.id} {rule.name} without a reason, so it has no effect."
                yield _finding(WITHOUT_REASON, item, message, "write why behind it")
            elif number not in used and selection.has(rule.id) and rule.id not in by_profile:
                what = "there" if item.remark is not None else "in this object"
                message = f"This {item.written_as} ignores {rule.id} {rule.name}, which finds nothing {what}."
                yield _finding(IGNORES_NOTHING, item, message, "take it away")


def _finding(rule: Rule, item: Suppression, message: str, hint: str) -> Finding:
    where = position_of(item.ref.source) if item.ref is not None else None
    return Finding(rule.id, rule.name, rule.severity, message, item.position, item.path, hint, item.ref, where)


def _of_remark(remark: Remark) -> Iterator[Suppression]:
    match = _WORDS.fullmatch(remark.text)
    words, reason = (match[1], match[2]) if match is not None else ("", "")
    for word in words.split(","):
        yield Suppression(word.strip(), reason.strip(), remark.position, remark)


def _of_annotations(item: Item, namespace: str) -> Iterator[Suppression]:
    try:
        metadata = item.decode(_Annotated).metadata
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return  # whoever reads the object says what is wrong with it
    annotations = (metadata.annotations or {}) if metadata is not None else {}
    for key, value in annotations.items():
        if key.startswith(PREFIX):
            ref = reference(item, namespace)
            path = f"metadata.annotations.{key}"
            word = key.removeprefix(PREFIX)
            yield Suppression(word, (value or "").strip(), position_of(ref.source, path), None, ref, path)
