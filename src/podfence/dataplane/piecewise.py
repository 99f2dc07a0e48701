"""Changes that are more than one transaction: adds in pieces what nothing leads to, switches to it, removes the rest.

The switch is one transaction still, so that packets find one state or the other. Where the switch itself is more than
the kernel takes, it is refused, and there is another way (``stand_in``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection

import msgspec

from podfence.dataplane.difference import Desired, Difference
from podfence.dataplane.table import Table
from podfence.dataplane.transaction import delta_text, prepare_lines, sweep_lines
from podfence.model.error import PodfenceError


def switch(table: Table, found: Difference, desired: Desired, generation: int | None) -> None:
    """Bring the table to a state from which it is known to differ. Raises ``PodfenceError``."""
    new_chains = found.chains.keys() - table.chains
    _prepare(table, desired, new_chains, found.sets.keys())
    table.run(delta_text(_at_once(found, new_chains), desired.settings, generation), full=False)
    _sweep(table, found)


def _prepare(table: Table, desired: Desired, chains: Collection[str], sets: Collection[str]) -> None:
    table.expect(chains, sets)
    table.run_in_pieces(prepare_lines(desired, chains, sets))


def _sweep(table: Table, found: Difference) -> None:
    # What is wanted is in force. A chain that stays does no harm, and the next look for drift finds it.
    with contextlib.suppress(PodfenceError):
        table.run_in_pieces(sweep_lines(found.dropped_chains, found.dropped_sets))


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
