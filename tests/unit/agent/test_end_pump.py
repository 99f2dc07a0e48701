"""From what the kernel tells of ended connections to the readers' lines."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from podfence.agent.end_pump import MOST_IN_A_TICK, EndPump
from podfence.agent.flow_server import FlowServer
from podfence.agent.metrics import Metrics
from podfence.flows.owners import Owners
from podfence.flows.recent import Recent
from podfence.flows.record import Carried, Ended, FlowRecord
from podfence.flows.request import FlowRequest
from podfence.flows.resolve import Resolver
from podfence.model.net import parse_address
from podfence.model.objects import Pod
from podfence.model.snapshot import Snapshot
from tests.unit.agent.conftest import silent_logs  # noqa: F401 (a fixture that this file uses by itself)
from tests.unit.dataplane.test_endings import RECORDED_TCP

SELF = Pod("shop", "self", addresses=(parse_address("127.0.0.1"),), node="n1", workload=("Pod", "self"))


class ScriptedEnds:
    """A reader in which a test writes."""

    def __init__(self) -> None:
        self.lost: list[int] = []
        self.waiting: list[bytes] = []
        self.error: OSError | None = None
        self.closed = self.reads = 0
        self._read, self._write = os.pipe()

    def fileno(self) -> int:
        return self._read

    def read(self, most: int) -> Iterator[bytes]:
        self.reads += 1
        if self.error is not None:
            raise self.error
        for _ in range(min(most, len(self.waiting))):
            yield self.waiting.pop(0)

    def newly_lost(self) -> int:
        if self.error is not None:
            raise self.error
        return self.lost.pop(0) if self.lost else 0

    def wake(self) -> None:
        os.write(self._write, b"x")

    def close(self) -> None:
        self.closed += 1
        os.close(self._read)
        os.close(self._write)


class Bench:
    """A pump between a scripted reader and a buffer."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.readers: list[ScriptedEnds] = []
        self.refusal: OSError | None = None
        self.recent = Recent()
        self.metrics = Metrics()
        self.pump = EndPump(
            self.open,
            Resolver("n1", Owners(Snapshot(pods=(SELF,)))),
            FlowServer(Path("unused"), self.recent, lambda _: None, lambda _: None),
            self.metrics,
            clock=lambda: self.now_s,
            steady=lambda: self.now_s,
        )

    def open(self) -> ScriptedEnds:
        if self.refusal is not None:
            raise self.refusal
        self.readers.append(ScriptedEnds())
        return self.readers[-1]

    @property
    def lines(self) -> list[FlowRecord]:
        return [*self.recent.read(FlowRequest(ended=True))]

    def counted(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"podfence_{name}_total")


def run(story: Callable[[Bench], Awaitable[None]]) -> None:
    async def main() -> None:
        bench = Bench()
        try:
            await story(bench)
        finally:
            bench.pump.want(False)
        assert all(reader.closed == 1 for reader in bench.readers)

    asyncio.run(main())


def test_equal_ends_are_added_up_and_let_out_when_their_second_is_over() -> None:
    async def story(bench: Bench) -> None:
        bench.pump.want(True)
        bench.readers[0].waiting = [RECORDED_TCP] * 3
        bench.pump.pump()
        assert [line.count for line in bench.lines] == [1]
        bench.now_s = 1.0
        bench.pump.tick()
        assert [line.count for line in bench.lines] == [1, 2]
        ended = bench.lines[1].ended
        assert isinstance(ended, Ended)
        assert (ended.sent, ended.received) == (Carried(10, 2 * 1268), Carried(6, 2 * 164))

    run(story)


def test_of_a_storm_no_more_than_its_share_is_read_in_a_tick_and_the_rest_waits_in_the_kernel() -> None:
    async def story(bench: Bench) -> None:
        bench.pump.want(True)
        (reader,) = bench.readers
        reader.waiting = [RECORDED_TCP] * (MOST_IN_A_TICK + 50)
        reader.wake()  # and nobody takes it out: it could be read at any time
        for left in (50, 0):
            for _ in range(100):
                await asyncio.sleep(0)
            assert len(reader.waiting) == left
            # While there is no room it does not ask again and again for nothing.
            assert not left or reader.reads < 20
            bench.now_s += 1.0
            bench.pump.tick()
        assert sum(line.count for line in bench.lines) == MOST_IN_A_TICK + 50

    run(story)


def test_other_work_of_the_loop_has_its_turns_in_a_storm() -> None:
    async def story(bench: Bench) -> None:
        bench.pump.want(True)
        bench.readers[0].waiting = [RECORDED_TCP] * MOST_IN_A_TICK
        bench.readers[0].wake()
        waiting = []
        for _ in range(100):
            await asyncio.sleep(0)
            waiting.append(len(bench.readers[0].waiting))
        assert waiting[-1] == 0
        assert len(set(waiting)) > 5

    run(story)


def test_what_the_kernel_lost_is_in_the_metrics_once() -> None:
    async def story(bench: Bench) -> None:
        bench.pump.want(True)
        bench.readers[0].lost = [7, 0, 2]
        found = []
        for _ in range(4):
            bench.pump.tick()
            found.append(bench.counted("ct_events_lost"))
        assert found == [7, 7, 9, 9]

    run(story)


def test_nothing_is_open_while_nobody_asks_and_what_was_added_up_goes_out_at_the_end() -> None:
    async def story(bench: Bench) -> None:
        bench.pump.pump()
        assert bench.readers == []
        bench.pump.want(True)
        bench.pump.want(True)
        bench.readers[0].waiting = [RECORDED_TCP] * 3
        bench.pump.pump()
        bench.pump.want(False)
        assert [line.count for line in bench.lines] == [1, 2]
        bench.pump.want(True)
        assert [reader.closed for reader in bench.readers] == [1, 0]

    run(story)


def test_a_reader_that_breaks_is_let_go_and_the_agent_goes_on() -> None:
    async def story(bench: Bench) -> None:
        running = asyncio.ensure_future(bench.pump.run())
        bench.pump.want(True)
        bench.readers[0].error = OSError(errno.EBADF, os.strerror(errno.EBADF))
        bench.readers[0].wake()
        async with asyncio.timeout(10):
            while not bench.readers[0].closed:  # noqa: ASYNC110 (the pump has no event for it)
                await asyncio.sleep(0)
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run(story)


def test_a_kernel_that_tells_nobody_ends_nothing() -> None:
    async def story(bench: Bench) -> None:
        bench.refusal = OSError(errno.EPROTONOSUPPORT, os.strerror(errno.EPROTONOSUPPORT))
        bench.pump.want(True)
        bench.pump.pump()
        bench.pump.tick()
        assert bench.lines == []

    run(story)


def test_bytes_that_are_no_ending_are_passed_over() -> None:
    async def story(bench: Bench) -> None:
        bench.pump.want(True)
        bench.readers[0].waiting = [b"", b"\xff" * 40, RECORDED_TCP[:100], RECORDED_TCP]
        bench.pump.pump()
        assert len(bench.lines) == 1

    run(story)
