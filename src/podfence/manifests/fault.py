"""A fault: one thing that is wrong with an input, the rule it breaks, and where it stands."""

from __future__ import annotations

import msgspec

from podfence.manifests.manual.rule import Rule, Severity
from podfence.model.objects import ObjectRef
from podfence.model.source import Position


class Fault(msgspec.Struct, frozen=True, gc=False):
    """What is wrong: ``message`` is one line, ``path`` exactly the field that the API server names.

    ``hint`` is what the server does not say (did you mean ...), empty when there is none. ``object_position`` is
    where the object begins; it and ``ref`` are ``None`` for a text that is no object, and it and ``position`` for an
    object that a server sent. ``fix`` is a whole manifest that mends the fault, where there is only one way to.
    """

    rule: Rule
    message: str
    position: Position | None
    path: str = ""
    hint: str = ""
    ref: ObjectRef | None = None
    object_position: Position | None = None
    fix: str | None = None

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return self.rule.severity
