"""Holds what is enforced: brings the kernel from one desired state to the next, and puts right what others changed.

It never lists or touches anything but our own table, and it removes that only when told to: what is enforced stays
enforced whatever happens to this process.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from podfence.dataplane.classes import MOST_RULES
from podfence.dataplane.content import Content
from podfence.dataplane.difference import DISPATCH, Desired, Difference, all_chains, difference
from podfence.dataplane.drift import drift
from podfence.dataplane.listing import Listing
from podfence.dataplane.members import READY
from podfence.dataplane.objects import Chain
from podfence.dataplane.pieces import cut, fits
from podfence.dataplane.runner import Runner
from podfence.dataplane.settings import Settings
from podfence.dataplane.takeover import Takeover, take_over
from podfence.dataplane.transaction import (
    declare_lines,
    delta_text,
    fill_lines,
    full_text,
    prepare_lines,
    prepare_text,
    sweep_lines,
    take_over_text,
    uninstall_text,
)
from podfence.model.error import PodfenceError

FAILURES_UNTIL_FAILING = 3
"""States in a row that the kernel did not take, after which the enforcer calls itself failing; it goes on trying."""


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
        self.figures = Figures()
        self._runner, self._forget_stamps, self._clock = runner, forget_stamps, clock
        self._enforced: Desired | None = None
        self._chains: frozenset[str] = frozenset()
        self._sets: frozenset[str] = frozenset()

    @property
    def is_failing(self) -> bool:
        """Tell whether so many states in a row were not taken that people should know."""
        return self.figures.failures_in_a_row >= FAILURES_UNTIL_FAILING

    @property
    def enforced_sets(self) -> frozenset[str]:
        """Name the sets and maps that are in the table, as far as is known."""
        return self._sets

    def adopt(self) -> int:
        """Take over what an earlier agent left; gives its generation, 0 for nothing. Raises ``PodfenceError``.

        Its rules stay as they are until the first ``apply``, which replaces them in one transaction.
        """
        listing = self._runner.list_table()
        self._note(listing)
        self.figures.generation = listing.generation
        self._enforced = None
        return listing.generation

    def apply(self, desired: Desired) -> None:
        """Enforce a state: what differs from the last, or all of it where that is not known or not possible.

        Raises ``PodfenceError`` when the kernel takes neither; then what was enforced before still is.
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
        self._chains = (self._chains | found.chains.keys()) - set(found.dropped_chains)
        self._sets = (self._sets | found.sets.keys()) - set(found.dropped_sets)
        self._enforce(desired, generation)

    def check_drift(self) -> tuple[str, ...]:
        """Compare the kernel with what is enforced; repairs, and gives a line for each thing that was not as it should.

        Raises ``PodfenceError`` when that is not possible.
        """
        enforced = self._enforced
        if enforced is None:
            return ()
        listing = self._runner.list_table()
        found = drift(listing, enforced, self.figures.generation)
        if found:
            self._note(listing)
            self.figures.drift_repairs += 1
            self._replace(enforced)
        return found

    def uninstall(self) -> None:
        """Remove the table, and with it all enforcement. Raises ``PodfenceError``."""
        self._run(uninstall_text(), full=True)
        self._enforced, self._chains, self._sets = None, frozenset(), frozenset()
        self.figures.generation = 0

    def _switch(self, found: Difference, desired: Desired, generation: int | None) -> None:
        new_chains = found.chains.keys() - self._chains
        text = delta_text(found, desired.settings, generation)
        if not fits(text, self._runner.most_bytes):
            self._prepare_in_pieces(desired, new_chains, found.sets.keys())
            text = delta_text(_switching(found, new_chains), desired.settings, generation)
            self._run(text, full=False)
            self._run_in_pieces(sweep_lines(found.dropped_chains, found.dropped_sets))
            return
        if _leads_to(found, new_chains):
            self._prepare(desired, new_chains, found.sets.keys())
            text = delta_text(_without_prepared(found, new_chains), desired.settings, generation)
        self._run(text, full=False)

    def _replace(self, desired: Desired) -> None:
        """Put the whole state in the place of whatever is in the table, and switch to it in one transaction."""
        # Until this has worked nobody knows how the kernel differs from any state that a compiler has moved on from.
        self._enforced = None
        generation = self._next(desired.settings)
        attempts = (self._replace_known, self._replace_listed, self._replace_table)
        for attempt in attempts if self._can_replace(desired, generation) else (self._take_over,):
            try:
                attempt(desired, generation)
            except PodfenceError as error:
                self.figures.last_error = str(error)
            else:
                self._enforce(desired, generation)
                return
        self.figures.failures_in_a_row += 1
        raise PodfenceError(self.figures.last_error)

    def _can_replace(self, desired: Desired, generation: int) -> bool:
        """Tell whether the whole state is one transaction, whatever is there."""
        most = self._runner.most_bytes
        if most is None:
            return True
        text = full_text(desired, generation, self._chains, self._sets)
        return fits(uninstall_text() + text, most)

    def _replace_listed(self, desired: Desired, generation: int) -> None:
        """Replace what really is there: somebody may have taken a chain or the whole table away."""
        self._note(self._runner.list_table())
        self._replace_known(desired, generation)

    def _replace_table(self, desired: Desired, generation: int) -> None:
        """Replace the table itself, hooks and all, when something in it has our names and is of another kind."""
        self._run(uninstall_text() + full_text(desired, generation), full=True)
        self._chains = frozenset(all_chains(desired, generation))
        self._sets = frozenset(desired.sets)

    def _replace_known(self, desired: Desired, generation: int) -> None:
        new_chains = desired.chains.keys() - self._chains
        if self._chains and new_chains:
            self._prepare(desired, new_chains, desired.sets.keys() - self._sets)
        self._run(full_text(desired, generation, self._chains, self._sets), full=True)
        self._chains = frozenset(all_chains(desired, generation))
        self._sets = frozenset(desired.sets)

    def _prepare(self, desired: Desired, chains: Collection[str], sets: Collection[str]) -> None:
        self._run(prepare_text(desired, chains, sets), full=False)
        self._chains |= set(chains)
        self._sets |= set(sets)

    def _take_over(self, desired: Desired, generation: int) -> None:
        """Add what is new, switch to it and what differs, and remove what is left over."""
        found = self._found(desired)
        try:
            self._run_in_pieces(declare_lines(desired))
        except PodfenceError:
            # Something has our names and is of another kind.
            self._refill_table(desired, generation)
            return
        new_chains = self._addable(found.difference.chains)
        self._prepare_in_pieces(desired, new_chains, found.difference.sets.keys())
        try:
            self._finish(found, new_chains, desired, generation)
        except _TooLargeError:
            self._refill_table(desired, generation)

    def _refill_table(self, desired: Desired, generation: int) -> None:
        """Replace the table by one in which no pod is ready, add everything else, and then say who is ready.

        What the settings want to happen to pods that are not ready happens to all meanwhile. So it is done only where
        there is no other way, and if it fails they stay so until it is done again.
        """
        empty = Content(desired.settings).desired
        self._run(uninstall_text() + full_text(empty, generation), full=True)
        found = self._found(desired)
        new_chains = found.difference.chains.keys()
        self._prepare_in_pieces(desired, new_chains, found.difference.sets.keys())
        last = set(READY.values())
        added = sorted(found.difference.added.items(), key=lambda item: item[0] in last)
        self._run_in_pieces(fill_lines(dict(added)))
        done = msgspec.structs.replace(found.difference, added={})
        self._finish(msgspec.structs.replace(found, difference=done), new_chains, desired, generation)

    def _found(self, desired: Desired) -> Takeover:
        listing = self._runner.list_table()
        self._note(listing)
        return take_over(listing, desired)

    def _addable(self, chains: Mapping[str, Chain]) -> frozenset[str]:
        """Give the chains that may be written in pieces: those that are not there.

        A large one that somebody began to write is taken away first; the kernel refuses that if something leads there.
        """
        large = [name for name, chain in chains.items() if len(chain.rules) > MOST_RULES]
        for name in self._chains.intersection(large):
            with contextlib.suppress(PodfenceError):
                self._runner.apply("".join(f"{line}\n" for line in sweep_lines([name], [])))
                self._chains -= {name}
        return frozenset(chains) - self._chains

    def _finish(self, found: Takeover, prepared: Collection[str], desired: Desired, generation: int) -> None:
        rest = msgspec.structs.replace(found, difference=_switching(found.difference, prepared))
        text = take_over_text(rest, desired, generation)
        try:
            self._run(text, full=True)
        except PodfenceError as error:
            if fits(text, self._runner.most_bytes):
                raise
            raise _TooLargeError(str(error)) from None
        self._run_in_pieces(sweep_lines(found.difference.dropped_chains, found.difference.dropped_sets))
        self._chains = frozenset(all_chains(desired, generation))
        self._sets = frozenset(desired.sets)

    def _prepare_in_pieces(self, desired: Desired, chains: Collection[str], sets: Collection[str]) -> None:
        self._run_in_pieces(prepare_lines(desired, chains, sets))
        self._chains |= set(chains)
        self._sets |= set(sets)

    def _run_in_pieces(self, lines: Iterable[str]) -> None:
        for text in cut(lines, self._runner.most_bytes):
            self._run(text, full=False)

    def _next(self, settings: Settings) -> int:
        """Give the generation by which all connections are judged again.

        Before the first and after the last one there may be connections that bear a number which is given again.
        """
        if 0 < self.figures.generation < settings.last_generation:
            return self.figures.generation + 1
        self._forget_stamps(self.figures.generation)
        return 1

    def _run(self, text: str, *, full: bool) -> None:
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

    def _enforce(self, desired: Desired, generation: int) -> None:
        self._enforced = desired
        self.figures.failures_in_a_row = 0
        self.figures.bumps += generation != self.figures.generation
        self.figures.generation = generation
        self.figures.classes = len(desired.classes)
        self.figures.sets = len(desired.sets)
        self.figures.elements = sum(map(len, desired.elements.values()))

    def _note(self, listing: Listing) -> None:
        self._chains, self._sets = frozenset(listing.chains), listing.set_names


class _TooLargeError(PodfenceError):
    """What must happen at once is more than the kernel takes at once."""


def _leads_to(found: Difference, chains: Collection[str]) -> bool:
    """Tell whether a map shall lead to one of some chains."""
    elements = (element for name in DISPATCH for element in found.added.get(name, {}).values())
    return bool(chains) and any(element.verdict.removeprefix("jump ") in chains for element in elements)


def _switching(found: Difference, prepared: Collection[str]) -> Difference:
    """Leave of a difference what must happen at once: neither what is there already nor what can go afterwards."""
    return msgspec.structs.replace(_without_prepared(found, prepared), dropped_chains=(), dropped_sets=())


def _without_prepared(found: Difference, prepared: Collection[str]) -> Difference:
    """Leave out of a difference what is there already: the new sets, and chains that were new."""
    return msgspec.structs.replace(
        found,
        sets={},
        added={name: elements for name, elements in found.added.items() if name not in found.sets},
        chains={name: chain for name, chain in found.chains.items() if name not in prepared},
    )
