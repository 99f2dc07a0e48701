"""The last records, kept in memory for readers that come late."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from msgspec import UNSET

from podfence.flows.record import FlowRecord, FlowVerdict
from podfence.flows.request import FlowRequest

KEPT = 10_000


class Recent:
    """Keeps the last records: drops, accepted connections and ended ones apart, so that none pushes out others.

    ``kept`` is how many of each, ``None`` for all.
    """

    def __init__(self, kept: int | None = KEPT) -> None:
        self._dropped: deque[tuple[int, FlowRecord]] = deque(maxlen=kept)
        self._allowed: deque[tuple[int, FlowRecord]] = deque(maxlen=kept)
        self._ended: deque[tuple[int, FlowRecord]] = deque(maxlen=kept)
        self._number = 0

    def add(self, record: FlowRecord) -> None:
        """Keep a record; the oldest of its sort goes when there are too many."""
        self._number += 1
        self._sort(record).append((self._number, record))

    def read(self, request: FlowRequest) -> Sequence[FlowRecord]:
        """Give what is kept and wanted, in the order it came."""
        found = [*self._dropped]
        if request.everything:
            found += self._allowed
        if request.ended:
            found += self._ended
        found.sort(key=lambda item: item[0])
        records = [record for _, record in found]
        if request.since_s is not None:
            records = [record for record in records if record.time.timestamp() >= request.since_s]
        return records if request.last is None else records[max(0, len(records) - request.last) :]

    def _sort(self, record: FlowRecord) -> deque[tuple[int, FlowRecord]]:
        if record.ended is not UNSET:
            return self._ended
        return self._allowed if record.verdict is FlowVerdict.ALLOW else self._dropped
