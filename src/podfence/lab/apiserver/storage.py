"""The objects, their revisions and the recent history: what etcd is to a real server, in memory.

One number counts all writes; an object's ``resourceVersion`` is the count of its last write. Values that are stored
are never changed again, so they can be handed out without a copy; their JSON is made once. Everything here runs in
one thread; whoever waits for events does so on that thread's event loop.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

import msgspec

from podfence.lab.interface import Resource

Object = dict[str, Any]
Key = tuple[str, str]
"""Namespace (empty for cluster-scoped objects) and name."""

HISTORY: Final = 4096
"""Events that each collection remembers for watches that start in the past."""

_encode = msgspec.json.Encoder().encode


class Entry:
    """One revision of one object; ``json`` is its text, made when it is first wanted."""

    __slots__ = ("_json", "key", "revision", "rows", "value")

    def __init__(self, key: Key, revision: int, value: Object) -> None:
        self.key = key
        self.revision = revision
        self.value = value
        self.rows: dict[str, bytes] = {}
        self._json: bytes | None = None

    @property
    def json(self) -> bytes:
        """The object as JSON text."""
        if self._json is None:
            self._json = _encode(self.value)
        return self._json


class Event(msgspec.Struct, frozen=True):
    """A write: ``before`` is what was stored, ``after`` what is now; a deletion's ``after`` is the last state."""

    type: str
    revision: int
    after: Entry
    before: Entry | None


class Journal(Protocol):
    """Where writes go so that they outlive the process."""

    def put(self, resource: Resource, entry: Entry) -> None:
        """Keep a revision of an object."""

    def remove(self, resource: Resource, key: Key, revision: int) -> None:
        """Forget an object."""


class TooOldError(Exception):
    """The history does not reach back to the wanted revision; the arguments are that and the oldest known."""


class Collection:
    """The objects of one resource with their history."""

    def __init__(self, revision: int) -> None:
        self.entries: dict[Key, Entry] = {}
        self._keys: list[Key] = []
        self._events: deque[Event] = deque()
        self._horizon = revision
        self._count = 0
        self._waiting: set[asyncio.Future[None]] = set()
        self._listeners: list[Callable[[Event], None]] = []

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call a function after every write, before it returns; the function may write itself."""
        self._listeners.append(listener)

    def in_order(self, namespace: str | None, after: Key | None = None) -> Iterator[Entry]:
        """Give the entries of a namespace, or of all, by key; ``after`` starts behind a key."""
        start, end = 0, len(self._keys)
        if namespace is not None:
            start = bisect_left(self._keys, (namespace, ""))
            end = bisect_left(self._keys, (namespace + "\0", ""))
        if after is not None:
            start = max(start, bisect_right(self._keys, after))
        entries = self.entries
        return (entries[key] for key in self._keys[start:end])

    def as_of(self, revision: int, namespace: str | None, after: Key | None = None) -> list[Entry]:
        """Give the entries as they were at a revision, by key; raises ``TooOldError``."""
        entries = dict(self.entries)
        for event in reversed(self.events_from(self.place_of(revision))):
            if event.before is None:
                entries.pop(event.after.key, None)
            else:
                entries[event.before.key] = event.before
        keys = sorted(key for key in entries if namespace is None or key[0] == namespace)
        return [entries[key] for key in keys if after is None or key > after]

    def put(self, entry: Entry) -> None:
        """Store a revision."""
        before = self.entries.get(entry.key)
        if before is None:
            insort(self._keys, entry.key)
        self.entries[entry.key] = entry
        self._append(Event("ADDED" if before is None else "MODIFIED", entry.revision, entry, before))

    def load(self, entry: Entry) -> None:
        """Store what was kept from an earlier life, without an event."""
        insort(self._keys, entry.key)
        self.entries[entry.key] = entry

    def remove(self, last: Entry) -> None:
        """Delete an object; ``last`` is its final state with the revision of the deletion."""
        before = self.entries.pop(last.key)
        del self._keys[bisect_left(self._keys, last.key)]
        self._append(Event("DELETED", last.revision, last, before))

    def _append(self, event: Event) -> None:
        self._events.append(event)
        self._count += 1
        if len(self._events) > HISTORY:
            self._horizon = self._events.popleft().revision
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()
        for listener in self._listeners:
            listener(event)

    def forget(self, revision: int) -> None:
        """Drop all history, as a compaction does."""
        self._events.clear()
        self._horizon = revision

    # Following the history

    @property
    def end(self) -> int:
        """The place behind the last event."""
        return self._count

    @property
    def last_revision(self) -> int:
        """The revision of the last event, 0 when none is known."""
        return self._events[-1].revision if self._events else 0

    def place_of(self, revision: int) -> int:
        """Give the place of the first event after a revision; raises ``TooOldError``."""
        if revision < self._horizon:
            raise TooOldError(revision, self._horizon)
        later = 0
        for event in reversed(self._events):
            if event.revision <= revision:
                break
            later += 1
        return self._count - later

    def events_from(self, place: int) -> list[Event]:
        """Give the events from a place on; raises ``TooOldError`` when some of them are gone."""
        missing = self._count - place
        if missing > len(self._events):
            raise TooOldError(place, self._horizon)
        return [self._events[index] for index in range(len(self._events) - missing, len(self._events))]

    async def wait(self, place: int, timeout_s: float | None = None) -> bool:
        """Wait until there is an event at a place; false when there is none in time."""
        if self._count > place:
            return True
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await asyncio.wait_for(future, timeout_s)
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(future)
        return True


class Storage:
    """All collections under one count of revisions."""

    def __init__(self, journal: Journal | None = None) -> None:
        self.revision = 1
        self._journal = journal
        self._collections: dict[Resource, Collection] = {}

    def collection(self, resource: Resource) -> Collection:
        """Give the collection of a resource, made when it is first asked for."""
        found = self._collections.get(resource)
        if found is None:
            found = self._collections[resource] = Collection(0)
        return found

    def collections(self) -> dict[Resource, Collection]:
        """Give every collection that was ever used."""
        return dict(self._collections)

    def get(self, resource: Resource, key: Key) -> Entry | None:
        """Find an object."""
        return self.collection(resource).entries.get(key)

    def put(self, resource: Resource, key: Key, value: Object) -> Entry:
        """Store a new revision of an object, with its resourceVersion set; ``value`` belongs to the storage then."""
        self.revision += 1
        value["metadata"]["resourceVersion"] = str(self.revision)
        entry = Entry(key, self.revision, value)
        if self._journal is not None:
            self._journal.put(resource, entry)
        self.collection(resource).put(entry)
        return entry

    def remove(self, resource: Resource, key: Key) -> Entry:
        """Delete an object; gives its last state under the revision of the deletion."""
        self.revision += 1
        value = self.collection(resource).entries[key].value
        metadata = {**value["metadata"], "resourceVersion": str(self.revision)}
        last = Entry(key, self.revision, {**value, "metadata": metadata})
        if self._journal is not None:
            self._journal.remove(resource, key, self.revision)
        self.collection(resource).remove(last)
        return last

    def load(self, resource: Resource, entry: Entry) -> None:
        """Take back an object of an earlier life; watches cannot start before its revision."""
        collection = self.collection(resource)
        collection.load(entry)
        self.revision = max(self.revision, entry.revision)

    def begin(self, revision: int) -> None:
        """Start counting behind an earlier life, whose history is gone."""
        self.revision = max(self.revision, revision)
        for collection in self._collections.values():
            collection.forget(self.revision)
