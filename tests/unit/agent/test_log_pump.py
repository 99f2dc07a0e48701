"""From the kernel's log to the readers' lines."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from podfence.agent.flow_server import FlowServer
from podfence.agent.log_pump import LogPump
from podfence.agent.metrics import Metrics
from podfence.flows.nflog import Logged
from podfence.flows.owners import Owners
from podfence.flows.packet import TCP
from podfence.flows.recent import Recent
from podfence.flows.request import FlowRequest
from podfence.flows.resolve import Resolver
from podfence.model.error import PodfenceError
from tests.unit.flows.records import ipv4, logged, ports


class ScriptedLog:
    """A log in which a test writes."""

    def __init__(self) -> None:
        self.lost = 0
        self.descriptor = -1
        self.error: OSError | None = None
        self.waiting: list[Logged] = []

    def fileno(self) -> int:
        return self.descriptor

    def read(self) -> Iterator[Logged]:
        if self.error is not None:
            raise self.error
        while self.waiting:
            yield self.waiting.pop(0)


class Bench:
    """A pump between a scripted log and a buffer."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.log = ScriptedLog()
        self.recent = Recent()
        self.metrics = Metrics()
        server = FlowServer(Path("unused"), self.recent, lambda _: None, lambda _: None)
        self.pump = LogPump(
            self.log,
            Resolver("n1", Owners()),
            server,
            self.metrics,
            clock=lambda: self.now_s,
            steady=lambda: self.now_s,
        )

    def receive(self, *ports_: int) -> None:
        packets = (ipv4("10.0.0.1", "10.0.0.2", TCP, ports(1, port)) for port in ports_)
        self.log.waiting += [logged("D1", packet, time_s=self.now_s) for packet in packets]
        self.pump.pump()

    @property
    def lines(self) -> list[tuple[object, int]]:
        return [(record.port.port, record.count) for record in self.recent.read(FlowRequest(everything=True))]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_equal_packets_are_counted_and_let_out_when_their_second_is_over(bench: Bench) -> None:
    bench.receive(80, 80, 443, 80)
    assert bench.lines == [(80, 1), (443, 1)]
    bench.now_s = 1.0
    bench.pump.tick()
    assert bench.lines == [(80, 1), (443, 1), (80, 2)]


def test_every_packet_is_in_the_metrics_and_so_is_every_loss(bench: Bench) -> None:
    bench.receive(80, 80, 80)
    bench.log.lost = 7
    bench.receive()
    bench.receive()
    registry = bench.metrics.registry
    assert registry.get_sample_value("podfence_flows_total", {"verdict": "drop", "direction": "none"}) == 3
    assert registry.get_sample_value("podfence_nflog_lost_total") == 7


def test_bytes_that_are_no_packet_are_passed_over(bench: Bench) -> None:
    bench.log.waiting = [logged("D1", b"\xff" * 40)]
    bench.pump.pump()
    assert bench.lines == []


def test_a_log_that_breaks_ends_the_pump_instead_of_spinning(bench: Bench) -> None:
    async def main() -> None:
        bench.log.descriptor, other = os.pipe()
        bench.log.error = OSError(errno.EBADF, os.strerror(errno.EBADF))
        os.write(other, b"x")
        try:
            with pytest.raises(PodfenceError, match="can be read no more: bad file descriptor"):
                await bench.pump.run()
        finally:
            os.close(other)
            os.close(bench.log.descriptor)

    asyncio.run(main())
