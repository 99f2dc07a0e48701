"""``test`` for people: passed or failed in the first line, then each failure with what ``why`` says of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from podfence.engine.assertions import Flaw, Outcome
from podfence.report.addresses import ranges_text
from podfence.report.patch import Lines
from podfence.report.term import Terminal
from podfence.report.why_text import why_text

_MOST_OTHERS = 12


def assertions_text(outcomes: Sequence[Outcome], lines: Lines, terminal: Terminal, *, verbose: bool) -> Iterator[str]:
    """Write outcomes as lines of text; ``verbose`` names what holds as well."""
    failed = [outcome for outcome in outcomes if not outcome.holds]
    noun = "test" if len(outcomes) == 1 else "tests"
    tried = sum(outcome.tried for outcome in outcomes)
    by = f", with {tried:,} connections of real packets" if tried else ""
    if failed:
        yield terminal.line(f"{terminal.paint('FAILED', 'denied')}  {len(failed)} of {len(outcomes):,} {noun}{by}.")
    else:
        yield terminal.line(f"{terminal.paint('PASSED', 'allowed')}  {len(outcomes):,} {noun}{by}.")
    yield from (
        terminal.line(f"{item.assertion.position}  judged, and not tried with packets: {', '.join(item.untried)}")
        for item in outcomes
        if item.untried and not item.error
    )
    if verbose:
        yield from (terminal.line(f"ok      {item.assertion.name}") for item in outcomes if item.holds)
    for outcome in failed:
        yield ""
        yield from _failure(outcome, lines, terminal)


def _failure(outcome: Outcome, lines: Lines, terminal: Terminal) -> Iterator[str]:
    word = terminal.paint("ERROR" if outcome.error else "FAILED", "denied")
    position = terminal.paint(str(outcome.assertion.position), "name")
    yield terminal.line(f"{position}  {word}  {outcome.assertion.name}")
    if outcome.error:
        yield terminal.line(f"  {outcome.error}")
    for flaw in outcome.flaws:
        yield terminal.line(f"  {flaw_text(flaw, expected=outcome.assertion.allowed)}")
        if flaw.explanation is not None:
            told = why_text(flaw.explanation, None, lines, terminal)
            yield from (f"    {line}".rstrip() for line in told.rstrip("\n").split("\n")[1:])


def flaw_text(flaw: Flaw, *, expected: bool) -> str:
    """Say in one line what is not as expected."""
    if flaw.packets:
        return f"{flaw.source} → {flaw.destination} {flaw.port}: {flaw.packets}"
    if flaw.others:
        names = [ranges_text(item.ranges) if item.ranges else item.id for item in flaw.others]
        more = f" and {len(names) - _MOST_OTHERS} more" if len(names) > _MOST_OTHERS else ""
        return (
            f"nobody else should reach {flaw.destination} {flaw.port}, but can: {', '.join(names[:_MOST_OTHERS])}{more}"
        )
    unsure = flaw.explanation is not None and not expected and not flaw.explanation.verdict.allowed
    was = "denied, expected allowed" if expected else f"{'perhaps ' * unsure}allowed, expected denied"
    return f"{flaw.source} → {flaw.destination} {flaw.port}: {was}"
