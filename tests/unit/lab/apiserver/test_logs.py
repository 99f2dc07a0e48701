"""Logs: which container is meant, and which of its lines are wanted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from podfence.lab.apiserver.http.logs import LogOptions, check_started, chosen_container, log_options, log_text
from podfence.lab.apiserver.status import StatusError

ALL = LogOptions("c", follow=False, previous=False, timestamps=False, tail=None, since=0.0, limit=None)
LINES = [(10.0, b"one\n"), (20.5, b"two\n"), (30.0, b"three")]


def pod(*containers: str, inits: tuple[str, ...] = (), status: Any = None) -> dict[str, Any]:  # noqa: ANN401 (any status)
    spec = {"containers": [{"name": name} for name in containers], "nodeName": "n"}
    return {
        "metadata": {"name": "p", "namespace": "a"},
        "spec": spec | {"initContainers": [{"name": name} for name in inits]},
        "status": status or {},
    }


def text(**changes: object) -> bytes:
    async def lines() -> AsyncIterator[tuple[float, bytes]]:
        for line in LINES:
            yield line

    async def read() -> bytes:
        return b"".join([part async for part in log_text(lines(), msgspec.structs.replace(ALL, **changes))])

    return asyncio.run(read())


def test_a_log_is_its_lines() -> None:
    assert text() == b"one\ntwo\nthree\n"


def test_a_log_can_be_cut_by_lines_bytes_and_time() -> None:
    assert text(tail=1) == b"three\n"
    assert text(tail=0) == b""
    assert text(limit=6) == b"one\ntw"
    assert text(since=20.0) == b"two\nthree\n"


def test_times_stand_before_the_lines() -> None:
    assert text(timestamps=True, tail=2).splitlines()[0] == b"1970-01-01T00:00:20.500000000Z two"


def test_the_only_container_is_meant_and_several_are_named() -> None:
    assert chosen_container(pod("a"), "") == "a"
    assert chosen_container(pod("a", "b", inits=("i",)), "i") == "i"
    with pytest.raises(StatusError) as refused:
        chosen_container(pod("a", "b", inits=("i",)), "")
    expected = "a container name must be specified for pod p, choose one of: [a b] or one of the init containers: [i]"
    assert refused.value.message == expected
    with pytest.raises(StatusError, match="container x is not valid for pod p"):
        chosen_container(pod("a"), "x")


def test_a_container_that_waits_has_no_log() -> None:
    waiting = {"containerStatuses": [{"name": "a", "state": {"waiting": {"reason": "ContainerCreating"}}}]}
    with pytest.raises(StatusError) as refused:
        check_started(pod("a", status=waiting), "a")
    assert refused.value.message == 'container "a" in pod "p" is waiting to start: ContainerCreating'


def test_seconds_ago_become_a_time() -> None:
    assert log_options(pod("a"), {"sinceSeconds": "5", "follow": "true"}, 100.0).since == 95.0
    with pytest.raises(StatusError):
        log_options(pod("a"), {"tailLines": "x"}, 100.0)
