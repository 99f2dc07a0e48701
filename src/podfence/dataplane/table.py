"""The table as far as is known: runs transactions on it, one or many, and keeps the figures of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import msgspec

from podfence.dataplane.difference import Desired, Difference, all_chains
from podfence.dataplane.listing import Listing
from podfence.dataplane.pieces import cut, fits
from podfence.dataplane.runner import Runner
from podfence.model.error import PodfenceError


class Figures(msgspec.Struct):
    """Counters and sizes for metrics; they only grow, but for the sizes and what is said of the last transaction."""

    full_transactions: int = 0
    delta_transactions: int = 0
    errors: int = 0
    drift_repairs: int = 0
    bumps: int = 0
    generation: int = 0
    classes: int = 0
    sets: int = 0
    elements: int = 0
    last_transaction_s: float = 0.0
    last_was_full: bool = False
    failures_in_a_row: int = 0
    last_error: str = ""


class Table:
    """Our table; ``chains`` and ``sets`` name what is in it, or may be after something has failed."""

    def __init__(self, runner: Runner, clock: Callable[[], float]) -> None:
        self.figures = Figures()
        self.chains: frozenset[str] = frozenset()
        self.sets: frozenset[str] = frozenset()
        self._runner, self._clock = runner, clock

    @property
    def is_bounded(self) -> bool:
        """Tell whether the kernel takes only so much at once."""
        return self._runner.most_bytes is not None

    def fits(self, text: str) -> bool:
        """Tell whether a text is sure to be taken at once."""
        return fits(text, self._runner.most_bytes)

    def read(self) -> Listing:
        """List the table, and know from now on what is in it. Raises ``PodfenceError``."""
        listing = self.look()
        self.note(listing)
        return listing

    def look(self) -> Listing:
        """List the table. Raises ``PodfenceError``."""
        return self._runner.list_table()

    def note(self, listing: Listing) -> None:
        """Know what is in the table."""
        self.chains, self.sets = frozenset(listing.chains), listing.set_names

    def expect(self, chains: Collection[str], sets: Collection[str]) -> None:
        """Know that chains and sets may be there from now on, whether or not what makes them succeeds."""
        self.chains |= set(chains)
        self.sets |= set(sets)

    def forget(self, chains: Collection[str], sets: Collection[str]) -> None:
        """Know that chains and sets are gone."""
        self.chains -= set(chains)
        self.sets -= set(sets)

    def begin(self, generation: int) -> None:
        """Know that a generation is in force."""
        self.figures.bumps += generation != self.figures.generation
        self.figures.generation = generation

    def follow(self, found: Difference) -> None:
        """Know that the table has gone from one state to another."""
        self.chains = (self.chains | found.chains.keys()) - set(found.dropped_chains)
        self.sets = (self.sets | found.sets.keys()) - set(found.dropped_sets)

    def hold(self, desired: Desired, generation: int) -> None:
        """Know that the table is a desired state."""
        self.chains, self.sets = frozenset(all_chains(desired, generation)), frozenset(desired.sets)
        self.figures.last_was_full = True

    def run(self, text: str, *, full: bool) -> None:
        """Run a transaction. Raises ``PodfenceError``."""
        start = self._clock()
        try:
            self._runner.apply(text)
        except PodfenceError as error:
            self.figures.errors += 1
            self.figures.last_error = str(error)
            raise
        self.figures.last_transaction_s = self._clock() - start
        self.figures.last_was_full = full
        if full:
            self.figures.full_transactions += 1
        else:
            self.figures.delta_transactions += 1

    def run_in_pieces(self, lines: Iterable[str]) -> None:
        """Run commands in as few transactions as are sure to fit. Raises ``PodfenceError`` when one is refused."""
        for text in cut(lines, self._runner.most_bytes):
            self.run(text, full=False)
