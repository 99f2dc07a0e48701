"""Equal records within a second become one line with a count, so that a flood is a line per second.

The first of its kind goes out at once, or nobody could watch; what follows it within the second is counted and
goes out when the second is over. The counts of all lines add up to what was logged.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import UNSET, UnsetType

from podfence.flows.record import Ended, FlowRecord

WINDOW_S = 1.0

_MOST_KINDS = 10_000
"""Beyond so many kinds in a second records go out one by one: memory is bounded, and nothing is lost."""

_Key = tuple[object, ...]


class _Window:
    __slots__ = ("count", "ended", "ends_s", "first", "source_port")

    def __init__(self, ends_s: float) -> None:
        self.ends_s = ends_s
        self.first: FlowRecord | None = None
        self.count = 0
        self.source_port: int | None = None
        self.ended: Ended | UnsetType = UNSET


class Aggregator:
    """Counts equal records; told the time (any clock in seconds) with each call."""

    def __init__(self) -> None:
        self._windows: dict[_Key, _Window] = {}

    def add(self, record: FlowRecord, now_s: float) -> FlowRecord | None:
        """Take a record: given back if it is to go out now, ``None`` if it was counted."""
        key = _key(record)
        window = self._windows.get(key)
        if window is None:
            if len(self._windows) < _MOST_KINDS:
                self._windows[key] = _Window(now_s + WINDOW_S)
            return record
        _count(window, record)
        return None

    def due(self, now_s: float) -> Iterator[FlowRecord]:
        """Give the lines whose second is over, oldest first; call it some times in a second."""
        over = [key for key, window in self._windows.items() if window.ends_s <= now_s]
        for key in over:
            window = self._windows.pop(key)
            if window.first is None:
                continue
            # It goes on: what follows within another second is counted from here.
            self._windows[key] = _Window(now_s + WINDOW_S)
            yield msgspec.structs.replace(
                window.first, count=window.count, source_port=window.source_port, ended=window.ended
            )

    def rest(self) -> Iterator[FlowRecord]:
        """Give all that was counted and has not gone out, at the end."""
        yield from self.due(float("inf"))


def _count(window: _Window, record: FlowRecord) -> None:
    if window.first is None:
        window.first, window.source_port, window.ended = record, record.source_port, record.ended
    else:
        if window.source_port != record.source_port:
            window.source_port = None
        if window.ended is not UNSET and record.ended is not UNSET:
            window.ended += record.ended
    window.count += record.count


def _key(record: FlowRecord) -> _Key:
    # The cached ends are the same objects for equal flows, so that comparing them is quick.
    return (
        record.verdict_id,
        record.verdict,
        record.source,
        record.destination,
        record.port,
        record.note,
        # What was counted is not added to what was not, or the sum would say less than it seems to.
        None if record.ended is UNSET else record.ended.sent is UNSET,
    )
