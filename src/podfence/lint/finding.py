"""What ``check`` tells: findings, and the sum of them."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections import Counter
from collections.abc import Mapping

import msgspec

from podfence.lint.mend import Change
from podfence.manifests.documents import Skipped
from podfence.manifests.fault import Fault
from podfence.manifests.manual.rule import Severity
from podfence.model.objects import ObjectRef
from podfence.model.source import Position

SEVERITIES = (Severity.ERROR, Severity.WARNING, Severity.INFO)
"""From the worst to the mildest."""

_INDEX = re.compile(r"\[[0-9]+\]")

LAST_OF_THE_SERVER = "PF099"
"""Rules up to this one speak for the API server, those behind it of relations."""


class Finding(msgspec.Struct, frozen=True, gc=False):
    """One thing to tell: the rule (id and name), how bad it is, one line, and where.

    ``path`` is the field as the API server names it. ``hint`` adds what a person may want to know, ``fix`` is a
    whole manifest for ``kubectl apply``. ``ref`` and ``object_position`` are ``None`` for a text that is no object,
    ``position`` and ``object_position`` for an object that a server sent.

    Rules by relation say more: ``felt`` is what people will see, ``profiles`` the clusters that the finding holds
    in (none: in any). A ``fix`` of theirs is proved: ``patch`` are the lines that differ, ``effect`` what it opens
    and closes, and ``changes`` the same for whoever edits the file that the policy ``mended`` stands in, which may be
    another than ``ref``; ``only_opens`` tells that they close nothing.
    ``given`` is the severity that the rule gave, where the settings make it another.
    """

    rule: str
    name: str
    severity: Severity
    message: str
    position: Position | None
    path: str = ""
    hint: str = ""
    ref: ObjectRef | None = None
    object_position: Position | None = None
    fix: str | None = None
    felt: str = ""
    profiles: tuple[str, ...] = ()
    patch: tuple[str, ...] = ()
    effect: str = ""
    changes: tuple[Change, ...] = ()
    mended: ObjectRef | None = None
    only_opens: bool = False
    given: Severity | None = None

    @property
    def own_severity(self) -> Severity:
        """Give the severity by the rule, whatever the settings make of it."""
        return self.given or self.severity

    @property
    def fingerprint(self) -> str:
        """Tell the finding from others in another run, whatever line or place in a list it has moved to.

        Findings of one rule about fields of one name in one object share it. What speaks of no object has its file.
        """
        file = posixpath.normpath(self.position.file) if self.position is not None else ""
        about = self.ref.identity if self.ref is not None else (file,)
        parts = (self.rule, *map(str, about), _INDEX.sub("[]", self.path))
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]

    @classmethod
    def of(cls, fault: Fault) -> Finding:
        """Make a finding out of a fault of the input."""
        return cls(
            fault.rule.id,
            fault.rule.name,
            fault.severity,
            fault.message,
            fault.position,
            fault.path,
            fault.hint,
            fault.ref,
            fault.object_position,
            fault.fix,
        )


class Suppressed(msgspec.Struct, frozen=True, gc=False):
    """A finding that somebody accepted: ``by`` a comment, an annotation or the baseline, why, and where that stands."""

    finding: Finding
    by: str
    reason: str
    position: Position | None = None


class Findings(msgspec.Struct, frozen=True):
    """Everything that a check found, in the order to tell it, and what it looked at.

    ``files`` counts the files that objects or faults came from, ``objects`` all Kubernetes objects, ``policies``
    those among them that are policies, and ``refused`` the policies with an error. ``stored`` are the policies
    without errors as the server would store them, in input order. ``refused_anything`` tells whether the API server
    would refuse any of the input, said or suppressed. ``gone`` counts what the baseline has and nothing shows any more.
    """

    findings: tuple[Finding, ...] = ()
    files: int = 0
    objects: int = 0
    policies: int = 0
    refused: int = 0
    stored: tuple[dict[str, object], ...] = ()
    skipped: tuple[Skipped, ...] = ()
    refused_anything: bool = False
    suppressed: tuple[Suppressed, ...] = ()
    gone: int = 0

    @property
    def summary(self) -> Mapping[Severity, int]:
        """Count the findings of each severity, the worst first, zeros included."""
        counts = Counter(finding.severity for finding in self.findings)
        return {severity: counts[severity] for severity in SEVERITIES}

    def about(self, namespace: str) -> Findings:
        """Leave the findings about objects of one namespace, about those that are in none, and about texts."""

        def is_shown(item: Finding) -> bool:
            return item.ref is None or item.ref.namespace in {None, namespace}

        return msgspec.structs.replace(
            self,
            findings=tuple(filter(is_shown, self.findings)),
            suppressed=tuple(item for item in self.suppressed if is_shown(item.finding)),
        )

    def at_least(self, severity: Severity | None) -> bool:
        """Tell whether there is a finding of this severity or a worse one; ``None`` stands for never."""
        if severity is None:
            return False
        worst = SEVERITIES[: SEVERITIES.index(severity) + 1]
        return any(finding.severity in worst for finding in self.findings)
