"""The forms in which objects are shown: as they are, as rows of a table, or with their metadata only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from podfence.lab.apiserver.http.answers import Form, encode
from podfence.lab.apiserver.registry import Registry
from podfence.lab.apiserver.resources import ApiResource
from podfence.lab.apiserver.storage import Entry
from podfence.lab.apiserver.tables.table import Table, TableColumns

Object = dict[str, Any]

METADATA: Final = "PartialObjectMetadata"
METADATA_LIST: Final = "PartialObjectMetadataList"
OBJECT_FORMS: Final = ("Table", METADATA)


class View(Protocol):
    """One form."""

    def one(self, entry: Entry) -> bytes:
        """Show one object."""

    def many(self, entries: Sequence[Entry], metadata: Object) -> bytes:
        """Show a list with its metadata."""

    def bookmark(self, metadata: Object) -> bytes:
        """Show an object that has metadata only, as watches send it to tell how far they are."""


def view_of(registry: Registry, resource: ApiResource, form: Form, query: Mapping[str, str]) -> View:
    """Choose the view that a form asks for."""
    if form.transformation == "Table":
        columns = registry.columns(resource)
        return TableView(columns, form.version or "v1", query.get("includeObject", "Metadata"), registry.making.now())
    if form.transformation in {METADATA, METADATA_LIST}:
        return MetadataView()
    return PlainView(resource)


class PlainView:
    """Objects as they are stored, in the version that was asked for."""

    def __init__(self, resource: ApiResource) -> None:
        self._resource = resource
        head = encode({"kind": resource.kind, "apiVersion": resource.api_version})
        self._head = head[:-1] + b","

    def one(self, entry: Entry) -> bytes:
        """Show one object."""
        if entry.value["apiVersion"] == self._resource.api_version:
            return entry.json
        return encode({**entry.value, "apiVersion": self._resource.api_version})

    def many(self, entries: Sequence[Entry], metadata: Object) -> bytes:
        """Show a list; its items are texts that were made before."""
        head = {"kind": self._resource.kind_of_list, "apiVersion": self._resource.api_version, "metadata": metadata}
        return encode(head)[:-1] + b',"items":[' + b",".join(map(self._item, entries)) + b"]}"

    def _item(self, entry: Entry) -> bytes:
        # The items of a typed list do not say again what they are.
        text = self.one(entry)
        return b"{" + text[len(self._head) :] if not self._resource.custom and text.startswith(self._head) else text

    def bookmark(self, metadata: Object) -> bytes:
        """Show the metadata as an object of the kind."""
        return encode({"kind": self._resource.kind, "apiVersion": self._resource.api_version, "metadata": metadata})


class MetadataView:
    """Objects without all but their metadata."""

    _HEAD: Final = b'{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":'

    def one(self, entry: Entry) -> bytes:
        """Show one object."""
        found = entry.rows.get("metadata")
        if found is None:
            found = entry.rows["metadata"] = self._HEAD + encode(entry.value["metadata"]) + b"}"
        return found

    def many(self, entries: Sequence[Entry], metadata: Object) -> bytes:
        """Show a list."""
        head = {"kind": METADATA_LIST, "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
        return encode(head)[:-1] + b',"items":[' + b",".join(map(self.one, entries)) + b"]}"

    def bookmark(self, metadata: Object) -> bytes:
        """Show the metadata."""
        return self._HEAD + encode(metadata) + b"}"


class TableView:
    """Objects as rows, with the columns that kubectl prints."""

    def __init__(self, columns: TableColumns, version: str, included: str, now: float) -> None:
        self._table = Table(columns, version, now)
        self._included = included
        self._metadata = MetadataView()
        self._is_first = True

    def _object(self, entry: Entry) -> bytes:
        if self._included == "Object":
            return entry.json
        return b"null" if self._included == "None" else self._metadata.one(entry)

    def _rows(self, entries: Iterable[Entry]) -> bytes:
        return b",".join(self._table.row(entry.value, self._object(entry)) for entry in entries)

    def _text(self, rows: bytes, metadata: Object) -> bytes:
        # A watch tells the columns once.
        text = self._table.head(metadata, with_columns=self._is_first)[:-1] + b',"rows":[' + rows + b"]}"
        self._is_first = False
        return text

    def one(self, entry: Entry) -> bytes:
        """Show a table of one row."""
        metadata = {"resourceVersion": entry.value["metadata"].get("resourceVersion", "")}
        return self._text(self._rows((entry,)), metadata)

    def many(self, entries: Sequence[Entry], metadata: Object) -> bytes:
        """Show a table."""
        return self._text(self._rows(entries), metadata)

    def bookmark(self, metadata: Object) -> bytes:
        """Show a table of one row without cells."""
        row = b'{"cells":[],"object":' + self._metadata.bookmark(metadata) + b"}"
        return self._text(row, {"resourceVersion": metadata["resourceVersion"]})
