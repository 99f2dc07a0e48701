"""From connection tracking to the readers: connections that ended become records, equal ones are added up, and served.

Only while somebody asks, for each connection of a node costs a message then. A storm of short connections takes a
bounded share of the agent's time: beyond so many in a tick they wait in the kernel, which counts what finds no room.
It is observation: what goes wrong here is said in the log, and enforcement goes on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Protocol

import msgspec
import structlog
from msgspec import UNSET, UnsetType

from podfence.agent.flow_server import FlowServer
from podfence.agent.metrics import Metrics
from podfence.dataplane.endings import Amount, Ending, endings
from podfence.dataplane.silence import is_switched_on, last_packet_ns, read_timeouts
from podfence.flows.aggregate import Aggregator
from podfence.flows.packet import PROTOCOLS, Packet
from podfence.flows.record import Carried, Ended, FlowRecord
from podfence.flows.resolve import Resolver

_TICK_S = 0.1
MOST_IN_A_TICK = 500
"""So many take about a tenth of a processor; the kernel itself can end a hundred times as many."""

_MOST_AT_ONCE = 64

_SWITCHES = {
    "events": "ends of connections are not told",
    "acct": "bytes and packets of connections are not counted",
    "timestamp": "how long connections took is not known",
}


class EndReader(Protocol):
    """What reads the ends of connections (``dataplane.endings.EndingsReader``)."""

    def fileno(self) -> int:
        """Give the descriptor to wait on."""

    def read(self, most: int) -> Iterator[bytes]:
        """Give at most so many of those that are waiting, as the bytes that the kernel sent."""

    def newly_lost(self) -> int:
        """Tell how many more could not be delivered since this was last asked."""

    def close(self) -> None:
        """Stop listening."""


class EndPump:
    """Pumps while it is wanted; ``clock`` gives seconds since the epoch, ``steady`` seconds that never go back."""

    def __init__(
        self,
        open_reader: Callable[[], EndReader],
        resolver: Resolver,
        server: FlowServer,
        metrics: Metrics,
        *,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_reader = open_reader
        self._resolver = resolver
        self._server = server
        self._metrics = metrics
        self._clock, self._steady = clock, steady
        self._log = structlog.get_logger()
        self._reader: EndReader | None = None
        self._is_open = asyncio.Event()
        self._aggregator = Aggregator()
        self._timeouts: Mapping[str, int] = {}
        self._room = MOST_IN_A_TICK

    def want(self, wanted: bool) -> None:  # noqa: FBT001 (a callback hears one thing)
        """Begin to pump, or stop; called in the event loop."""
        if wanted and self._reader is None:
            self._open()
        elif not wanted:
            self._close()

    async def run(self) -> None:
        """Let lines out that were added up when their second is over, as long as anything comes."""
        try:
            while True:
                await self._is_open.wait()
                await asyncio.sleep(_TICK_S)
                self._or_close(self.tick)
        finally:
            self._close()

    def _open(self) -> None:
        try:
            reader = self._open_reader()
        except OSError as error:
            self._log.error("ends of connections cannot be told", error=_words(error))
            return
        for switch, consequence in _SWITCHES.items():
            if not is_switched_on(switch):
                self._log.warning(f"{consequence}: set the sysctl net.netfilter.nf_conntrack_{switch} to 1")
        self._timeouts = read_timeouts()
        self._reader, self._room = reader, MOST_IN_A_TICK
        self._is_open.set()
        self._listen(reader)

    def _listen(self, reader: EndReader) -> None:
        asyncio.get_running_loop().add_reader(reader.fileno(), self._or_close, self.pump)

    def _close(self) -> None:
        if self._reader is None:
            return
        asyncio.get_running_loop().remove_reader(self._reader.fileno())
        self._reader.close()
        self._reader = None
        self._is_open.clear()
        for record in self._aggregator.rest():
            self._server.publish(record)
        self._aggregator = Aggregator()

    def _or_close(self, action: Callable[[], None]) -> None:
        try:
            action()
        except OSError as error:
            self._log.error("ends of connections are told no more", error=_words(error))
            self._close()

    def pump(self) -> None:
        """Take some of what is waiting, as far as there is room in this tick. Raises ``OSError``."""
        if self._reader is None:
            return
        now_s, steady_s = self._clock(), self._steady()
        for datagram in self._reader.read(min(self._room, _MOST_AT_ONCE)):
            self._room -= 1
            for ending in endings(datagram):
                record = self._record(ending, now_s)
                if record is not None and (line := self._aggregator.add(record, steady_s)) is not None:
                    self._server.publish(line)
        if not self._room:
            asyncio.get_running_loop().remove_reader(self._reader.fileno())

    def tick(self) -> None:
        """Make room again, tell what was lost, and let out the lines whose second is over. Raises ``OSError``."""
        if self._reader is not None:
            self._tell_lost(self._reader.newly_lost())
            if not self._room:
                self._listen(self._reader)
            self._room = MOST_IN_A_TICK
        for record in self._aggregator.due(self._steady()):
            self._server.publish(record)

    def _tell_lost(self, lost: int) -> None:
        if lost:
            self._metrics.ct_events_lost.inc(lost)
            self._server.tell_lost_ends(lost)

    def _record(self, ending: Ending, now_s: float) -> FlowRecord | None:
        last_ns = last_packet_ns(ending, self._timeouts)
        last_s = now_s if last_ns is None else last_ns / 1e9
        return self._resolver.ended(opening_packet(ending), _ended(ending, last_ns), last_s, now_s)


def opening_packet(ending: Ending) -> Packet:
    """Give a packet of who opened a connection, as it goes on behind Service translation."""
    source, destination = ending.original, ending.reply
    found = Packet(source.source, destination.source, source.protocol)
    if source.protocol not in PROTOCOLS:
        return found
    return msgspec.structs.replace(found, source_port=source.source_port, port=destination.source_port)


def _ended(ending: Ending, last_ns: int | None) -> Ended:
    started_ns = ending.started_ns
    return Ended(
        _carried(ending.sent),
        _carried(ending.received),
        UNSET if started_ns is None else datetime.fromtimestamp(started_ns / 1e9, UTC),
        UNSET if started_ns is None or last_ns is None else round((last_ns - started_ns) / 1e9, 3),
    )


def _carried(amount: Amount | None) -> Carried | UnsetType:
    return UNSET if amount is None else Carried(amount.packets, amount.octets)


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
