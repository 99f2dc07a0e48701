"""Did anybody's permission shrink? Only then are live connections judged again.

In doubt the answer is yes: to judge a connection again that is still allowed costs it nothing. Said to grow is only
what surely does: an accept more, a deny less, an accept that covers more ports or addresses than before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import groupby

from podfence.dataplane.members import CONTESTED, READY
from podfence.dataplane.objects import AddressMatch, Clause, PortsMatch
from podfence.model.net import subtract
from podfence.model.policy import Action, Tier

CLOSED = (Clause(Tier.ADMIN, Action.DENY),)
"""What an address means that is not ready."""


class Uses:
    """Counts which sets accepts speak of, and which denies; a pass counts as both."""

    def __init__(self) -> None:
        self._accepts: Counter[str] = Counter()
        self._denies: Counter[str] = Counter()

    def add(self, clauses: Sequence[Clause], times: int = 1) -> None:
        """Count the sets of a class; ``times`` -1 takes them back."""
        for clause in clauses:
            for name in (clause.addresses.set_name, clause.ports.set_name):
                if name and clause.action is not Action.DENY:
                    self._accepts[name] += times
                if name and clause.action is not Action.ACCEPT:
                    self._denies[name] += times

    def accepts(self, name: str) -> bool:
        """Tell whether to leave the set can take a permission away."""
        return self._accepts[name] > 0

    def denies(self, name: str) -> bool:
        """Tell whether to enter the set can take a permission away."""
        return self._denies[name] > 0


def set_shrinks(name: str, added: Collection[str], removed: Collection[str], uses: Uses) -> bool:
    """Tell whether other elements in a set, new keys or lost ones, can take a permission away."""
    come = [key for key in added if key not in removed]
    gone = [key for key in removed if key not in added]
    if name in CONTESTED.values():
        return bool(come)
    if name in READY.values():
        return bool(gone)
    return (bool(gone) and uses.accepts(name)) or (bool(come) and uses.denies(name))


def class_shrinks(old: Sequence[Clause], new: Sequence[Clause]) -> bool:
    """Tell whether a connection that ``old`` allows may be denied by ``new``; both end in an accept.

    What is left of both, the denies that went and the accepts aside, must be the same; and each accept of old must
    be covered by those of new that stand no later.
    """
    if old and is_closed(old[0]):
        return False
    staying = set(new)
    before = [clause for clause in old if clause.action is not Action.DENY or clause in staying]
    if [c for c in before if c.action is not Action.ACCEPT] != [c for c in new if c.action is not Action.ACCEPT]:
        return True
    *parts, _ = zip(_accepts_by_part(before), _accepts_by_part(new), strict=True)
    reached: list[Clause] = []
    for olds, news in parts:
        reached += news
        if not all(any(_covers(wide, narrow) for wide in reached) for narrow in olds):
            return True
    return False


def is_closed(clause: Clause) -> bool:
    """Tell whether a clause denies whatever comes to it."""
    return clause.action is Action.DENY and clause.addresses == AddressMatch() and clause.ports == PortsMatch()


def _accepts_by_part(clauses: Sequence[Clause]) -> list[list[Clause]]:
    """Cut a class at its denies and passes: the accepts before each of them, and those behind the last."""
    parts: list[list[Clause]] = [[]]
    for is_accept, run in groupby(clauses, key=lambda clause: clause.action is Action.ACCEPT):
        if is_accept:
            parts[-1] += run
        else:
            parts += [[] for _ in run]
    return parts


def _covers(wide: Clause, narrow: Clause) -> bool:
    return _covers_addresses(wide.addresses, narrow.addresses) and _covers_ports(wide.ports, narrow.ports)


def _covers_addresses(wide: AddressMatch, narrow: AddressMatch) -> bool:
    if wide in {AddressMatch(), narrow}:
        return True
    return bool(wide.ranges and narrow.ranges) and not subtract(narrow.ranges, wide.ranges)


def _covers_ports(wide: PortsMatch, narrow: PortsMatch) -> bool:
    if wide in {PortsMatch(), narrow}:
        return True
    if wide.protocol is None or wide.protocol is not narrow.protocol:
        return False
    if not wide.ranges:
        return True
    return bool(narrow.ranges) and all(
        any(first <= a and b <= last for first, last in wide.ranges) for a, b in narrow.ranges
    )
