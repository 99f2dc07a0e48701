"""What ``check`` tells: findings, and the sum of them."""

from __future__ import annotations

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

LAST_OF_THE_SERVER = "PF099"
"""Rules up to this one speak for the API server, those behind it of relations."""


class Finding(msgspec.Struct, frozen=True, gc=False):
    """One thing to tell: the rule (id and name), how bad it is, one line, and where.

    ``path`` is the field as the API server names it. ``hint`` adds what a person may want to know, ``fix`` is a
    whole manifest for ``kubectl apply``. ``ref`` and ``object_position`` are ``None`` for a text that is no object,
    ``position`` and ``object_position`` for an object that a server sent.

    Rules by relation say more: ``felt`` is what people will see, ``profiles`` the clusters that the finding holds
    in (none: in any). A ``fix`` of theirs is proved: ``patch`` are the lines that differ, ``effect`` what it opens
    and closes, and ``changes`` the same for whoever edits the file that the policy ``ref`` stands in.
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


class Findings(msgspec.Struct, frozen=True):
    """Everything that a check found, in the order to tell it, and what it looked at.

    ``files`` counts the files that objects or faults came from, ``objects`` all Kubernetes objects, ``policies``
    those among them that are policies, and ``refused`` the policies with an error. ``stored`` are the policies
    without errors as the server would store them, in input order.
    """

    findings: tuple[Finding, ...] = ()
    files: int = 0
    objects: int = 0
    policies: int = 0
    refused: int = 0
    stored: tuple[dict[str, object], ...] = ()
    skipped: tuple[Skipped, ...] = ()

    @property
    def summary(self) -> Mapping[Severity, int]:
        """Count the findings of each severity, the worst first, zeros included."""
        counts = Counter(finding.severity for finding in self.findings)
        return {severity: counts[severity] for severity in SEVERITIES}

    @property
    def refused_anything(self) -> bool:
        """Tell whether the API server would refuse any of the input."""
        return any(
            finding.severity is Severity.ERROR and finding.rule <= LAST_OF_THE_SERVER for finding in self.findings
        )

    def within(self, namespace: str) -> Findings:
        """Keep what is said of a namespace, of objects that are in none, and of texts."""
        kept = [item for item in self.findings if item.ref is None or item.ref.namespace in {None, namespace}]
        return msgspec.structs.replace(self, findings=tuple(kept))

    def at_least(self, severity: Severity | None) -> bool:
        """Tell whether there is a finding of this severity or a worse one; ``None`` stands for never."""
        if severity is None:
            return False
        worst = SEVERITIES[: SEVERITIES.index(severity) + 1]
        return any(finding.severity in worst for finding in self.findings)
