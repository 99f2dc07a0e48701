"""The storage: revisions, order, history, and waiting for what comes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from podfence.lab.apiserver import storage as module
from podfence.lab.apiserver.storage import Storage, TooOldError
from podfence.lab.interface import Resource

PODS = Resource("", "pods")


def pod(name: str, **labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}}


def test_each_write_counts_and_is_the_objects_version() -> None:
    storage = Storage()
    first = storage.put(PODS, ("a", "x"), pod("x"))
    second = storage.put(Resource("", "services"), ("a", "x"), pod("x"))
    assert second.revision == first.revision + 1 == storage.revision
    assert second.value["metadata"]["resourceVersion"] == str(second.revision)


def test_entries_come_by_namespace_and_name_and_a_namespace_is_not_a_prefix() -> None:
    storage = Storage()
    for namespace, name in (("b", "a"), ("a", "b"), ("a-b", "a"), ("a", "a")):
        storage.put(PODS, (namespace, name), pod(name))
    collection = storage.collection(PODS)
    assert [entry.key for entry in collection.in_order(None)] == [("a", "a"), ("a", "b"), ("a-b", "a"), ("b", "a")]
    assert [entry.key for entry in collection.in_order("a")] == [("a", "a"), ("a", "b")]
    assert [entry.key for entry in collection.in_order("a", ("a", "a"))] == [("a", "b")]


def test_a_past_revision_shows_what_was_there_then() -> None:
    storage = Storage()
    storage.put(PODS, ("a", "x"), pod("x", step="1"))
    then = storage.put(PODS, ("a", "y"), pod("y")).revision
    storage.put(PODS, ("a", "x"), pod("x", step="2"))
    storage.remove(PODS, ("a", "y"))
    storage.put(PODS, ("a", "z"), pod("z"))
    past = storage.collection(PODS).as_of(then, None)
    assert [(entry.key[1], entry.value["metadata"]["labels"]) for entry in past] == [("x", {"step": "1"}), ("y", {})]


def test_the_json_of_an_object_is_made_once() -> None:
    storage = Storage()
    entry = storage.put(PODS, ("a", "x"), pod("x"))
    assert entry.json is entry.json
    assert b'"resourceVersion":"2"' in entry.json


def test_events_after_a_revision_are_given_in_order() -> None:
    storage = Storage()
    start = storage.put(PODS, ("a", "x"), pod("x")).revision
    storage.put(PODS, ("a", "x"), pod("x", a="b"))
    storage.remove(PODS, ("a", "x"))
    collection = storage.collection(PODS)
    events = collection.events_from(collection.place_of(start))
    assert [(event.type, event.revision) for event in events] == [("MODIFIED", start + 1), ("DELETED", start + 2)]
    assert events[1].after.value["metadata"]["resourceVersion"] == str(start + 2)


def test_history_that_is_gone_is_said_to_be_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HISTORY", 2)
    storage = Storage()
    revisions = [storage.put(PODS, ("a", "x"), pod("x", step=str(step))).revision for step in range(4)]
    collection = storage.collection(PODS)
    assert len(collection.events_from(collection.place_of(revisions[1]))) == 2
    with pytest.raises(TooOldError):
        collection.place_of(revisions[0])
    with pytest.raises(TooOldError):
        collection.events_from(0)


def test_who_waits_is_woken_by_a_write_and_only_by_one_of_its_collection() -> None:
    async def story() -> list[bool]:
        storage = Storage()
        collection = storage.collection(PODS)
        waiting = asyncio.create_task(collection.wait(collection.end))
        await asyncio.sleep(0)
        storage.put(Resource("", "services"), ("a", "x"), pod("x"))
        await asyncio.sleep(0)
        asleep = not waiting.done()
        storage.put(PODS, ("a", "x"), pod("x"))
        return [asleep, await waiting, await collection.wait(0, 0)]

    assert asyncio.run(story()) == [True, True, True]


def test_a_wait_ends_without_an_event_when_its_time_is_up() -> None:
    assert asyncio.run(Storage().collection(PODS).wait(0, 0.0)) is False
