"""What patches and field ownership must know of a type: which lists are maps or sets, what is replaced as a whole.

For built-in kinds the answer comes from the table of types, for custom resources from the schema of their CRD.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import msgspec

from podfence.manifests.types import Field, RecordType, meta_type, record_type, type_of
from podfence.manifests.validation.schema import Schema


class MergeType(msgspec.Struct, frozen=True):
    """How the value of one field is merged.

    ``keys`` make a list a map for server-side apply, ``merge_key`` makes it one for strategic merge patch;
    ``is_set`` is a list of distinct scalars, ``merges_scalars`` one for strategic merge patch; ``atomic`` values have
    one owner. ``is_map`` tells an object whose keys are data from one whose keys are fields. ``retains_keys`` is the
    patch strategy of that name. ``record`` and ``schema`` are the type of the object, or of the items.
    """

    record: RecordType | None = None
    schema: Schema | None = None
    keys: tuple[str, ...] = ()
    merge_key: str = ""
    is_set: bool = False
    merges_scalars: bool = False
    atomic: bool = False
    is_map: bool = False
    is_root: bool = False

    def field(self, name: str) -> MergeType:
        """Give the type of a field of an object, or of a value of a map."""
        if self.schema is not None:
            if self.is_root and name in {"metadata", "apiVersion", "kind"}:
                return _METADATA if name == "metadata" else _ATOMIC
            return _of_schema(self.schema.field(name))
        if self.is_map:
            return MergeType(self.record) if self.record else _ATOMIC
        return _of_field(self.record.name, name) if self.record else _ATOMIC

    def item(self) -> MergeType:
        """Give the type of the items of a list."""
        return _of_schema(self.schema.items) if self.schema else MergeType(self.record)

    def default_of(self, key: str) -> object:
        """Give the value that a key of a list item has when it is left out."""
        if self.schema is not None:
            field = self.schema.items.field(key) if self.schema.items else None
            return field.default if field else None
        field_ = self.record.fields.get(key) if self.record else None
        return field_.default if field_ else None


_ATOMIC: Final = MergeType(atomic=True)
_METADATA: Final = MergeType(meta_type("ObjectMeta"))


@cache
def _of_field(record: str, name: str) -> MergeType:
    field = record_type(record).fields.get(name)
    if field is None:
        return _ATOMIC
    return _of_list(field) if field.repeated else _of_object(field)


def _of_object(field: Field) -> MergeType:
    record = field.record
    atomic = field.map_type == "atomic" or (record is not None and not field.map and record.map_type == "atomic")
    return MergeType(record, atomic=atomic or not (record or field.map), is_map=field.map)


def _of_list(field: Field) -> MergeType:
    merges = "merge" in field.patch_strategy
    return MergeType(
        field.record,
        keys=field.list_keys if field.list_type == "map" else (),
        merge_key=field.merge_key if merges else "",
        is_set=field.list_type == "set",
        merges_scalars=merges and not field.merge_key,
    )


def _of_schema(schema: Schema | None) -> MergeType:
    if schema is None:
        return _ATOMIC
    return MergeType(
        schema=schema,
        keys=schema.list_keys,
        is_set=schema.is_set,
        atomic=schema.is_atomic,
        is_map=schema.additional is not None,
    )


@cache
def of_builtin(api_version: str, kind: str) -> MergeType:
    """Give the type of a built-in kind."""
    record = type_of(api_version, kind)
    return MergeType(record) if record else _ATOMIC


def of_custom_resource(schema: Schema) -> MergeType:
    """Give the type of a kind whose schema a CRD states; its metadata is that of every kind."""
    return MergeType(schema=schema, is_root=True)
