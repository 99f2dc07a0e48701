"""Verdict ids, the chains that log and drop, and the reasons that the ids stand for.

An id is a letter for the verdict, one for the direction, and the hash of the reason: the same after a restart. It is
the prefix of what the kernel sends to the NFLOG group.
"""

from __future__ import annotations

import msgspec

from podfence.dataplane.naming import digest, quoted, sealed
from podfence.dataplane.objects import Chain
from podfence.dataplane.settings import Settings
from podfence.model.policy import Direction
from podfence.model.reason import Reason
from podfence.model.verdict import DecidedIn

SNAPLEN = 128
"""Bytes of a packet that are logged: enough for both addresses and the ports behind them."""

_LETTER = {Direction.EGRESS: "E", Direction.INGRESS: "I", None: "-"}


class Logs(msgspec.Struct, frozen=True):
    """Writes what the settings want logged."""

    settings: Settings

    def chain(self, reason: Reason, name: str = "") -> tuple[str, Chain]:
        """Make the chain that logs a reason and, for a denial, drops; named by its id unless it has a name."""
        found = verdict_id(reason)
        rules: tuple[str, ...]
        if reason.allowed:
            rules = (f"ct state new {self._log(found)}",)
        else:
            rate = self.settings.deny_log_rate
            limit = f"limit rate {rate}/second burst {2 * rate} packets"
            rules = (f"{limit} {self._log(found)}", "counter" if self.settings.audit else "counter drop")
        title = reason_text(reason) + (" (audit: passes)" if self.settings.audit and not reason.allowed else "")
        return name or chain_name(found), Chain(title, sealed(rules), reasons=((found, reason),))

    def _log(self, found: str) -> str:
        return f"log prefix {quoted(found)} group {self.settings.log_group} snaplen {SNAPLEN}"


def verdict_id(reason: Reason) -> str:
    """Give the id of a reason; at most 60 characters."""
    parts = [reason.tier.value, reason.path, reason.rule_name, reason.note]
    for ref in (reason.policy, *reason.isolated_by):
        parts += ("",) if ref is None else (ref.kind, ref.namespace or "", ref.name)
    letter = "A" if reason.allowed else "D"
    return f"{letter}|{_LETTER[reason.direction]}|{digest(letter, _LETTER[reason.direction], *parts)}"


def chain_name(found: str) -> str:
    """Name the chain of a verdict id."""
    letter, _, code = found.split("|")
    return f"{'allow' if letter == 'A' else 'deny'}-{code}"


def reason_text(reason: Reason) -> str:
    """Say a reason in a line, for the comment of its chain."""
    word = "allowed" if reason.allowed else "denied"
    if reason.policy is not None:
        return f"{word} by {reason.policy.kind} {reason.policy} {reason.path}"
    if reason.note:
        return f"{word}: {reason.note}"
    if reason.tier is DecidedIn.NETWORK_POLICY:
        return f"default deny of {', '.join(map(str, reason.isolated_by))}"
    return f"{word} by default"
