"""The socket that serves records: who reads what, and what happens to those who cannot keep up."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from podfence.agent.flow_server import FlowServer
from podfence.flows.recent import Recent
from podfence.model.error import PodfenceError
from tests.unit.flows.records import ACCEPTED, DENIED, ENDED


class Bench:
    """A server on a socket of its own, and its readers."""

    def __init__(self, path: Path, kept: int = 100) -> None:
        self.path = path
        self.interest: list[bool] = []
        self.interest_in_ends: list[bool] = []
        self.server = FlowServer(path, Recent(kept), self.interest.append, self.interest_in_ends.append)

    @asynccontextmanager
    async def reader(self, request: str) -> AsyncIterator[asyncio.StreamReader]:
        stream, writer = await asyncio.open_unix_connection(str(self.path))
        writer.write(request.encode() + b"\n")
        try:
            yield stream
        finally:
            writer.close()
            await writer.wait_closed()

    async def ask(self, request: str) -> list[dict[str, Any]]:
        async with self.reader(request) as stream:
            return [json.loads(line) for line in (await stream.read()).splitlines()]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 (what is waited for happens in the server, which has no event for it)
                await asyncio.sleep(0)


def run(path: Path, story: Callable[[Bench], Awaitable[None]]) -> None:
    async def main() -> None:
        bench = Bench(path)
        await bench.server.start()
        try:
            async with asyncio.timeout(30):
                await story(bench)
        finally:
            await bench.server.stop()

    asyncio.run(main())


def ids(lines: list[dict[str, Any]]) -> list[str]:
    return [line["verdictId"] for line in lines]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "flows" / "n1.sock"


def test_a_reader_gets_what_is_kept_and_the_end(path: Path) -> None:
    async def story(bench: Bench) -> None:
        for record in (DENIED, ACCEPTED, DENIED):
            bench.server.publish(record)
        assert ids(await bench.ask("")) == ["D1", "D1"]
        assert ids(await bench.ask("all")) == ["D1", "A1", "D1"]
        assert ids(await bench.ask("all last=2")) == ["A1", "D1"]
        assert await bench.ask(f"since={DENIED.time.timestamp() + 1}") == []

    run(path, story)


def test_a_follower_gets_what_is_kept_and_what_comes_each_once(path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.server.publish(DENIED)
        async with bench.reader("follow") as stream:
            assert json.loads(await stream.readline())["verdictId"] == "D1"
            bench.server.publish(ACCEPTED)
            bench.server.publish(msgspec.structs.replace(DENIED, verdict_id="D2"))
            assert json.loads(await stream.readline())["verdictId"] == "D2"

    run(path, story)


def test_accepted_connections_are_asked_for_while_somebody_follows_them(path: Path) -> None:
    async def story(bench: Bench) -> None:
        async with bench.reader("follow"):
            async with bench.reader("follow all"), bench.reader("follow all"):
                await bench.until(lambda: bench.interest == [True])
            await bench.until(lambda: bench.interest == [True, False])
        assert bench.interest == [True, False]

    run(path, story)


def test_ends_of_connections_are_for_those_who_ask_and_only_while_they_follow(path: Path) -> None:
    async def story(bench: Bench) -> None:
        async with bench.reader("follow all") as other, bench.reader("follow ended") as stream:
            await bench.until(lambda: bench.interest == [True] and bench.interest_in_ends == [True])
            for record in (ENDED, ACCEPTED, DENIED):
                bench.server.publish(record)
            assert [json.loads(await stream.readline())["verdictId"] for _ in range(2)] == ["", "D1"]
            assert [json.loads(await other.readline())["verdictId"] for _ in range(2)] == ["A1", "D1"]
        await bench.until(lambda: bench.interest_in_ends == [True, False])
        assert ids(await bench.ask("ended")) == ["", "D1"]
        assert ids(await bench.ask("")) == ["D1"]
        assert bench.interest_in_ends == [True, False]

    run(path, story)


def test_ends_that_were_lost_are_told_to_those_who_asked_for_ends(path: Path) -> None:
    async def story(bench: Bench) -> None:
        async with bench.reader("follow") as other, bench.reader("follow ended") as stream:
            await bench.until(lambda: bench.interest_in_ends == [True])
            bench.server.tell_lost_ends(5)
            bench.server.publish(DENIED)
            found = [json.loads(await stream.readline()) for _ in range(2)]
            assert [(line["kind"], line.get("by"), line["count"]) for line in found] == [
                ("Flow", None, 1),
                ("FlowsLost", "kernel", 5),
            ]
            assert json.loads(await other.readline())["kind"] == "Flow"

    run(path, story)


def test_a_reader_that_only_looks_back_asks_for_nothing_new(path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.ask("all ended")
        assert bench.interest == bench.interest_in_ends == []

    run(path, story)


def test_a_slow_reader_loses_records_and_is_told_how_many_while_others_lose_none(path: Path) -> None:
    async def story(bench: Bench) -> None:
        async with bench.reader("follow all") as slow:
            await bench.until(lambda: bench.interest == [True])
            # Nothing runs in between: what the server may queue for a reader is full long before the end.
            sent = 20_000
            for _ in range(sent):
                bench.server.publish(DENIED)
            received, lost = 0, 0
            while received + lost < sent:
                line = json.loads(await slow.readline())
                if line["kind"] == "FlowsLost":
                    assert line["by"] == "reader"
                    lost += line["count"]
                else:
                    received += line["count"]
            assert 0 < received < sent
            assert received + lost == sent
        assert len(await bench.ask("")) == 100

    run(path, story)


def test_what_the_kernel_lost_is_told_to_followers(path: Path) -> None:
    async def story(bench: Bench) -> None:
        async with bench.reader("follow all") as stream:
            await bench.until(lambda: bench.interest == [True])
            bench.server.tell_lost(5)
            line = json.loads(await stream.readline())
            assert (line["kind"], line["by"], line["count"]) == ("FlowsLost", "kernel", 5)

    run(path, story)


def test_a_request_that_never_ends_is_hung_up_on(path: Path) -> None:
    async def story(bench: Bench) -> None:
        assert await bench.ask("x" * 100_000) == []
        assert await bench.ask("") == []

    run(path, story)


def test_the_socket_is_for_its_user_and_group(path: Path) -> None:
    async def story(bench: Bench) -> None:
        assert stat.S_IMODE(bench.path.stat().st_mode) == 0o660
        assert stat.S_IMODE(bench.path.parent.stat().st_mode) == 0o750

    run(path, story)
    assert not path.exists()


def test_the_socket_of_a_killed_agent_is_taken_over(path: Path) -> None:
    path.parent.mkdir(parents=True, mode=0o750)
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))

    async def story(bench: Bench) -> None:
        assert await bench.ask("") == []

    run(path, story)


def test_a_second_agent_on_one_socket_is_refused(path: Path) -> None:
    async def story(bench: Bench) -> None:
        with pytest.raises(PodfenceError, match="another agent serves there"):
            await Bench(bench.path).server.start()
        assert await bench.ask("") == []

    run(path, story)


def test_a_file_that_is_no_socket_is_left_alone(path: Path) -> None:
    path.parent.mkdir(parents=True, mode=0o750)
    path.write_text("mine")

    async def story(_: Bench) -> None:
        pytest.fail("served on a file")

    with pytest.raises(PodfenceError, match="cannot be served"):
        run(path, story)
    assert path.read_text() == "mine"


def test_a_folder_where_others_may_write_is_refused(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.parent.chmod(0o777)

    async def story(_: Bench) -> None:
        pytest.fail("served where anybody may put a socket")

    with pytest.raises(PodfenceError, match="others may write there"):
        run(path, story)
