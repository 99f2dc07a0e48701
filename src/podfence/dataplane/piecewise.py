"""Changes that are more than one transaction: adds in pieces what nothing leads to, switches to it, removes the rest.

The switch is one transaction still, so that packets find one state or the other. Only where the switch itself is more
than the kernel takes, the table is filled anew while no pod is ready (``_refill``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping

import msgspec

from podfence.dataplane.classes import MOST_RULES
from podfence.dataplane.content import Content
from podfence.dataplane.difference import DISPATCH, Desired, Difference, all_chains
from podfence.dataplane.members import READY
from podfence.dataplane.objects import Chain
from podfence.dataplane.table import Table
from podfence.dataplane.takeover import Takeover, take_over
from podfence.dataplane.transaction import (
    change_lines,
    declare_lines,
    delta_text,
    fill_lines,
    full_text,
    prepare_lines,
    remove_lines,
    sweep_lines,
    take_over_text,
    uninstall_text,
)
from podfence.model.error import PodfenceError


class _TooLargeError(PodfenceError):
    """What must happen at once is more than the kernel takes at once."""


def switch(table: Table, found: Difference, desired: Desired, generation: int | None) -> None:
    """Bring the table to a state from which it is known to differ. Raises ``PodfenceError``."""
    new_chains = found.chains.keys() - table.chains
    _prepare(table, desired, new_chains, found.sets.keys())
    table.run(delta_text(_at_once(found, new_chains), desired.settings, generation), full=False)
    _sweep(table, found)


def replace(table: Table, desired: Desired, generation: int, generation_before: int) -> None:
    """Bring the table to a state from whatever is there. Raises ``PodfenceError``.

    ``generation_before`` is the one whose connections may stay until the new one begins.
    """
    found = take_over(table.read(), desired)
    nobody = Content(desired.settings).desired
    try:
        table.run_in_pieces(declare_lines(desired))
    except PodfenceError:
        # Something has our names and is of another kind.
        table.run(uninstall_text() + full_text(nobody, generation_before), full=True)
        _refill(table, desired, generation)
        return
    new_chains = _absent(table, found.difference.chains)
    _prepare(table, desired, new_chains, found.difference.sets.keys())
    try:
        _finish(table, found, new_chains, desired, generation)
    except _TooLargeError:
        # The hooks stay: when one goes and another comes, a packet can slip between them.
        here = all_chains(nobody, generation).keys() & table.chains
        table.run(full_text(nobody, generation_before, here, nobody.sets.keys() & table.sets), full=True)
        _refill(table, desired, generation)


def _refill(table: Table, desired: Desired, generation: int) -> None:
    """Fill a table in which no pod is ready: add everything, and say last who is ready.

    Meanwhile connections of before go on, and to new ones happens what the settings want to happen to pods that are
    not ready. So this is for where there is no other way; if it fails, it stays so until it is done again.
    """
    found = take_over(table.read(), desired)
    new_chains = _absent(table, found.difference.chains)
    _prepare(table, desired, new_chains, found.difference.sets.keys())
    change = found.difference
    table.run_in_pieces(change_lines({name: change.chains[name] for name in change.chains if name not in new_chains}))
    table.run_in_pieces(remove_lines(change.removed))
    names = sorted(change.added, key=lambda name: (name in READY.values(), name in DISPATCH, name))
    table.run_in_pieces(fill_lines({name: change.added[name] for name in names}))
    done = msgspec.structs.replace(change, chains={}, added={}, removed={})
    _finish(table, msgspec.structs.replace(found, difference=done), new_chains, desired, generation)


def _prepare(table: Table, desired: Desired, chains: Collection[str], sets: Collection[str]) -> None:
    table.expect(chains, sets)
    table.run_in_pieces(prepare_lines(desired, chains, sets))


def _finish(table: Table, found: Takeover, prepared: Collection[str], desired: Desired, generation: int) -> None:
    rest = msgspec.structs.replace(found, difference=_at_once(found.difference, prepared))
    text = take_over_text(rest, desired, generation)
    try:
        table.run(text, full=True)
    except PodfenceError as error:
        if table.fits(text):
            raise
        raise _TooLargeError(str(error)) from None
    table.hold(desired, generation)
    _sweep(table, found.difference)


def _sweep(table: Table, found: Difference) -> None:
    # What is wanted is in force. A chain that stays does no harm, and the next look for drift finds it.
    with contextlib.suppress(PodfenceError):
        table.run_in_pieces(sweep_lines(found.dropped_chains, found.dropped_sets))


def _absent(table: Table, chains: Mapping[str, Chain]) -> frozenset[str]:
    """Give the chains that are not there, and can be written in pieces.

    A large one that somebody began to write is taken away first; the kernel refuses that if something leads there.
    """
    large = [name for name, chain in chains.items() if len(chain.rules) > MOST_RULES]
    for name in table.chains.intersection(large):
        if table.removes("".join(f"{line}\n" for line in sweep_lines([name], []))):
            table.chains -= {name}
    return frozenset(chains) - table.chains


def without_prepared(found: Difference, prepared: Collection[str]) -> Difference:
    """Leave out of a difference what is there already: the new sets, and chains that were new."""
    return msgspec.structs.replace(
        found,
        sets={},
        added={name: elements for name, elements in found.added.items() if name not in found.sets},
        chains={name: chain for name, chain in found.chains.items() if name not in prepared},
    )


def _at_once(found: Difference, prepared: Collection[str]) -> Difference:
    """Leave of a difference what must happen at once: neither what is there already nor what can go afterwards."""
    return msgspec.structs.replace(without_prepared(found, prepared), dropped_chains=(), dropped_sets=())
