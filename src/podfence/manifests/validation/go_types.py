"""The Go types of every built-in kind, made from the table of types: what decodes a JSON value into a field.

Adds to ``decoding`` the types that only some kinds have: quantities, bytes, times with microseconds, maps of structs.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from podfence.manifests.types import Field, RecordType, record_type
from podfence.manifests.validation.cause import shown_as_json
from podfence.manifests.validation.decoding import (
    Anything,
    Findings,
    Flag,
    GoType,
    ListOf,
    MapOf,
    NumberOrText,
    Record,
    Text,
    Time,
    Whole,
    go_number,
)
from podfence.manifests.validation.quantity import QuantityError, parse_quantity


class QuantityText(msgspec.Struct, frozen=True):
    """A quantity: a text or a bare number, kept as the text that the server shows."""

    def decode(self, value: object, path: str, owner: str, findings: Findings) -> str:
        """Take a quantity in any form; a fault ends the decoding."""
        del owner
        text = value if isinstance(value, str) else _json_text(value)
        try:
            return parse_quantity(text.strip()).text
        except QuantityError as error:
            findings.end(path, str(error))
            return "0"

    def zero(self) -> str:
        """Give 0."""
        return "0"


def _json_text(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return go_number(value)
    return shown_as_json(value)


class Bytes(msgspec.Struct, frozen=True):
    """A Go byte slice: base64 in JSON, kept in its normal form."""

    def decode(self, value: object, path: str, owner: str, findings: Findings) -> str:
        """Take base64 with padding; Go ignores line breaks in it."""
        if isinstance(value, list):
            return self._numbers(value, path, owner, findings)
        if not isinstance(value, str):
            findings.refuse(value, "[]uint8", path, owner)
            return ""
        text = value.replace("\n", "").replace("\r", "")
        try:
            return base64.b64encode(base64.b64decode(text, validate=True)).decode()
        except (binascii.Error, ValueError):
            findings.note(path, f"illegal base64 data at input byte {_corrupt_at(value)}")
            return ""

    def _numbers(self, value: list[object], path: str, owner: str, findings: Findings) -> str:
        found = bytearray()
        for item in value:
            if isinstance(item, int) and not isinstance(item, bool) and 0 <= item < 256:
                found.append(item)
            elif item is not None:
                findings.refuse(item, "uint8", path, owner)
        return base64.b64encode(bytes(found)).decode()

    def zero(self) -> str:
        """Give no bytes."""
        return ""


_BASE64 = re.compile(r"[A-Za-z0-9+/]")


def _corrupt_at(text: str) -> int:
    """Find the byte at which Go's decoder gives up."""
    quantum = 0
    for at, character in enumerate(text):
        if character in "\r\n":
            continue
        if _BASE64.match(character):
            quantum = (quantum + 1) % 4
            continue
        return _corrupt_padding(text, at, quantum) if character == "=" else at
    return len(text) - quantum if quantum else len(text)


def _corrupt_padding(text: str, at: int, quantum: int) -> int:
    if quantum < 2:
        return at
    rest = at + 1
    if quantum == 2:
        while rest < len(text) and text[rest] in "\r\n":
            rest += 1
        if rest == len(text):
            return len(text)
        if text[rest] != "=":
            return rest
        rest += 1
    while rest < len(text) and text[rest] in "\r\n":
        rest += 1
    return rest


class Moment(msgspec.Struct, frozen=True):
    """A time in RFC 3339, kept in UTC; ``micro`` demands and keeps six decimals of a second."""

    micro: bool = False

    def decode(self, value: object, path: str, owner: str, findings: Findings) -> str | None:
        """Take what ``Time`` takes."""
        probe = Findings(sort=False)
        text = Time(micro=self.micro).decode(value, path, owner, probe)
        findings.fatal += probe.fatal
        findings.wrong += probe.wrong
        return in_utc(text, micro=self.micro) if text else None

    def zero(self) -> None:
        """Give no time."""


def in_utc(text: str, *, micro: bool) -> str:
    """Write a time as the server shows it: in UTC, whole seconds or microseconds."""
    cut = re.sub(r"[.,](\d{1,6})\d*", lambda match: f".{match[1]:0<6}", text)
    try:
        moment = datetime.fromisoformat(cut).astimezone(UTC)
    except (ValueError, OverflowError):
        return text
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{moment.microsecond:06}Z" if micro else "Z")


class Float(msgspec.Struct, frozen=True):
    """A Go float64."""

    def decode(self, value: object, path: str, owner: str, findings: Findings) -> float:
        """Take numbers only."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        findings.refuse(value, "float64", path, owner)
        return 0

    def zero(self) -> float:
        """Give 0."""
        return 0


class MapOfValues(msgspec.Struct, frozen=True):
    """A Go map from text to anything but text."""

    value: GoType
    go_type: str

    def decode(self, value: object, path: str, owner: str, findings: Findings) -> dict[str, Any]:
        """Take an object; the key is part of the path of what is inside, but not of Go's messages."""
        if not isinstance(value, dict):
            findings.refuse(value, self.go_type, path, owner)
            return {}
        keys = sorted(value) if findings.sort else value
        return {key: self._item(value[key], path, key, owner, findings) for key in keys}

    def _item(self, item: object, path: str, key: str, owner: str, findings: Findings) -> object:
        return self.value.zero() if item is None else self.value.decode(item, f"{path}[[{key}]]", owner, findings)

    def zero(self) -> dict[str, Any]:
        """Give an empty map."""
        return {}


class _Fields(Mapping[str, GoType]):
    """The Go types of a record's fields, made when a field is first met: some types hold themselves."""

    def __init__(self, record: RecordType) -> None:
        self._record = record
        self._made: dict[str, GoType] = {}

    def __getitem__(self, name: str) -> GoType:
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = go_type(self._record.fields[name])
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self._record.fields)

    def __len__(self) -> int:
        return len(self._record.fields)


@functools.cache
def go_record(name: str) -> Record:
    """Make the Go struct of a record of the table."""
    record = record_type(name)
    package, _, short = record.go.rpartition(".")
    return Record(short, _Fields(record), package, dict(_embedded(record)))


def _embedded(record: RecordType) -> Iterator[tuple[str, str]]:
    for member in record.members:
        if member.inline:
            inner = record_type(member.type)
            for name in inner.fields:
                yield name, inner.go.rpartition(".")[2]


def go_type(field: Field) -> GoType:
    """Make the Go type of a field."""
    item = _item_type(field)
    if field.map:
        return MapOf() if item == Text() else MapOfValues(item, field.go)
    if field.repeated:
        return ListOf(item, field.go.removeprefix("[]"))
    return item


_BY_WORD: Mapping[str, GoType] = {
    "bool": Flag(),
    "int32": Whole(32),
    "int64": Whole(64),
    "float64": Float(),
    "bytes": Bytes(),
    "time": Moment(),
    "micro-time": Moment(micro=True),
    "quantity": QuantityText(),
    "int-or-string": NumberOrText(),
    "[]string": ListOf(Text(), "string"),
}


def _item_type(field: Field) -> GoType:
    if field.record is not None:
        return go_record(field.type)
    if field.type == "string":
        return Text(field.go if field.go and not (field.map or field.repeated) else _item_name(field))
    return _BY_WORD.get(field.type, Anything())


def _item_name(field: Field) -> str:
    return field.go.rpartition("]")[2] or "string"
