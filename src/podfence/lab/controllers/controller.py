"""What runs a controller: watches become keys, each key is reconciled alone, and what failed is tried again.

Nothing here knows what a controller does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec

from podfence.lab.apiserver.status import StatusError
from podfence.lab.interface import Object, ObjectStore, Resource

FIRST_RETRY_S = 0.01
LAST_RETRY_S = 5.0

_log = logging.getLogger(__name__)


class Key(msgspec.Struct, frozen=True):
    """The object to reconcile; the namespace of what has none is empty."""

    namespace: str
    name: str


Keys = Callable[[Object], Iterable[Key]]


class Controller(Protocol):
    """One controller: what it watches and what it does."""

    @property
    def watched(self) -> Mapping[Resource, Keys]:
        """Give for each resource whose changes matter the keys that a changed object means."""

    def reconcile(self, key: Key) -> float | None:
        """Bring one object to what it asks for; the seconds after which to look again, ``None`` for never."""


def own_key(value: Object) -> tuple[Key]:
    """Give the key of an object itself."""
    metadata = value["metadata"]
    return (Key(metadata.get("namespace", ""), metadata["name"]),)


async def run(controller: Controller, store: ObjectStore) -> None:
    """Run a controller until it is cancelled.

    A ``StatusError`` (a conflict, say) is tried again, later each time; any other exception is a bug, is logged with
    its traceback, and tried again too: one bad object must not stop the lab.
    """
    queue = _Queue()
    async with asyncio.TaskGroup() as group:
        for resource, keys in controller.watched.items():
            group.create_task(_watch(store, resource, keys, queue))
        group.create_task(_work(controller, queue))


async def _watch(store: ObjectStore, resource: Resource, keys: Keys, queue: _Queue) -> None:
    async for seen in store.watch(resource):
        for key in keys(seen.object):
            queue.add(key)


async def _work(controller: Controller, queue: _Queue) -> None:
    while True:
        key = await queue.take()
        try:
            again_s = controller.reconcile(key)
        except StatusError as error:
            _log.debug("%s: %s: %s; tried again", type(controller).__name__, key, error)
            queue.retry(key)
        except Exception:  # noqa: BLE001 - see the docstring: logged, and tried again
            _log.exception("%s cannot reconcile %s", type(controller).__name__, key)
            queue.retry(key)
        else:
            queue.succeeded(key)
            if again_s is not None:
                queue.add_later(key, again_s)
        await asyncio.sleep(0)  # the requests of others come in between


class _Queue:
    """Keys that wait, each once, in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: dict[Key, None] = {}
        self._filled = asyncio.Event()
        self._failures: dict[Key, int] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}

    def add(self, key: Key) -> None:
        """Let a key wait for its turn."""
        self._waiting[key] = None
        self._filled.set()

    def add_later(self, key: Key, delay_s: float) -> None:
        """Let a key wait, but not before a time; the sooner of two times counts."""
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is not None and not timer.cancelled() and loop.time() < timer.when() <= loop.time() + delay_s:
            return
        if timer is not None:
            timer.cancel()
        self._timers[key] = loop.call_later(delay_s, self._due, key)

    def retry(self, key: Key) -> None:
        """Let a key wait for longer each time."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        self.add_later(key, min(FIRST_RETRY_S * 2 ** min(failures - 1, 16), LAST_RETRY_S))

    def succeeded(self, key: Key) -> None:
        """Forget that a key failed before."""
        self._failures.pop(key, None)

    async def take(self) -> Key:
        """Give the key that has waited longest."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        key = next(iter(self._waiting))
        del self._waiting[key]
        return key

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)
