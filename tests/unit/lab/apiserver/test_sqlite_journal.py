"""A lab's objects outlive it in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from podfence.lab.apiserver.app import create_registry
from podfence.lab.apiserver.object_store import InProcessStore
from podfence.lab.apiserver.sqlite_journal import SqliteJournal, claim
from podfence.lab.apiserver.status import StatusError
from podfence.lab.apiserver.storage import TooOldError
from podfence.lab.interface import Resource
from podfence.model.error import PodfenceError

CONFIG_MAPS = Resource("", "configmaps")


def test_objects_and_the_count_of_writes_come_back(tmp_path: Path) -> None:
    first = create_registry(data=tmp_path / "lab.db")
    objects = InProcessStore(first, "test")
    objects.create(CONFIG_MAPS, "default", {"metadata": {"name": "kept"}, "data": {"k": "v"}})
    objects.create(CONFIG_MAPS, "default", {"metadata": {"name": "gone"}})
    objects.delete(CONFIG_MAPS, "default", "gone")
    second = create_registry(data=tmp_path / "lab.db")
    found = InProcessStore(second, "test").list(CONFIG_MAPS)
    assert list(found) == list(objects.list(CONFIG_MAPS))
    assert second.storage.revision == first.storage.revision


def test_watches_cannot_reach_into_an_earlier_life(tmp_path: Path) -> None:
    first = create_registry(data=tmp_path / "lab.db")
    InProcessStore(first, "test").create(CONFIG_MAPS, "default", {"metadata": {"name": "kept"}})
    second = create_registry(data=tmp_path / "lab.db")
    with pytest.raises(TooOldError):
        second.storage.collection(CONFIG_MAPS).place_of(2)


def test_a_full_file_refuses_writes_and_loses_nothing(tmp_path: Path) -> None:
    registry = create_registry(data=tmp_path / "lab.db")
    objects = InProcessStore(registry, "test")
    objects.create(CONFIG_MAPS, "default", {"metadata": {"name": "kept"}})
    before = list(objects.list(CONFIG_MAPS))
    journal = registry.storage._journal
    assert isinstance(journal, SqliteJournal)
    pages = journal._database.execute("PRAGMA page_count").fetchone()[0]
    journal._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StatusError, match="objects cannot be kept: database or disk is full"):
        objects.create(CONFIG_MAPS, "default", {"metadata": {"name": "large"}, "data": {"k": "v" * 100_000}})
    assert list(objects.list(CONFIG_MAPS)) == before
    journal._database.execute("PRAGMA max_page_count = 100000")
    objects.create(CONFIG_MAPS, "default", {"metadata": {"name": "later"}})


def test_custom_resources_are_served_again(tmp_path: Path) -> None:
    create_registry(data=tmp_path / "lab.db")
    again = create_registry(data=tmp_path / "lab.db")
    assert again.catalogue.find("policy.networking.k8s.io", "v1alpha2", "clusternetworkpolicies") is not None


def test_a_file_that_is_no_database_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be looked at as one" * 20, encoding="utf-8")
    with pytest.raises(PodfenceError, match="cannot hold the lab's objects"):
        create_registry(data=path)


def test_a_file_is_one_lab_s_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    with claim(path):
        create_registry(data=path)
        with pytest.raises(PodfenceError, match="of a lab that runs; name another file"):
            claim(path)
    claim(path).close()


def test_a_file_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    with pytest.raises(PodfenceError, match="cannot hold the lab's objects: no such file or directory"):
        claim(tmp_path / "missing" / "lab.db")
