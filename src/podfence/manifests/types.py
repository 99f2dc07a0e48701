"""The types of the stable Kubernetes APIs as data: every field with its JSON name, protobuf number and merge rules.

The table beside this file is made from the Go types of the API server itself (``./dev types``), and is read when it is
first asked for. Nothing is known here of what a field means; validation, patches and OpenAPI each read what they need.
"""

from __future__ import annotations

import functools
import gzip
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, Final

import msgspec

TABLE: Final = "types.json.gz"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
SCALARS: Final = frozenset({"string", "bool", "int32", "int64", "float64", "bytes"})
SPECIAL: Final = frozenset(
    {
        *("time", "micro-time", "duration", "quantity", "int-or-string"),
        *("raw", "json", "schema-or-array", "schema-or-bool", "schema-or-strings"),
    }
)
"""Types that write themselves in JSON; ``raw`` and ``json`` hold any value, the schema types a CRD's schema."""


_LETTERS: Final = {
    "name": "n",
    "type": "t",
    "go": "g",
    "repeated": "r",
    "map": "m",
    "pointer": "p",
    "omit_empty": "o",
    "omit_zero": "z",
    "inline": "i",
    "required": "q",
    "number": "#",
    "strategy": "s",
    "merge_key": "k",
    "list_type": "l",
    "list_keys": "y",
    "map_type": "a",
    "default": "d",
    "enum": "e",
}


class Field(
    msgspec.Struct,
    frozen=True,
    gc=False,
    # One letter each, since the table is read at every start of the API server.
    rename=_LETTERS,
):
    """One field of a record.

    ``type`` is a word of ``SCALARS`` or ``SPECIAL``, or the name of a record; for a list that of its items, for a map
    that of its values (``[]string`` where these are lists). ``go`` is the Go type as the server names it in messages,
    empty where it is ``type`` or the record's. ``number`` is the protobuf field number, 0 for none. ``list_type`` is
    ``atomic``, ``set`` or ``map`` with ``list_keys``; ``default`` is what OpenAPI declares, often just Go's zero value.
    """

    name: str
    type: str
    go: str = ""
    repeated: bool = False
    map: bool = False
    pointer: bool = False
    omit_empty: bool = False
    omit_zero: bool = False
    inline: bool = False
    required: bool = False
    number: int = 0
    strategy: str = ""
    merge_key: str = ""
    list_type: str = ""
    list_keys: tuple[str, ...] = ()
    map_type: str = ""
    default: Any = None
    enum: tuple[str, ...] = ()

    @property
    def patch_strategy(self) -> tuple[str, ...]:
        """What a strategic merge patch does with the field: ``merge``, ``retainKeys``, ``replace``, or several."""
        return tuple(self.strategy.split(",")) if self.strategy else ()

    @property
    def record(self) -> RecordType | None:
        """The record that the field, its items or its values are; ``None`` for anything that is no record."""
        return _table().get(self.type)


class RecordType(msgspec.Struct, frozen=True):
    """A struct of an API: ``fields`` as JSON has them, inlined ones included, in the order of the Go struct.

    ``members`` are the fields as protobuf has them, where an inlined struct is a field (``inline``) of its own.
    ``map_type`` is ``atomic`` where server-side apply owns the whole.
    """

    name: str
    go: str
    map_type: str
    fields: Mapping[str, Field]
    members: tuple[Field, ...]


class _Entry(msgspec.Struct, frozen=True, rename={"go": "g", "map_type": "a", "fields": "f"}):
    go: str
    fields: tuple[Field, ...]
    map_type: str = ""


class _File(msgspec.Struct, frozen=True):
    kinds: dict[str, str]
    records: dict[str, _Entry]


def type_of(api_version: str, kind: str) -> RecordType | None:
    """Find the type of a kind, ``None`` for one that no stable built-in API has.

    ``meta.k8s.io/v1`` holds the kinds that belong to no group: DeleteOptions, Status, Table, PartialObjectMetadata.
    """
    name = _file().kinds.get(f"{api_version}/{kind}")
    return None if name is None else _table()[name]


def record_type(name: str) -> RecordType:
    """Give a record by its OpenAPI name (``io.k8s.api.core.v1.PodSpec``); raises KeyError for others."""
    return _table()[name]


def meta_type(kind: str) -> RecordType:
    """Give a record of the meta API that every kind shares, such as ``ObjectMeta`` or ``LabelSelector``."""
    return _table()[_META + kind]


def all_kinds() -> Iterator[tuple[str, str]]:
    """List every kind of the table as (apiVersion, kind), lists and the kinds of ``meta.k8s.io/v1`` included."""
    for name in sorted(_file().kinds):
        api_version, _, kind = name.rpartition("/")
        yield api_version, kind


@functools.cache
def _file() -> _File:
    return msgspec.json.decode(gzip.decompress(files(__package__).joinpath(TABLE).read_bytes()), type=_File)


@functools.cache
def _table() -> Mapping[str, RecordType]:
    entries = _file().records
    return {
        name: RecordType(
            name, entry.go, entry.map_type, {each.name: each for each in _flat(entry, entries)}, entry.fields
        )
        for name, entry in entries.items()
    }


def _flat(entry: _Entry, entries: Mapping[str, _Entry]) -> Iterator[Field]:
    for each in entry.fields:
        if each.inline:
            yield from _flat(entries[each.type], entries)
        else:
            yield each
