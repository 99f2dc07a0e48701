"""When a probe changes its mind."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from podfence.lab.probes import ProbeRecord, ProbeTarget, Thresholds, run_probe
from podfence.lab.zygote_client import Zygote


def test_the_defaults_are_those_of_the_api() -> None:
    assert Thresholds.of({}) == Thresholds(delay_s=0, period_s=10, timeout_s=1, successes=1, failures=3)


def judgements(outcomes: str, **probe: int) -> list[bool | None]:
    record = ProbeRecord(Thresholds.of(probe))
    return [record.add(succeeded=outcome == "+") for outcome in outcomes]


def test_three_failures_in_a_row_are_a_failure() -> None:
    assert judgements("--+---") == [None, None, True, None, None, False]


def test_thresholds_of_the_probe_count() -> None:
    assert judgements("+-++", successThreshold=2, failureThreshold=1) == [None, False, None, True]


_NO_HEADERS = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"


async def _never(_command: object, _timeout_s: float) -> tuple[int, bytes]:
    await asyncio.Event().wait()
    raise AssertionError


class _Silent:
    async def open_socket(self, *_: object, **__: object) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ({"exec": {"command": ["sleep", "9"]}}, 'command timed out: "sleep 9" timed out after 0.01s'),
        ({"tcpSocket": {"port": "web"}}, "dial tcp 10.0.0.5:8080: i/o timeout"),
        (
            {"httpGet": {"port": 80, "path": "healthz"}},
            f'Get "http://10.0.0.5:80/healthz": {_NO_HEADERS}',
        ),
    ],
)
def test_a_probe_that_takes_too_long_says_so_in_the_kubelets_words(action: dict[str, object], words: str) -> None:
    target = ProbeTarget(
        zygote=cast("Zygote", _Silent()),
        node_place="node/n",
        address="10.0.0.5",
        ports={"web": 8080},
        exec=_never,
        is_stand_in=False,
    )
    assert asyncio.run(run_probe(action, target, 0.01)) == words
