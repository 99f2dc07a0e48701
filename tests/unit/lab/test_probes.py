"""When a probe changes its mind."""

from __future__ import annotations

from podfence.lab.probes import ProbeRecord, Thresholds


def test_the_defaults_are_those_of_the_api() -> None:
    assert Thresholds.of({}) == Thresholds(delay_s=0, period_s=10, timeout_s=1, successes=1, failures=3)


def judgements(outcomes: str, **probe: int) -> list[bool | None]:
    record = ProbeRecord(Thresholds.of(probe))
    return [record.add(succeeded=outcome == "+") for outcome in outcomes]


def test_three_failures_in_a_row_are_a_failure() -> None:
    assert judgements("--+---") == [None, None, True, None, None, False]


def test_thresholds_of_the_probe_count() -> None:
    assert judgements("+-++", successThreshold=2, failureThreshold=1) == [None, False, None, True]
