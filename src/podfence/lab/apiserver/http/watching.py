"""GET with ``watch=true``: a stream of events, one JSON text a line."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import StreamingResponse

from podfence.lab.apiserver.http.answers import encode, wanted_form
from podfence.lab.apiserver.http.reading import selection_of, wanted_revision
from podfence.lab.apiserver.http.request_info import flag, number
from podfence.lab.apiserver.http.views import OBJECT_FORMS, View, view_of
from podfence.lab.apiserver.registry import Registry
from podfence.lab.apiserver.resources import ApiResource
from podfence.lab.apiserver.selection import Selection
from podfence.lab.apiserver.status import StatusError, bad_request, expired, too_large_resource_version
from podfence.lab.apiserver.storage import Collection, Entry, Event, TooOldError

Object = dict[str, Any]

BOOKMARK_S: Final = 60.0
_LEAST_S, _MOST_S = 1800, 3600
_INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"


def watch(
    registry: Registry, resource: ApiResource, namespace: str | None, name: str, request: Request
) -> StreamingResponse:
    """Answer with the events of a collection or of one object."""
    query = request.query_params
    stream = _Watch(registry, resource, namespace, selection_of(resource, query, name), query)
    stream.view = view_of(registry, resource, wanted_form(request, OBJECT_FORMS), query)
    return StreamingResponse(
        stream.lines(), media_type="application/json", headers={"cache-control": "no-cache, private"}
    )


class _Watch:
    """One watch."""

    view: View

    def __init__(
        self,
        registry: Registry,
        resource: ApiResource,
        namespace: str | None,
        selection: Selection,
        query: Mapping[str, str],
    ) -> None:
        self._storage = registry.storage
        self._collection: Collection = registry.storage.collection(resource.resource)
        self._namespace = namespace
        self._selection = selection
        self._sends_bookmarks = flag(query, "allowWatchBookmarks")
        self._sends_initial = _initial_events(query)
        self._revision = wanted_revision(query)
        seconds = number(query, "timeoutSeconds")
        self._timeout_s = float(seconds) if seconds else random.uniform(_LEAST_S, _MOST_S)  # noqa: S311  # spreads the load

    async def lines(self) -> AsyncIterator[bytes]:
        """Give the events until the time is up; several that are there at once come as one piece."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._timeout_s
        try:
            place, first = self._start()
        except StatusError as error:
            yield _line(b"ERROR", encode(error.status))
            return
        if first:
            yield first
        while (left := end - loop.time()) > 0:
            if not await self._collection.wait(place, min(left, BOOKMARK_S)):
                if self._sends_bookmarks:
                    yield self._bookmark()
                continue
            try:
                events = self._collection.events_from(place)
            except TooOldError:
                yield _line(b"ERROR", encode(expired("The resourceVersion for the provided watch is too old.").status))
                return
            place += len(events)
            if lines := b"".join(map(self._event, events)):
                yield lines

    def _start(self) -> tuple[int, bytes]:
        """Give the place from which to follow the history, and what comes before it."""
        if self._revision > self._storage.revision:
            raise too_large_resource_version(self._revision, self._storage.revision)
        if self._revision and not self._sends_initial:
            try:
                return self._collection.place_of(self._revision), b""
            except TooOldError as error:
                wanted, oldest = error.args
                raise expired(f"too old resource version: {wanted} ({oldest})") from None
        entries = self._collection.in_order(self._namespace)
        first = [_line(b"ADDED", self.view.one(entry)) for entry in entries if self._selection.matches(entry.value)]
        if self._sends_initial:
            first.append(self._bookmark({_INITIAL_EVENTS_END: "true"}))
        return self._collection.end, b"".join(first)

    def _event(self, event: Event) -> bytes:
        after = event.after
        if self._namespace is not None and after.key[0] != self._namespace:
            return b""
        is_now = event.type != "DELETED" and self._selection.matches(after.value)
        was_before = event.before is not None and self._selection.matches(event.before.value)
        if is_now:
            return _line(b"MODIFIED" if was_before else b"ADDED", self.view.one(after))
        if not was_before:
            return b""
        if event.type == "DELETED" or event.before is None:
            return _line(b"DELETED", self.view.one(after))
        metadata = {**event.before.value["metadata"], "resourceVersion": str(event.revision)}
        left = Entry(after.key, event.revision, {**event.before.value, "metadata": metadata})
        return _line(b"DELETED", self.view.one(left))

    def _bookmark(self, annotations: Object | None = None) -> bytes:
        metadata: Object = {"resourceVersion": str(self._storage.revision), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = annotations
        return _line(b"BOOKMARK", self.view.bookmark(metadata))


def _initial_events(query: Mapping[str, str]) -> bool:
    if "sendInitialEvents" not in query:
        return False
    if query.get("resourceVersionMatch") != "NotOlderThan":
        why = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        raise bad_request(f"resourceVersionMatch: {why}")
    return flag(query, "sendInitialEvents")


def _line(kind: bytes, object_: bytes) -> bytes:
    return b'{"type":"' + kind + b'","object":' + object_ + b"}\n"
