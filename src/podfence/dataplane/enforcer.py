"""Holds what is enforced: brings the kernel from one desired state to the next, and puts right what others changed.

It never lists or touches anything but our own table, and it removes that only when told to: what is enforced stays
enforced whatever happens to this process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from podfence.dataplane import piecewise, stand_in
from podfence.dataplane.baseline import Baseline
from podfence.dataplane.difference import DISPATCH, Desired, Difference, all_chains, difference
from podfence.dataplane.drift import drift
from podfence.dataplane.listing import Listing
from podfence.dataplane.naming import is_stand_in
from podfence.dataplane.runner import Runner
from podfence.dataplane.settings import Settings
from podfence.dataplane.table import Figures, Table
from podfence.dataplane.transaction import delta_text, full_text, prepare_text, uninstall_text
from podfence.model.error import PodfenceError

FAILURES_UNTIL_FAILING = 3
"""States in a row that the kernel did not take, after which the enforcer calls itself failing; it goes on trying."""


class Enforcer:
    """What one network namespace enforces.

    ``forget_stamps`` is called before the generation starts at 1, with the number in force (0 for none): it must make
    all connections forget every other number, or old ones would count as allowed.
    """

    def __init__(
        self,
        runner: Runner,
        *,
        forget_stamps: Callable[[int], None] = lambda _: None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._table = Table(runner, clock)
        self._forget_stamps = forget_stamps
        self._enforced: Desired | None = None
        self._baseline = Baseline()

    @property
    def figures(self) -> Figures:
        """Give the counters and sizes for metrics."""
        return self._table.figures

    @property
    def is_failing(self) -> bool:
        """Tell whether so many states in a row were not taken that people should know."""
        return self.figures.failures_in_a_row >= FAILURES_UNTIL_FAILING

    def adopt(self) -> Listing:
        """Take over what an earlier agent left, and give what that is. Raises ``PodfenceError``.

        Its rules stay as they are until the first ``apply``, which switches to others in one transaction.
        """
        listing = self._table.read()
        self.figures.generation = listing.generation
        self._enforced = None
        return listing

    def apply(self, desired: Desired) -> None:
        """Enforce a state: what differs from the last, or all of it where that is not known or not possible.

        Raises ``PodfenceError`` when the kernel takes neither; then what was enforced before still is, unless it was
        only to clear up that failed.
        """
        enforced = self._enforced
        if enforced is None or enforced.settings != desired.settings:
            self._replace(desired)
        else:
            self.apply_difference(difference(enforced, desired), desired)

    def apply_difference(self, found: Difference, desired: Desired) -> None:
        """Enforce a state of which it is known how it differs from the last one that was given here.

        ``desired`` may be the very object that was given before, as a compiler keeps it. Raises ``PodfenceError``.
        """
        if self._enforced is None or self._enforced.settings != desired.settings:
            self._replace(desired)
            return
        if found.is_empty:
            self._enforced = desired
            return
        bump = found.shrinks and desired.settings.cutoff == "all"
        generation = self._next(desired.settings) if bump else self.figures.generation
        try:
            self._switch(found, desired, generation if bump else None)
        except PodfenceError:
            self._replace(desired)
            return
        self._table.follow(found)
        self._enforce(desired, generation)

    def check_drift(self) -> tuple[str, ...]:
        """Compare the kernel with what is enforced; repairs, and gives a line for each thing that was not as it should.

        Raises ``PodfenceError`` when that is not possible.
        """
        enforced = self._enforced
        if enforced is None:
            return ()
        listing = self._table.look()
        chains = all_chains(enforced, self.figures.generation)
        found = drift(listing, enforced, chains, self._baseline)
        if found:
            self._table.note(listing)
            self.figures.drift_repairs += 1
            self._replace(enforced)
            # Listed at once, lest the next look believes whoever is quicker.
            chains = all_chains(enforced, self.figures.generation)
            listing = self._table.look()
        self._baseline.keep(listing, chains)
        return found

    def uninstall(self) -> None:
        """Remove the table, and with it all enforcement. Raises ``PodfenceError``."""
        self._table.run(uninstall_text(), full=True)
        self._table.note(Listing())
        self._enforced = None
        self.figures.generation = 0

    def _switch(self, found: Difference, desired: Desired, generation: int | None) -> None:
        table = self._table
        text = delta_text(found, desired.settings, generation)
        if not table.fits(text):
            piecewise.switch(table, found, desired, generation)
            return
        new_chains = found.chains.keys() - table.chains
        if _leads_to(found, new_chains):
            self._prepare(desired, new_chains, found.sets.keys())
            text = delta_text(piecewise.without_prepared(found, new_chains), desired.settings, generation)
        table.run(text, full=False)

    def _replace(self, desired: Desired) -> None:
        """Put the whole state in the place of whatever is in the table, and switch to it in one transaction."""
        # Until this has worked nobody knows how the kernel differs from any state that a compiler has moved on from.
        self._enforced = None
        generation = self._next(desired.settings)
        for attempt in self._attempts(desired, generation):
            try:
                attempt(desired, generation)
            except PodfenceError as error:
                self.figures.last_error = str(error)
            else:
                self._enforce(desired, generation)
                return
        self.figures.failures_in_a_row += 1
        raise PodfenceError(self.figures.last_error)

    def _attempts(self, desired: Desired, generation: int) -> tuple[Callable[[Desired, int], None], ...]:
        """Give the ways to replace everything, the next for when one fails."""
        # What stands in may be in force: to leave it and to remove it must be two transactions.
        if any(map(is_stand_in, self._table.chains)) or not self._is_one_transaction(desired, generation):
            return (self._replace_by_stand_in,)
        return self._replace_known, self._replace_listed, self._replace_by_stand_in

    def _is_one_transaction(self, desired: Desired, generation: int) -> bool:
        """Tell whether the whole state is, whatever is there."""
        table = self._table
        return not table.is_bounded or table.fits(full_text(desired, generation, table.chains, table.sets))

    def _replace_listed(self, desired: Desired, generation: int) -> None:
        """Replace what really is there: somebody may have taken a chain or the whole table away."""
        self._table.read()
        self._replace_known(desired, generation)

    def _replace_by_stand_in(self, desired: Desired, generation: int) -> None:
        """Replace what has our names and is of another kind, what an earlier stand-in left, and what is too much."""
        stand_in.replace(self._table, desired, generation)

    def _replace_known(self, desired: Desired, generation: int) -> None:
        table = self._table
        new_chains = desired.chains.keys() - table.chains
        if table.chains and new_chains:
            self._prepare(desired, new_chains, desired.sets.keys() - table.sets)
        table.run(full_text(desired, generation, table.chains, table.sets), full=True)
        table.hold(desired, generation)

    def _prepare(self, desired: Desired, chains: Collection[str], sets: Collection[str]) -> None:
        self._table.run(prepare_text(desired, chains, sets), full=False)
        self._table.expect(chains, sets)

    def _next(self, settings: Settings) -> int:
        """Give the generation by which all connections are judged again.

        Before the first and after the last one there may be connections that bear a number which is given again.
        """
        if 0 < self.figures.generation < settings.last_generation:
            return self.figures.generation + 1
        self._forget_stamps(self.figures.generation)
        return 1

    def _enforce(self, desired: Desired, generation: int) -> None:
        self._enforced = desired
        self.figures.failures_in_a_row = 0
        self._table.begin(generation)
        self.figures.classes = len(desired.classes)
        self.figures.sets = len(desired.sets)
        self.figures.elements = sum(map(len, desired.elements.values()))


def _leads_to(found: Difference, chains: Collection[str]) -> bool:
    """Tell whether a map shall lead to one of some chains."""
    elements = (element for name in DISPATCH for element in found.added.get(name, {}).values())
    return bool(chains) and any(element.verdict.removeprefix("jump ") in chains for element in elements)
