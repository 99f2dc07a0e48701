"""Keeps the objects of a lab in one SQLite file, so that they are there when it comes up again."""

from __future__ import annotations

import fcntl
import sqlite3
from io import BufferedRandom
from pathlib import Path

import msgspec

from podfence.lab.apiserver.status import StatusError
from podfence.lab.apiserver.storage import Entry, Key, Storage
from podfence.lab.interface import Resource
from podfence.model.error import PodfenceError

_TABLES = """
CREATE TABLE IF NOT EXISTS objects (
    api_group TEXT, plural TEXT, namespace TEXT, name TEXT, revision INTEGER NOT NULL, json BLOB NOT NULL,
    PRIMARY KEY (api_group, plural, namespace, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL);
INSERT OR IGNORE INTO counter VALUES (1, 1);
"""
_PUT = "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)"
_REMOVE = "DELETE FROM objects WHERE api_group = ? AND plural = ? AND namespace = ? AND name = ?"


def claim(path: Path) -> BufferedRandom:
    """Keep other labs away from a file for as long as what is given stays open.

    Raises ``PodfenceError`` when another lab has it, or when it cannot be opened.
    """
    try:
        claimed = path.open("ab+")
    except OSError as error:
        raise PodfenceError(f"{path} cannot hold the lab's objects: {(error.strerror or str(error)).lower()}") from None
    try:
        fcntl.flock(claimed, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        claimed.close()
        raise PodfenceError(f"{path} holds the objects of a lab that runs; name another file") from None
    return claimed


class SqliteJournal:
    """A journal in a file; raises ``PodfenceError`` when the file is none of ours."""

    def __init__(self, path: Path) -> None:
        try:
            self._database = sqlite3.connect(path, isolation_level=None)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.executescript(_TABLES)
        except sqlite3.Error as error:
            raise PodfenceError(f"{path} cannot hold the lab's objects: {error}; name another file") from error

    def put(self, resource: Resource, entry: Entry) -> None:
        """Keep a revision of an object."""
        row = (resource.group, resource.plural, *entry.key, entry.revision, entry.json)
        self._commit(_PUT, row, entry.revision)

    def remove(self, resource: Resource, key: Key, revision: int) -> None:
        """Forget an object."""
        self._commit(_REMOVE, (resource.group, resource.plural, *key), revision)

    def _commit(self, statement: str, row: tuple[object, ...], revision: int) -> None:
        """Write one change; raises ``StatusError`` when the file takes none, as a server does whose etcd is full."""
        try:
            self._database.execute("BEGIN")
            self._database.execute(statement, row)
            self._database.execute("UPDATE counter SET revision = ?", (revision,))
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise StatusError(
                500, "InternalError", f"Internal error occurred: objects cannot be kept: {error}"
            ) from error

    def load_into(self, storage: Storage) -> int:
        """Give a storage all objects that were kept; gives their number."""
        count = 0
        rows = self._database.execute("SELECT api_group, plural, namespace, name, revision, json FROM objects")
        for group, plural, namespace, name, revision, text in rows:
            entry = Entry((namespace, name), revision, msgspec.json.decode(text))
            storage.load(Resource(group, plural), entry)
            count += 1
        storage.begin(self._database.execute("SELECT revision FROM counter").fetchone()[0])
        return count

    def close(self) -> None:
        """Close the file."""
        self._database.close()
