"""Why the dataplane let a packet pass or dropped it, in the words of the policies: what a verdict id stands for.

The dataplane gives each rule and each default an id when it writes them for the kernel; the kernel puts the id
into its log, and whoever reads the log finds the reason by it.
"""

from __future__ import annotations

import msgspec

from podfence.model.objects import ObjectRef
from podfence.model.policy import Direction
from podfence.model.verdict import DecidedIn


class Reason(msgspec.Struct, frozen=True, gc=False):
    """What decided, in one direction.

    ``policy`` and ``path`` (``spec.egress[0]``) name the rule; both are empty when no rule decided: then it is the
    default deny of ``isolated_by`` (never empty in that case), or what ``note`` says (a pod that is not programmed
    yet, a forged address, a packet that connection tracking does not know).
    """

    allowed: bool
    direction: Direction | None
    tier: DecidedIn
    policy: ObjectRef | None = None
    path: str = ""
    rule_name: str = ""
    isolated_by: tuple[ObjectRef, ...] = ()
    note: str = ""
