"""How long to wait before trying again: twice as long each time, within bounds, and never in step with others.

Clock, chance and sleep are passed in, so that an hour passes in no time where it is tried.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import msgspec

SHORTEST_S = 0.2
LONGEST_S = 30.0
MOST_ASKED_FOR_S = 300.0
"""The most that a ``Retry-After`` of the server is obeyed."""


class Time(msgspec.Struct, frozen=True):
    """Where time comes from: seconds that only grow, a chance from 0 to 1, and a sleep."""

    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Backoff:
    """Counts what failed in a row, and pauses accordingly."""

    def __init__(self, time_: Time) -> None:
        self._time = time_
        self._delay_s = 0.0

    def reset(self) -> None:
        """Begin anew: something worked."""
        self._delay_s = 0.0

    async def pause(self, at_least_s: float | None = None) -> None:
        """Wait, half to one and a half times the delay of the moment, or as long as the server asked for."""
        self._delay_s = min(max(self._delay_s * 2, SHORTEST_S), LONGEST_S)
        pause_s = self._delay_s * (0.5 + self._time.chance())
        await self._time.sleep(max(pause_s, min(at_least_s or 0.0, MOST_ASKED_FOR_S)))
