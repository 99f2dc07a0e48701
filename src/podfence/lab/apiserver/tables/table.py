"""A table: its columns, and an object as a row of cells (k8s.io/kubernetes pkg/printers)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

Object = dict[str, Any]

_encode = msgspec.json.Encoder().encode


class Column(msgspec.Struct, frozen=True):
    """One column; ``priority`` 1 is shown with ``-o wide`` only."""

    name: str
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0

    def as_object(self) -> Object:
        """Write the column's definition."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        }


class TableColumns(msgspec.Struct, frozen=True):
    """The columns of a kind, and how its cells are found; ``now`` is for ages."""

    columns: tuple[Column, ...]
    cells: Callable[[Object, float], list[Any]]
    conditions: Callable[[Object], list[Object]] | None = None


class Table:
    """Writes a table at one moment."""

    def __init__(self, columns: TableColumns, version: str, now: float) -> None:
        self._columns = columns
        self._version = version
        self._now = now

    def head(self, metadata: Mapping[str, Any], *, with_columns: bool) -> bytes:
        """Write all but the rows, as an object that is to be opened again."""
        definitions = [column.as_object() for column in self._columns.columns] if with_columns else None
        head = {"kind": "Table", "apiVersion": f"meta.k8s.io/{self._version}", "metadata": metadata}
        return _encode({**head, "columnDefinitions": definitions})

    def row(self, value: Object, object_: bytes) -> bytes:
        """Write one row."""
        text = b'{"cells":' + _encode(self._columns.cells(value, self._now))
        conditions = self._columns.conditions(value) if self._columns.conditions else None
        if conditions:
            text += b',"conditions":' + _encode(conditions)
        return text + b',"object":' + object_ + b"}"
