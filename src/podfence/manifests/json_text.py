"""JSON text to items, fast enough for the output of ``kubectl get pods -A -o json`` on the largest clusters.

Only the outermost level is taken apart: each item of a list stays the bytes that it is until somebody asks for its
fields, and then builds no more than is asked for. A file of 345 MB thus never becomes Python dicts, and where a
field stands is found out when something is reported of it.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from typing import Final, TypeVar, cast

import msgspec

from podfence.manifests.documents import Head, Item, ListHead, NoObject, Template, Unparsed, no_mapping, object_fault
from podfence.manifests.field_path import MAX_DEPTH
from podfence.manifests.json_item import POD, JsonItem, JsonText, decoder_of
from podfence.manifests.json_scan import is_too_deep, load, member_offsets

T = TypeVar("T")

Outcome = Item | Unparsed | NoObject | Template

_BLANK = re.compile(rb"[ \t\r\n]*")
_BETWEEN_ITEMS = re.compile(rb"[ \t\r\n,]*")
_HEAD = re.compile(
    rb'\{[ \t\r\n]*"apiVersion":[ \t]?"([A-Za-z0-9./-]+)",[ \t\r\n]*"kind":[ \t]?"([A-Za-z0-9]+)"[ \t\r\n]*[,}]'
)
_REASON = re.compile(r"(?:JSON is malformed: )?(.*?)(?: \(byte ([0-9]+)\))?")
_TRAILING: Final = "trailing characters"
_REASONS: Final = {
    "Input data was truncated": "the text ends too early: a bracket or a quote is never closed",
    "expected '\"'": "a key must stand in double quotes",
    "object keys must be strings": "a key must stand in double quotes",
    "trailing comma in object": "a comma before '}'",
    "trailing comma in array": "a comma before ']'",
    "expected ':'": "a ':' is missing behind the key",
    "expected ',' or '}'": "a ',' or '}' is missing here",
    "expected ',' or ']'": "a ',' or ']' is missing here",
    "invalid number": "this is no JSON number",
    "invalid escaped character": "unknown escape in a text; write \\\\ for a backslash",
    "invalid character in unicode escape": "an escape \\u needs four hexadecimal digits",
}


class JsonError(Exception):
    """A text that is not JSON: one sentence, and the byte where it stops being so.

    ``values`` counts the JSON values before that byte, ``start`` is where the broken one begins.
    """

    def __init__(self, message: str, offset: int, values: int = 0, start: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.values = values
        self.start = start


class _Envelope(msgspec.Struct, gc=False, rename="camel"):
    """The outermost level of an object, or of a list whose items stay bytes."""

    api_version: msgspec.Raw = msgspec.Raw()
    kind: msgspec.Raw = msgspec.Raw()
    metadata: msgspec.Raw = msgspec.Raw()
    spec: msgspec.Raw = msgspec.Raw()
    items: list[msgspec.Raw] | None = None


class _Object(msgspec.Struct, gc=False, rename="camel"):
    """The same of an object whose ``items`` are not a list."""

    api_version: msgspec.Raw = msgspec.Raw()
    kind: msgspec.Raw = msgspec.Raw()
    metadata: msgspec.Raw = msgspec.Raw()
    spec: msgspec.Raw = msgspec.Raw()


def read_json_text(data: bytes, file: str, start: int = 0, values: int = 0) -> Iterator[Outcome]:
    """Read the JSON values of a UTF-8 text, one behind the other, and yield their objects in order.

    ``start`` is where to begin, ``values`` how many values were read before. Raises ``JsonError`` where it stops
    being JSON; what was yielded until then stands.
    """
    text = JsonText(data, file)
    start = _blank_end(data, start)
    while start < len(data):
        envelope, end = _next_value(text, start, values)
        yield from _outermost(text, start, end, envelope)
        start, values = _blank_end(data, end), values + 1


def _blank_end(data: bytes, start: int) -> int:
    match = _BLANK.match(data, start)
    return match.end() if match else start


def _next_value(text: JsonText, start: int, values: int) -> tuple[_Envelope | None, int]:
    """Take the outermost level of the value at ``start`` apart, ``None`` when it is no mapping; and its end."""
    try:
        if not text.data.startswith(b"{", start):
            return None, _decode_at(text.view, start, msgspec.Raw)[1]
        return _envelope_at(text.view, start)
    except msgspec.DecodeError as error:
        raise _explain(error, text.data, start, values) from None
    except RecursionError:
        raise JsonError(f"nested deeper than {MAX_DEPTH} levels", start, values, start) from None


def _envelope_at(view: memoryview, start: int) -> tuple[_Envelope, int]:
    try:
        return _decode_at(view, start, _Envelope)
    except msgspec.ValidationError:
        value, end = _decode_at(view, start, _Object)
        return _Envelope(value.api_version, value.kind, value.metadata, value.spec), end


def _decode_at(view: memoryview, start: int, into: type[T]) -> tuple[T, int]:
    """Decode the value at ``start`` and tell where it ends; msgspec itself wants to be given one value alone."""
    decoder = cast("msgspec.json.Decoder[T]", decoder_of(cast("Hashable", into)))
    try:
        return decoder.decode(view[start:]), len(view)
    except msgspec.DecodeError as error:
        message, at = _parts(error)
        if message != _TRAILING or not at:
            raise
    # The byte that msgspec names is the one behind the first that is too many.
    return decoder.decode(view[start : start + at - 1]), start + at - 1


def _parts(error: msgspec.DecodeError) -> tuple[str, int | None]:
    match = _REASON.fullmatch(str(error))
    if match is None:
        return str(error), None
    return match[1], int(match[2]) if match[2] else None


def _explain(error: msgspec.DecodeError, data: bytes, start: int, values: int) -> JsonError:
    message, at = _parts(error)
    offset = len(data) if at is None else start + at
    if message == "invalid character":
        message = _unexpected(data, offset)
    return JsonError(_REASONS.get(message, message), offset, values, start)


def _unexpected(data: bytes, offset: int) -> str:
    if re.match(rb"NaN|-?Infinity|-?nan|-?inf", data[offset - 1 : offset + 9].lstrip(b"-: ")):
        return "JSON has neither NaN nor Infinity"
    character = data[offset : offset + 4].decode("utf-8", "replace")[:1]
    if character < " ":
        return "a control character stands in a text; write it as an escape such as \\n or \\t"
    return f"{character!r} is unexpected here; text must stand in double quotes"


def _outermost(text: JsonText, start: int, end: int, envelope: _Envelope | None) -> Iterator[Outcome]:
    """Yield the objects of one value of the file."""
    if envelope is None:
        yield NoObject(text.position(start), no_mapping([] if text.data.startswith(b"[", start) else ""))
    else:
        yield from _objects(text, start, end, envelope, None)


def _objects(text: JsonText, start: int, end: int, envelope: _Envelope, parent: ListHead | None) -> Iterator[Outcome]:
    """Yield an object, or the objects of a list."""
    head = _head(envelope).within(parent)
    if isinstance(head.kind, str) and head.kind.endswith("List") and envelope.items is not None:
        yield from _list(text, start, end, envelope.items, ListHead(head.api_version, head.kind))
        return
    fault = object_fault(head, in_list=parent is not None)
    if fault is not None:
        position = text.position(start)
        yield Unparsed(position, fault.reason) if fault.meant else NoObject(position, fault.reason)
    elif isinstance(head.api_version, str) and isinstance(head.kind, str):
        yield _item(text, start, end, (head.api_version, head.kind))


def _head(envelope: _Envelope) -> Head:
    body = bool(memoryview(envelope.metadata).nbytes or memoryview(envelope.spec).nbytes)
    return Head(_scalar(envelope.api_version), _scalar(envelope.kind), body)


def _scalar(raw: msgspec.Raw) -> object:
    return load(bytes(raw))[0] if memoryview(raw).nbytes else None


def _item(text: JsonText, start: int, end: int, head: tuple[str, str]) -> Item | Unparsed:
    if head != POD and is_too_deep(text.data, start, end):
        return Unparsed(text.position(start), f"nested deeper than {MAX_DEPTH} levels")
    return JsonItem(head, text.view[start:end], text, start)


def _list(text: JsonText, start: int, end: int, items: list[msgspec.Raw], parent: ListHead) -> Iterator[Outcome]:
    if not items:
        return
    data = text.data
    places, twice = _item_places(data, start, end, items)
    if twice:
        yield Unparsed(text.position(places[0]), "the key 'items' stands twice; the last one counts", kept=True)
    heads: dict[tuple[bytes, bytes], tuple[str, str]] = {}
    for first, raw in zip(places, items, strict=True):
        last = first + memoryview(raw).nbytes
        known = _HEAD.match(data, first, last)
        if known is None or known[2].endswith(b"List"):
            yield from _unusual_item(text, first, last, parent)
            continue
        names = (known[1], known[2])
        head = heads.get(names)
        if head is None:
            head = heads[names] = (names[0].decode(), names[1].decode())
        yield _item(text, first, last, head)


def _unusual_item(text: JsonText, start: int, end: int, parent: ListHead) -> Iterator[Outcome]:
    """Yield an item that does not begin with its API version and kind as kubectl prints them."""
    if not text.data.startswith(b"{", start):
        yield Unparsed(text.position(start), no_mapping(load(text.data[start:end])[0]))
        return
    envelope, _ = _envelope_at(text.view[:end], start)
    yield from _objects(text, start, end, envelope, parent)


def _item_places(data: bytes, start: int, end: int, items: list[msgspec.Raw]) -> tuple[list[int], bool]:
    """Find where each item of a list begins, and tell whether another ``items`` came before."""
    twice = False
    for value in member_offsets(data, start, end, "items"):
        places = _places_behind(data, value, items)
        if places:
            return places, twice
        twice = True
    raise AssertionError("a list without its items")


def _places_behind(data: bytes, bracket: int, items: list[msgspec.Raw]) -> list[int]:
    """Lay the items one behind the other into the list that opens at ``bracket``; empty when they do not fit."""
    at = _blank_end(data, bracket + 1)
    if not data.startswith(b"[", bracket) or not data.startswith(bytes(items[0]), at):
        return []
    places = []
    match = _BETWEEN_ITEMS.match
    for raw in items:
        between = match(data, at)
        at = between.end() if between else at
        places.append(at)
        at += memoryview(raw).nbytes
    return places if data.startswith(b"]", _blank_end(data, at)) else []
