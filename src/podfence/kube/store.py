"""A cluster followed: streams of several kinds into one snapshot, with batches of what changed.

Whoever uses it runs ``run`` beside its own work. The store keeps what it knows while the server is away, and holds
batches back while what it knows is incomplete: at the start, and while nodes are read that a policy began to name.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

import structlog

from podfence.kube.client import Client
from podfence.kube.contents import Contents
from podfence.kube.entries import Entry, EntryReader
from podfence.kube.following import follow
from podfence.kube.kinds import NODES, WATCHED, Kind
from podfence.kube.patience import Time
from podfence.kube.reflector import Drop, Health, Put, Replace
from podfence.model.change import Change
from podfence.model.net import PRIVATE_IPV4, AddressRange
from podfence.model.snapshot import Snapshot

FORGET_AFTER = 20_000
"""Objects that came or changed before labels are shared anew."""

_log = structlog.get_logger("podfence.kube")


class Store:
    """Follows ``kinds`` of a cluster. One event loop, one consumer of ``changes``.

    ``node`` names the own node: other nodes are read only while a policy has a ``nodes`` peer. ``None`` reads all.
    """

    def __init__(
        self,
        client: Client,
        kinds: Sequence[Kind] = WATCHED,
        *,
        node: str | None = None,
        pod_ranges: tuple[AddressRange, ...] = PRIVATE_IPV4,
        time: Time | None = None,
    ) -> None:
        self._client = client
        self._kinds = tuple(kinds)
        self._node = node
        self._time = time or Time()
        self._contents = Contents(pod_ranges)
        self._health = {kind.resource: Health() for kind in self._kinds}
        self._missing = {kind.resource for kind in self._kinds}
        self._first_sync = asyncio.Event()
        self._news = asyncio.Event()
        self._policies_changed = asyncio.Event()
        self._follows_all_nodes = node is None

    async def run(self) -> None:
        """Follow the cluster until cancelled. Raises nothing that a server could cause."""
        async with asyncio.TaskGroup() as tasks:
            for kind in self._kinds:
                tasks.create_task(self._follow_nodes() if kind is NODES else self._follow(kind))

    @property
    def synced(self) -> bool:
        """Tell whether everything that is followed was read at least once, so that the snapshot is whole."""
        return not self._missing

    @property
    def missing(self) -> tuple[str, ...]:
        """Name the resources that were not read yet, such as ``pods`` or ``networkpolicies.networking.k8s.io``."""
        return tuple(sorted(self._missing))

    @property
    def health(self) -> Mapping[str, Health]:
        """Tell how each stream fares, by resource; ``age_s`` makes an age of its times."""
        return self._health

    def age_s(self, resource: str) -> float | None:
        """Tell how long ago the server last said anything of a resource, ``None`` before it ever did."""
        heard_at = self._health[resource].heard_at
        return None if heard_at is None else self._time.clock() - heard_at

    def counts(self) -> dict[str, int]:
        """Count the objects known of each resource."""
        return {kind.resource: self._contents.count(kind) for kind in self._kinds}

    async def wait_synced(self) -> None:
        """Wait until everything was read once."""
        await self._first_sync.wait()

    def versions(self) -> dict[str, str] | None:
        """Give the ``resourceVersion`` of each resource up to which everything was given out by ``changes``.

        ``None`` while a batch still waits to be taken.
        """
        if not self.synced or self._contents.has_changes():
            return None
        return {kind.resource: self._health[kind.resource].version for kind in self._kinds}

    def snapshot(self) -> Snapshot:
        """Give the cluster as it is known at this moment; whole once ``synced``."""
        return self._contents.snapshot()

    async def changes(self) -> AsyncGenerator[tuple[Change, ...]]:
        """Give what changed since the store was first synced, then since the last batch; for ever.

        A batch comes as soon as there is one; while the consumer works, further changes gather, each object once.
        ``before`` is what the consumer was told last: a pod that was deleted and made anew is one change. A snapshot
        taken after ``wait_synced`` may hold some of the first batch already.
        """
        await self._first_sync.wait()
        while True:
            self._news.clear()
            if self.synced and self._contents.has_changes():
                batch = self._contents.changes()
                if batch:
                    yield batch
                    continue
            await self._news.wait()

    async def _follow(self, kind: Kind, params: dict[str, str] | None = None) -> None:
        log = _log.bind(resource=kind.resource)
        entries, puts = EntryReader(kind), 0
        events = follow(
            self._client,
            kind,
            entries.of_version,
            params=params,
            time=self._time,
            health=self._health[kind.resource],
            notice=lambda text: log.warning("watch interrupted", reason=text),
        )
        async with aclosing(events):
            async for event in events:
                self._take(kind, event)
                puts += isinstance(event, Put)
                if puts == FORGET_AFTER:
                    entries.forget()
                    puts = 0

    async def _follow_nodes(self) -> None:
        """Follow the own node, and all of them as long as a policy names nodes by label."""
        while True:
            self._follows_all_nodes = self._wants_all_nodes
            params = None if self._follows_all_nodes else {"fieldSelector": f"metadata.name={self._node}"}
            following = asyncio.create_task(self._follow(NODES, params))
            turning = asyncio.create_task(self._node_scope_turned())
            try:
                await asyncio.wait({following, turning}, return_when=asyncio.FIRST_COMPLETED)
                if following.done():
                    await following  # it ends by a fault of ours only, which must not be lost
            finally:
                following.cancel()
                turning.cancel()
                await asyncio.gather(following, turning, return_exceptions=True)

    @property
    def _wants_all_nodes(self) -> bool:
        return self._node is None or self._contents.needs_all_nodes

    async def _node_scope_turned(self) -> None:
        while self._wants_all_nodes == self._follows_all_nodes:
            self._policies_changed.clear()
            await self._policies_changed.wait()

    def _take(self, kind: Kind, event: Replace[Entry] | Put[Entry] | Drop[Entry]) -> None:
        match event:
            case Replace(items=entries):
                self._contents.replace(kind, entries)
                if kind is not NODES or self._follows_all_nodes >= self._wants_all_nodes:
                    self._missing.discard(kind.resource)
                for entry in entries:
                    self._say_problems(kind, entry)
            case Put(item=entry):
                self._contents.put(kind, entry)
                self._say_problems(kind, entry)
            case Drop(item=entry):
                self._contents.drop(kind, entry.key)
        if NODES in self._kinds and self._wants_all_nodes != self._follows_all_nodes:
            if self._wants_all_nodes:
                self._missing.add(NODES.resource)  # a rule about nodes means nothing before they are known
            self._policies_changed.set()
        if not self._first_sync.is_set() and self.synced:
            self._contents.changes()  # the snapshot holds them
            self._first_sync.set()
        self._news.set()

    def _say_problems(self, kind: Kind, entry: Entry) -> None:
        """Say what cannot be read of an object; what cannot be read of a policy fails closed."""
        if entry.problems:
            namespace, name = entry.key
            _log.warning("unreadable", resource=kind.resource, namespace=namespace, name=name, problems=entry.problems)
