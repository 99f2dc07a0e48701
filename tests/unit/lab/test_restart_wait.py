"""Waits before restarts."""

from __future__ import annotations

from podfence.lab.restart_wait import RestartWait


def test_each_wait_is_longer_until_the_last_one_which_stays() -> None:
    wait = RestartWait((0.0, 10.0, 20.0), healthy_s=600)
    assert [wait.after(1) for _ in range(5)] == [0, 10, 20, 20, 20]


def test_a_program_that_has_run_well_for_a_while_is_waited_for_as_if_it_had_never_ended() -> None:
    wait = RestartWait((0.0, 10.0, 20.0), healthy_s=600)
    assert [wait.after(ran_s) for ran_s in (1, 1, 600, 601, 1)] == [0, 10, 20, 0, 10]
