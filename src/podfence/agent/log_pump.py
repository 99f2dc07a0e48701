"""From the kernel's log to the readers: logged packets become records, equal ones are counted, and served."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from podfence.agent.flow_server import FlowServer
from podfence.agent.metrics import Metrics
from podfence.flows.aggregate import Aggregator
from podfence.flows.nflog import Logged
from podfence.flows.resolve import Resolver
from podfence.model.error import PodfenceError

_TICK_S = 0.1


class LogReader(Protocol):
    """What reads the kernel's log (``flows.nflog.NflogReader``)."""

    lost: int

    def fileno(self) -> int:
        """Give the descriptor to wait on."""

    def read(self) -> Iterator[Logged]:
        """Give what is waiting."""


class LogPump:
    """Pumps until cancelled; ``clock`` gives seconds since the epoch, ``steady`` seconds that never go back."""

    def __init__(
        self,
        reader: LogReader,
        resolver: Resolver,
        server: FlowServer,
        metrics: Metrics,
        *,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._resolver = resolver
        self._server = server
        self._metrics = metrics
        self._clock, self._steady = clock, steady
        self._error: OSError | None = None
        self._aggregator = Aggregator()
        self._lost = reader.lost

    async def run(self) -> None:
        """Read whenever there is something, and let counted lines out when their second is over.

        Raises ``PodfenceError`` when the log can be read no more.
        """
        loop = asyncio.get_running_loop()
        descriptor = self._reader.fileno()
        loop.add_reader(descriptor, self._pump_or_stop, descriptor)
        try:
            while self._error is None:
                await asyncio.sleep(_TICK_S)
                self.tick()
            reason = (self._error.strerror or str(self._error)).lower()
            raise PodfenceError(f"the kernel's packet log can be read no more: {reason}")
        finally:
            loop.remove_reader(descriptor)
            for record in self._aggregator.rest():
                self._server.publish(record)

    def _pump_or_stop(self, descriptor: int) -> None:
        try:
            self.pump()
        except OSError as error:
            asyncio.get_running_loop().remove_reader(descriptor)
            self._error = error

    def pump(self) -> None:
        """Take what is waiting now."""
        now_s, steady_s = self._clock(), self._steady()
        for logged in self._reader.read():
            record = self._resolver.record(logged, now_s)
            if record is None:
                continue
            self._metrics.logged(record)
            if (line := self._aggregator.add(record, steady_s)) is not None:
                self._server.publish(line)
        if lost := self._reader.lost - self._lost:
            self._lost += lost
            self._metrics.nflog_lost.inc(lost)
            self._server.tell_lost(lost)

    def tick(self) -> None:
        """Let out the lines whose second is over."""
        for record in self._aggregator.due(self._steady()):
            self._server.publish(record)
