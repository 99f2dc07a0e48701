"""Makes connection tracking forget the addresses that pods gave back, beside the commits and after them.

Whoever gets such an address next must not inherit connections that were allowed to the one before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

import structlog

from podfence.model.error import PodfenceError

_RETRY_S = 1.0


class Forgetting:
    """Addresses to be forgotten, and the loop that does it; ``forget`` may block and tells how many entries went."""

    def __init__(
        self, forget: Callable[[Collection[int]], int], run_blocking: Callable[..., Awaitable[int]] = asyncio.to_thread
    ) -> None:
        self._forget = forget
        self._run_blocking = run_blocking
        self._addresses: set[int] = set()
        self._filled = asyncio.Event()

    def add(self, addresses: Collection[int]) -> None:
        """Forget these soon."""
        if addresses:
            self._addresses.update(addresses)
            self._filled.set()

    async def run(self) -> None:
        """Forget what is added, for ever; what fails is tried again."""
        log = structlog.get_logger()
        while True:
            await self._filled.wait()
            self._filled.clear()
            addresses, self._addresses = self._addresses, set()
            try:
                deleted = await self._run_blocking(self._forget, frozenset(addresses))
            except (OSError, PodfenceError) as error:
                log.warning("connection tracking keeps entries of pods that are gone", error=str(error))
                self.add(addresses)
                await asyncio.sleep(_RETRY_S)
            else:
                log.debug("forgot connections of pods that are gone", addresses=len(addresses), entries=deleted)
