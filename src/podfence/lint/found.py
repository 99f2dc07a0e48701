"""What a rule hands out: a finding that is not yet placed in the text, with the mends that might help."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from podfence.lint.inspection import Inspection, Placed
from podfence.lint.mend import Mend
from podfence.manifests.manual.rule import Rule, Severity
from podfence.model.objects import ObjectRef


class Found(msgspec.Struct, frozen=True):
    """One thing that a rule found at ``path`` of an object.

    ``message`` names pods and says why, ``felt`` what people will see, ``hint`` adds what may help. Of the
    ``mends`` that can be proved the one that opens the least is shown, the first among equals. ``severity`` differs
    from the rule's where a case is milder.
    """

    rule: Rule
    ref: ObjectRef
    path: str
    message: str
    felt: str = ""
    hint: str = ""
    mends: tuple[Mend, ...] = ()
    severity: Severity | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """Tell findings apart, whatever the profile that they hold in."""
        return (self.rule.id, self.ref.identity, self.path, self.message)


class Check(msgspec.Struct, frozen=True):
    """A rule with the function that finds where it is broken; ``by_profile``: which may differ between clusters."""

    rule: Rule
    find: Callable[[Inspection], Iterator[Found]]
    by_profile: bool = False


def rule_number(placed: Placed) -> str:
    """Say which rule of its direction is meant, counted from 1 as people do."""
    number = placed.rule.path.rpartition("[")[2].removesuffix("]")
    return f"{placed.direction.value.capitalize()} rule {int(number) + 1}" if number.isdigit() else placed.rule.path
