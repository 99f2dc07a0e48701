"""What is desired, and the difference between two such states.

Nothing here depends on how the state was made: the compiler keeps one up to date and knows what it touched, and
``difference`` finds the same by looking at everything.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Mapping

import msgspec

from podfence.dataplane.members import EGRESS, FAMILIES, INGRESS, READY
from podfence.dataplane.objects import Chain, Clause, Element, NamedSet
from podfence.dataplane.permission import CLOSED, Uses, class_shrinks, set_shrinks
from podfence.dataplane.settings import Settings
from podfence.dataplane.skeleton import generation_chains, skeleton_chains
from podfence.model.net import Family, covers, parse_address
from podfence.model.reason import Reason

Elements = dict[str, dict[str, Element]]
Classes = Mapping[str, tuple[Clause, ...]]

DISPATCH = {name for maps in (EGRESS, INGRESS) for name in (maps[family] for family in FAMILIES)}


class Desired(msgspec.Struct, frozen=True):
    """Everything of the table that policies, pods and settings decide, which is all but the generation.

    ``classes`` tells, for each chain that a map leads to, what it means. Nobody but its maker changes it.
    """

    settings: Settings
    sets: dict[str, NamedSet]
    elements: Elements
    chains: dict[str, Chain]
    classes: dict[str, tuple[Clause, ...]]

    @property
    def reasons(self) -> dict[str, Reason]:
        """Give the reason of each verdict id that the kernel may log."""
        chains = [*self.chains.values(), *skeleton_chains(self.settings).values()]
        return dict(pair for chain in chains for pair in chain.reasons)


def all_chains(desired: Desired, generation: int) -> dict[str, Chain]:
    """Give every chain of the table, in the order in which it is read best."""
    return {
        **skeleton_chains(desired.settings),
        **generation_chains(desired.settings, generation),
        **dict(sorted(desired.chains.items())),
    }


class Difference(msgspec.Struct, frozen=True):
    """What leads from one desired state to another of the same settings.

    ``chains`` are new or different, ``sets`` new; ``added`` and ``removed`` elements are those of sets that stay or
    are new. An element that changes is in both. ``shrinks`` tells whether anything that was allowed may be so no more.
    """

    sets: dict[str, NamedSet]
    dropped_sets: tuple[str, ...]
    chains: dict[str, Chain]
    dropped_chains: tuple[str, ...]
    added: Elements
    removed: Elements
    shrinks: bool

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to do."""
        return not (self.sets or self.dropped_sets or self.chains or self.dropped_chains or self.added or self.removed)


def difference(old: Desired, new: Desired) -> Difference:
    """Compare two states of the same settings; takes time in proportion to both."""
    added: Elements = {}
    removed: Elements = {}
    for name in sorted(new.sets):
        before, after = old.elements.get(name, {}), new.elements[name]
        if name in old.sets and old.sets[name] != new.sets[name]:
            raise ValueError(f"set {name} changes its type")
        if gone := {key: item for key, item in before.items() if after.get(key) != item}:
            removed[name] = gone
        if come := {key: item for key, item in after.items() if before.get(key) != item}:
            added[name] = come
    uses = Uses()
    for clauses in new.classes.values():
        uses.add(clauses)
    changed = {name: found for name, found in old.classes.items() if new.classes.get(name) != found}
    declared = {name: new.sets[name] for name in sorted(new.sets) if name not in old.sets}
    return Difference(
        sets=declared,
        dropped_sets=tuple(sorted(old.sets.keys() - new.sets.keys())),
        chains={name: new.chains[name] for name in sorted(new.chains) if old.chains.get(name) != new.chains[name]},
        dropped_chains=tuple(sorted(old.chains.keys() - new.chains.keys())),
        added=added,
        removed=removed,
        shrinks=shrinks(Shift(changed, new, declared, added, removed), uses),
    )


class Shift(msgspec.Struct, frozen=True):
    """A difference as far as permissions go; ``changed`` are the classes that are others now, or gone, as they were."""

    changed: Classes
    new: Desired
    declared: Collection[str]
    added: Elements
    removed: Elements


def shrinks(shift: Shift, uses: Uses) -> bool:
    """Tell whether any connection that was allowed may be so no more; in doubt it is said to be so."""
    now = shift.new.classes
    old = ChainMap(dict(shift.changed), now)
    if any(name in now and class_shrinks(before, now[name]) for name, before in shift.changed.items()):
        return True
    for family in FAMILIES:
        for name in (EGRESS[family], INGRESS[family]):
            gone, come = shift.removed.get(name, {}), shift.added.get(name, {})
            for key in gone.keys() | come.keys():
                before = _judged_by(old, gone.get(key), is_closed=_was_closed(shift, family, key))
                after = _judged_by(now, come.get(key), is_closed=_is_closed(shift.new, family, key))
                if before is not after and class_shrinks(before, after):
                    return True
    names = (shift.added.keys() | shift.removed.keys()) - set(shift.declared) - DISPATCH
    return any(set_shrinks(name, shift.added.get(name, {}), _taken_away(shift, name), uses) for name in names)


def _taken_away(shift: Shift, name: str) -> Collection[str]:
    """Give what was taken out of a set; what has a time to live ends it for new connections alone (NPEP-133)."""
    gone = shift.removed.get(name, {})
    return [key for key, element in gone.items() if not element.timeout_s]


def _judged_by(classes: Classes, element: Element | None, *, is_closed: bool) -> tuple[Clause, ...]:
    """Give what judges an address: its class, nobody, or, where it must be ready first, the drop of all."""
    if element is not None:
        return classes.get(element.verdict.removeprefix("jump "), CLOSED)
    return CLOSED if is_closed else ()


def _is_closed(desired: Desired, family: Family, key: str) -> bool:
    """Tell whether an address is dropped for want of being ready."""
    if desired.settings.unready == "accept" or key in desired.elements[READY[family]]:
        return False
    return covers(desired.settings.pod_cidrs, parse_address(key))


def _was_closed(shift: Shift, family: Family, key: str) -> bool:
    gone, come = (found.get(READY[family], {}) for found in (shift.removed, shift.added))
    if key in gone:
        return False
    if key in come:
        settings = shift.new.settings
        return settings.unready == "drop" and covers(settings.pod_cidrs, parse_address(key))
    return _is_closed(shift.new, family, key)
