"""``./dev fuzz``: what it finds, how long it goes on, and what it says of a failure."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import run as fuzz


def odd(seed: int) -> str | None:
    return f"{seed} is odd" if seed % 2 else None


def raising(seed: int) -> str | None:
    raise ValueError(str(seed))


class Clock:
    """Tells a minute more each time."""

    def __init__(self) -> None:
        self.minutes = 0

    def __call__(self) -> float:
        """Tell the time in seconds."""
        self.minutes += 1
        return self.minutes * 60.0


def test_the_fuzzer_of_the_evaluators_is_found() -> None:
    assert "fuzz_evaluators" in dict(fuzz.discover(Path(fuzz.__file__).parent))


def test_fuzzers_take_turns_until_the_time_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    failures = fuzz.run({"fuzz_odd": odd}, 10, minutes=4, clock=Clock())
    out = capsys.readouterr().out
    assert failures == 2
    assert "fuzz_odd failed; again with: ./dev fuzz --only fuzz_odd --seed 11 --minutes 0\n11 is odd" in out
    assert "fuzz_odd: 4 seeds, 2 failures" in out


def test_an_exception_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.run({"fuzz_raising": raising}, 7, minutes=0, clock=Clock()) == 1
    assert "ValueError: 7" in capsys.readouterr().out


def test_without_time_each_fuzzer_runs_once_and_a_good_end_is_zero() -> None:
    assert fuzz.main(["--only", "evaluators", "--seed", "1", "--minutes", "0"]) == 0


def test_a_name_that_no_fuzzer_has_is_said() -> None:
    assert fuzz.main(["--only", "nothing-of-the-kind"]) == 2
