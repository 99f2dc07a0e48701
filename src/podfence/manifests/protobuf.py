r"""Objects in Kubernetes' protobuf encoding, which kubectl and typed clients send: read into plain data as JSON has it.

An object is the magic ``k8s\0``, an envelope that names its kind, and a message whose field numbers are in the table
of types. Go's encoder always writes fields that are no pointers, so their zero values are dropped; a pointer to a zero
value is kept (apimachinery pkg/runtime/serializer/protobuf). Fields that the table does not know are skipped.
"""

from __future__ import annotations

import base64
import functools
import json
import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from podfence.manifests.types import Field, RecordType, meta_type, record_type, type_of

MAGIC: Final = b"k8s\0"
CONTENT_TYPE: Final = "application/vnd.kubernetes.protobuf"
_DEEPEST = 100
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_SCHEMA = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"

Object = dict[str, Any]
Raw = int | bytes
Message = Mapping[int, list[Raw]]


class ProtobufError(ValueError):
    """Bytes that are no object in this encoding; the message is one line."""


def decode_protobuf(body: bytes) -> Object:
    """Decode an object with its envelope; raises ``ProtobufError``."""
    if not body.startswith(MAGIC):
        raise ProtobufError("provided data does not appear to be a protobuf message, expected prefix 'k8s'")
    envelope = _message(body[len(MAGIC) :])
    head = _message(_bytes(envelope, 1))
    api_version, kind = _text(_bytes(head, 1)), _text(_bytes(head, 2))
    # Options are sent with the group of the object that they are about.
    record = meta_type(kind) if kind == "DeleteOptions" else type_of(api_version, kind)
    if record is None:
        raise ProtobufError(f'no kind "{kind}" is registered for version "{api_version}"')
    return {"kind": kind, "apiVersion": api_version, **_record(record, _bytes(envelope, 2), 0)}


def _message(data: bytes) -> dict[int, list[Raw]]:
    """Split a message into its fields: numbers to values in order; numbers are whole, the rest is bytes."""
    fields: dict[int, list[Raw]] = {}
    for number, value in _fields(data):
        fields.setdefault(number, []).append(value)
    return fields


def _fields(data: bytes) -> Iterator[tuple[int, Raw]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        value: Raw
        match key & 7:
            case 0:
                value, at = _varint(data, at)
            case 2:
                size, at = _varint(data, at)
                value, at = _slice(data, at, size), at + size
            case 1 | 5 as kind:
                size = 8 if kind == _EIGHT_BYTES else 4
                value, at = _slice(data, at, size), at + size
            case kind:
                raise ProtobufError(f"proto: illegal wireType {kind}")
        if key >> 3 == 0:
            raise ProtobufError("proto: illegal tag 0")
        yield key >> 3, value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data):
            raise ProtobufError("unexpected EOF")
        if shift >= 64:
            raise ProtobufError("proto: integer overflow")
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at


def _slice(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise ProtobufError("unexpected EOF")
    return data[at : at + size]


def _bytes(message: Message, number: int) -> bytes:
    """Give the last value of a field that holds bytes, none of them where the field is absent."""
    return _as_bytes(message[number][-1]) if number in message else b""


def _as_bytes(value: Raw) -> bytes:
    if isinstance(value, int):
        raise ProtobufError(f"proto: wrong wireType = {_VARINT}")
    return value


def _as_whole(value: Raw) -> int:
    if isinstance(value, bytes):
        raise ProtobufError(f"proto: wrong wireType = {_BYTES}")
    return value - (1 << 64) if value >> 63 else value


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ProtobufError("a text is not valid UTF-8") from error


@functools.cache
def _numbers(name: str) -> Mapping[int, Field]:
    return {member.number: member for member in record_type(name).members if member.number}


def _record(record: RecordType, data: bytes, depth: int) -> Object:
    if depth > _DEEPEST:
        raise ProtobufError("exceeded max depth")
    members = _numbers(record.name)
    found: Object = {}
    for number, value in _fields(data):
        member = members.get(number)
        if member is None:
            continue
        if member.inline:
            found.update(_record(record_type(member.type), _as_bytes(value), depth + 1))
        elif member.map:
            found.setdefault(member.name, {}).update(_entry(member, _as_bytes(value), depth))
        elif member.repeated:
            found.setdefault(member.name, []).extend(_items(member, value, depth))
        else:
            found[member.name] = _value(member, value, depth)
    return {name: entry for name, entry in found.items() if not _is_nothing(record.fields[name], entry)}


def _is_nothing(field: Field, value: object) -> bool:
    """Tell whether Go would have written this for a field that nobody set."""
    if value is None:
        return True
    return not (field.pointer or field.map or field.repeated) and (value in ({}, "", 0) or value is False)


def _entry(member: Field, data: bytes, depth: int) -> Object:
    entry = _message(data)
    key = _text(_bytes(entry, 1))
    value = entry[2][-1] if 2 in entry else (0 if member.type in {"bool", "int32", "int64"} else b"")
    return {key: _value(member, value, depth)}


def _items(member: Field, value: Raw, depth: int) -> list[Any]:
    if member.type in {"int32", "int64", "bool"} and isinstance(value, bytes):
        return [_value(member, number, depth) for number in _packed(value)]
    return [_value(member, value, depth)]


def _packed(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        number, at = _varint(data, at)
        yield number


def _value(member: Field, value: Raw, depth: int) -> Any:  # noqa: ANN401 (plain data, as JSON gives it)
    if member.record is not None:
        return _record(member.record, _as_bytes(value), depth + 1)
    reader = _READERS.get(member.type)
    if reader is not None:
        return reader(value)
    schema = _SCHEMAS.get(member.type)
    return schema(_message(_as_bytes(value)), depth + 1) if schema else None


def _double(value: Raw) -> float:
    data = _as_bytes(value)
    if len(data) != 8:
        raise ProtobufError(f"proto: wrong wireType = {_FOUR_BYTES}")
    number: float = struct.unpack("<d", data)[0]
    return number


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _moment(value: Raw, *, micro: bool) -> str | None:
    data = _as_bytes(value)
    if not data:
        return None
    message = _message(data)
    seconds, nanos = (_as_whole(message[number][-1]) if number in message else 0 for number in (1, 2))
    try:
        moment = _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
    except OverflowError as error:
        raise ProtobufError("a time is beyond all calendars") from error
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{moment.microsecond:06}Z" if micro else "Z")


def _number_or_text(value: Raw) -> int | str:
    message = _message(_as_bytes(value))
    if 1 in message and _as_whole(message[1][-1]):
        return _text(_bytes(message, 3))
    return _as_whole(message[2][-1]) if 2 in message else 0


def _json(value: Raw) -> Any:  # noqa: ANN401 (any JSON)
    text = _bytes(_message(_as_bytes(value)), 1)
    if not text:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtobufError("JSON inside the message cannot be read") from error


def _texts(value: Raw) -> list[str]:
    return [_text(_as_bytes(each)) for each in _message(_as_bytes(value)).get(1, [])]


_READERS: Mapping[str, Callable[[Raw], Any]] = {
    "string": lambda value: _text(_as_bytes(value)),
    "bytes": lambda value: base64.b64encode(_as_bytes(value)).decode(),
    "bool": lambda value: bool(_as_whole(value)),
    "int32": _as_whole,
    "int64": _as_whole,
    "float64": _double,
    "time": functools.partial(_moment, micro=False),
    "micro-time": functools.partial(_moment, micro=True),
    "quantity": lambda value: _text(_bytes(_message(_as_bytes(value)), 1)) or "0",
    "int-or-string": _number_or_text,
    "raw": _json,
    "json": _json,
    "[]string": _texts,
}


def _schema(data: bytes, depth: int) -> Object:
    return _record(record_type(_SCHEMA), data, depth)


def _schema_or_array(message: Message, depth: int) -> object:
    if 2 in message:
        return [_schema(_as_bytes(each), depth) for each in message[2]]
    return _schema(_bytes(message, 1), depth) if 1 in message else None


def _schema_or_bool(message: Message, depth: int) -> object:
    if 2 in message:
        return _schema(_bytes(message, 2), depth)
    return bool(_as_whole(message[1][-1])) if 1 in message else False


def _schema_or_strings(message: Message, depth: int) -> object:
    if 1 in message:
        return _schema(_bytes(message, 1), depth)
    return [_text(_as_bytes(each)) for each in message.get(2, [])]


_SCHEMAS: Mapping[str, Callable[[Message, int], object]] = {
    "schema-or-array": _schema_or_array,
    "schema-or-bool": _schema_or_bool,
    "schema-or-strings": _schema_or_strings,
}
