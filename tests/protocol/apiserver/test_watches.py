"""Watches: from where they start, what they tell, how they end."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from starlette.requests import Request

from podfence.lab.apiserver import storage as storage_module
from podfence.lab.apiserver.http.watching import watch
from podfence.lab.apiserver.object_store import InProcessStore
from podfence.lab.interface import Resource
from tests.protocol.apiserver.asking import JSON, TABLE, Asking

CONFIG_MAPS = Resource("", "configmaps")


class Watching:
    """Changes objects and reads a watch of them, one event after the other."""

    def __init__(self) -> None:
        self.registry = Asking().registry
        self.objects = InProcessStore(self.registry, "test")

    def put(self, name: str, **labels: str) -> int:
        """Create or change an object; gives its version."""
        value = {"metadata": {"name": name, "labels": labels}}
        if self.objects.get(CONFIG_MAPS, "default", name) is None:
            made = self.objects.create(CONFIG_MAPS, "default", value)
        else:
            made = self.objects.update(CONFIG_MAPS, "default", value)
        return int(made["metadata"]["resourceVersion"])

    def delete(self, name: str) -> None:
        """Delete an object."""
        self.objects.delete(CONFIG_MAPS, "default", name)

    async def events(self, query: str, count: int, accept: str = JSON) -> list[dict[str, Any]]:
        """Read so many events."""
        headers = [(b"accept", accept.encode())]
        scope = {"type": "http", "method": "GET", "path": "/", "query_string": query.encode(), "headers": headers}
        resource = self.registry.catalogue.preferred(CONFIG_MAPS)
        found: list[dict[str, Any]] = []
        async for piece in watch(self.registry, resource, "default", "", Request(scope)).body_iterator:
            assert isinstance(piece, bytes)
            found += (msgspec.json.decode(line) for line in piece.splitlines())
            if len(found) >= count:
                break
        return found

    def told(self, query: str, count: int) -> list[tuple[str, str]]:
        """Read so many events, in short."""
        return [
            (each["type"], each["object"]["metadata"].get("name")) for each in asyncio.run(self.events(query, count))
        ]


@pytest.fixture
def lab() -> Watching:
    return Watching()


def test_a_watch_from_a_version_tells_what_came_after_it(lab: Watching) -> None:
    lab.put("a")
    start = lab.put("b")
    lab.put("c")
    lab.put("a", x="y")
    lab.delete("b")
    expected = [("ADDED", "c"), ("MODIFIED", "a"), ("DELETED", "b")]
    assert lab.told(f"watch=true&resourceVersion={start}", 3) == expected


@pytest.mark.parametrize("query", ["watch=true", "watch=true&resourceVersion=0"])
def test_a_watch_from_nowhere_starts_with_what_is_there(lab: Watching, query: str) -> None:
    lab.put("b")
    lab.put("a")
    assert lab.told(query, 2) == [("ADDED", "a"), ("ADDED", "b")]


def test_objects_come_into_a_selection_and_leave_it(lab: Watching) -> None:
    start = lab.put("a")
    lab.put("a", app="web")
    lab.put("a", app="web", x="y")
    last = lab.put("a", app="db")
    lab.put("a", app="db", z="z")
    query = f"watch=true&resourceVersion={start}&labelSelector=app%3Dweb"
    events = asyncio.run(lab.events(query, 3))
    assert [each["type"] for each in events] == ["ADDED", "MODIFIED", "DELETED"]
    gone = events[2]["object"]["metadata"]
    assert (gone["labels"]["app"], gone["resourceVersion"]) == ("web", str(last))


def test_other_namespaces_are_not_told_of(lab: Watching) -> None:
    start = lab.put("a")
    lab.objects.create(CONFIG_MAPS, "kube-public", {"metadata": {"name": "elsewhere"}})
    lab.put("b")
    assert lab.told(f"watch=true&resourceVersion={start}", 1) == [("ADDED", "b")]


def test_a_version_that_is_too_old_is_said_in_the_stream(lab: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_module, "HISTORY", 1)
    start = lab.put("a")
    for step in "xyz":
        lab.put("a", step=step)
    (event,) = asyncio.run(lab.events(f"watch=true&resourceVersion={start}", 1))
    assert event["type"] == "ERROR"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
    assert event["object"]["message"].startswith(f"too old resource version: {start} (")


def test_the_initial_events_end_with_a_bookmark_that_says_so(lab: Watching) -> None:
    revision = lab.put("a")
    query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    added, bookmark = asyncio.run(lab.events(query, 2))
    assert (added["type"], bookmark["type"]) == ("ADDED", "BOOKMARK")
    assert bookmark["object"]["kind"] == "ConfigMap"
    metadata = bookmark["object"]["metadata"]
    assert metadata["resourceVersion"] == str(revision)
    assert metadata["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_a_watch_of_tables_tells_the_columns_once(lab: Watching) -> None:
    lab.put("a")
    lab.put("b")
    first, second = asyncio.run(lab.events("watch=true", 2, TABLE))
    assert [column["name"] for column in first["object"]["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert second["object"]["columnDefinitions"] is None
    assert second["object"]["rows"][0]["cells"][0] == "b"


def test_a_watch_ends_when_its_time_is_up() -> None:
    lab = Asking()
    answer = lab.ask(
        "GET", "/api/v1/namespaces?watch=true&timeoutSeconds=1&resourceVersion=0&fieldSelector=metadata.name%3Ddefault"
    )
    assert [(each["type"], each["object"]["metadata"]["name"]) for each in answer.lines] == [("ADDED", "default")]


def test_initial_events_need_to_say_how_old_they_may_be() -> None:
    assert Asking().ask("GET", "/api/v1/namespaces?watch=true&sendInitialEvents=true").code == 400


def test_several_watchers_see_the_same_in_the_same_order(lab: Watching) -> None:
    start = lab.put("a")

    async def story() -> list[list[dict[str, Any]]]:
        watchers = [asyncio.create_task(lab.events(f"watch=true&resourceVersion={start}", 50)) for _ in range(5)]
        await asyncio.sleep(0)
        for step in range(50):
            lab.put("a", step=str(step))
            if step % 7 == 0:
                await asyncio.sleep(0)
        return await asyncio.gather(*watchers)

    first, *others = asyncio.run(story())
    assert [each["object"]["metadata"]["labels"]["step"] for each in first] == [str(step) for step in range(50)]
    assert all(other == first for other in others)
