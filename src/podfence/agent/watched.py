"""The watched cluster behind the shape of ``agent.interface``: the store, its batches joined until they are taken."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from podfence.kube.client import Client
from podfence.kube.config import Connection
from podfence.kube.store import Store
from podfence.model.change import Change
from podfence.model.snapshot import Snapshot

_WHOLE_AGAIN_S = 0.05


class WatchedCluster:
    """A cluster as one node's agent watches it; a ``Cluster``."""

    def __init__(self, connection: Connection, node: str) -> None:
        self._connection = connection
        self._node = node
        self._store: Store | None = None
        self._ready = asyncio.Event()
        self._news = asyncio.Event()
        self._taken: list[Change] = []

    async def run(self) -> None:
        """Watch until cancelled, whatever happens to the server."""
        async with Client(self._connection) as client:
            self._store = Store(client, node=self._node)
            self._ready.set()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._store.run())
                tasks.create_task(self._gather(self._store))

    async def wait_until_synced(self) -> None:
        """Wait until every kind was listed once."""
        await self._ready.wait()
        await self._known().wait_synced()
        while not self._known().synced:  # noqa: ASYNC110 (nodes that a policy began to name: rare, and soon over)
            await asyncio.sleep(_WHOLE_AGAIN_S)

    async def wait_for_changes(self) -> None:
        """Wait until ``take_changes`` has something to give."""
        await self._news.wait()

    def take_changes(self) -> Sequence[Change]:
        """Give what changed since the last call, oldest first, without waiting."""
        self._news.clear()
        taken, self._taken = self._taken, []
        return taken

    def snapshot(self) -> Snapshot:
        """Give the cluster as it is now; changes that it holds may be given once more, which changes nothing."""
        return self._known().snapshot()

    def versions(self) -> Mapping[str, str] | None:
        """Give the versions up to which everything was taken, ``None`` while something waits."""
        return None if self._taken or self._store is None else self._store.versions()

    async def _gather(self, store: Store) -> None:
        async for batch in store.changes():
            self._taken.extend(batch)
            self._news.set()

    def _known(self) -> Store:
        if self._store is None:
            raise AssertionError("nothing is known before run")
        return self._store
