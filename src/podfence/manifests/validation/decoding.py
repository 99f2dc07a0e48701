"""Decoding of JSON values into the Go types of an API, with Go's complaints about types and unknown fields.

The server decodes built-in kinds into Go structs: unknown and repeated fields are *strict* errors, all of them
are listed; a value of the wrong type is fatal, and only the first is told. Both are collected here in full
(facts: semantics 1.7; sigs.k8s.io/json). A decoded value is plain data again: only known fields, nulls resolved
as Go resolves them (absent in a struct, the zero value in a list or map).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from podfence.manifests.validation.cause import Cause, json_number, nearest_float, unknown_field, wrong_type

MAX_STRICT_ERRORS = 100
"""The server stops listing unknown and repeated fields here."""


class Decoded(msgspec.Struct, frozen=True):
    """A value as the server sees it, and what was wrong with its text.

    ``wrong_types`` are fatal, the first of them is what the server answers; ``strict`` are the unknown fields.
    """

    value: dict[str, Any]
    wrong_types: tuple[Cause, ...] = ()
    strict: tuple[Cause, ...] = ()


class Findings:
    """Collects complaints while a value is decoded; ``sort`` visits keys in the order of JSON made from YAML."""

    __slots__ = ("fatal", "sort", "strict", "wrong")

    def __init__(self, *, sort: bool) -> None:
        self.sort = sort
        self.wrong: list[Cause] = []
        self.fatal: list[Cause] = []
        self.strict: list[Cause] = []

    def refuse(self, value: object, go_type: str, path: str, owner: str, *, number: str = "number") -> None:
        """Note a value that does not fit a Go type; Go reads on and reports the first such fault."""
        message = type_message(_described(value, number), go_type, path, owner)
        self.wrong.append(wrong_type(plain_path(path), message))

    def note(self, path: str, message: str) -> None:
        """Note a fault with a message of its own; Go reads on."""
        self.wrong.append(wrong_type(plain_path(path), message))

    def end(self, path: str, message: str) -> None:
        """Note a fault of a type that reads itself: Go reads no further, so it outranks every other fault."""
        cause = wrong_type(plain_path(path), message)
        self.fatal.append(cause)
        self.wrong.append(cause)


def plain_path(path: str) -> str:
    """Give the path of a field as the API has it, without the names of embedded Go structs.

    While a value is decoded, those stand in parentheses, ``(ProbeHandler).httpGet``, and map keys in ``[[key]]``.
    """
    return _KEY.sub(r".\1", _EMBEDDED.sub("", path)) if "(" in path or "[[" in path else path


_KEY = re.compile(r"\[\[(.*?)\]\]")
_EMBEDDED = re.compile(r"\([A-Z]\w*\)\.")
_INDEX = re.compile(r"\[[0-9]+\]|\[\[.*?\]\]|[()]")


def type_message(found: str, go_type: str, path: str, owner: str) -> str:
    """Write Go's message for a value of the wrong type; list indexes and map keys do not occur in it."""
    field = _INDEX.sub("", path)
    return f"json: cannot unmarshal {found} into Go struct field {owner}.{field} of type {go_type}"


def _described(value: object, number: str) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return number
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


class GoType(Protocol):
    """A Go type that a JSON value can be decoded into."""

    def decode(self, value: object, path: str, owner: str, findings: Findings) -> object:
        """Decode a value that is not null; ``path`` is its field, ``owner`` the struct that has the field."""

    def zero(self) -> object:
        """Give the value that Go has where null was written in a list or map."""


class Text(msgspec.Struct, frozen=True):
    """A Go string, or a named type of string."""

    go_type: str = "string"

    def decode(self, value: object, path: str, owner: str, findings: Findings) -> str:
        """Take texts only: YAML's numbers and booleans are refused (row L25)."""
        if isinstance(value, str):
            return value
        findings.refuse(value, self.go_type, path, owner)
        return ""

    def zero(self) -> str:
        """Give the empty text."""
        return ""


class Whole(msgspec.Struct, frozen=True):
    """A Go integer of 32 or 64 bits."""

    bits: int

    def decode(self, value: object, path: str, owner: str, findings: Findings) -> int:
        """Take whole numbers in range; a fraction or an overflow names the number (row P05)."""
        if isinstance(value, int) and not isinstance(value, bool):
            if -(1 << (self.bits - 1)) <= value < 1 << (self.bits - 1):
                return value
            findings.refuse(value, f"int{self.bits}", path, owner, number=f"number {go_number(value)}")
        else:
            number = f"number {go_number(value)}" if isinstance(value, float) else ""
            findings.refuse(value, f"int{self.bits}", path, owner, number=number)
        return 0

    def zero(self) -> int:
        """Give 0."""
        return 0


def go_number(value: float) -> str:
    """Write a number as the JSON text had it: a whole float can only come from JSON that wrote it with a point.

    YAML's whole numbers beyond 64 bits are floats to Go.
    """
    if isinstance(value, int):
        return str(value) if -(1 << 63) <= value < 1 << 64 else json_number(nearest_float(value))
    return f"{value}" if value.is_integer() and abs(value) < 1e16 else json_number(value)


class Flag(msgspec.Struct, frozen=True):
    """A Go bool."""

    def decode(self, value: object, path: str, owner: str, findings: Findings) -> bool:
        """Take booleans only."""
        if isinstance(value, bool):
            return value
        findings.refuse(value, "bool", path, owner)
        return False

    def zero(self) -> bool:
        """Give false."""
        return False


class NumberOrText(msgspec.Struct, frozen=True):
    """Kubernetes' IntOrString: its own decoder, whose errors end the decoding at once."""

    def decode(self, value: object, path: str, owner: str, findings: Findings) -> int | str:
        """Take an int32 or a text; the first fault of this kind outranks every other fault."""
        if isinstance(value, str):
            return value
        probe = Findings(sort=False)
        number: int = Whole(32).decode(value, path, owner, probe)
        findings.fatal += probe.wrong
        findings.wrong += probe.wrong
        return number

    def zero(self) -> int:
        """Give 0, which is what a null entry would be."""
        return 0


class Time(msgspec.Struct, frozen=True):
    """A time in RFC 3339; only its type and rough form matter. ``micro`` is for times that have six decimals."""

    micro: bool = False

    def decode(self, value: object, path: str, owner: str, findings: Findings) -> str:
        """Take a text that looks like a time."""
        complaint = _time_complaint(value, micro=self.micro) if isinstance(value, str) else ""
        if isinstance(value, str) and not complaint:
            return value
        if not isinstance(value, str):
            complaint = type_message(_described(value, "number"), "string", path, owner)
        findings.end(path, complaint)
        return ""

    def zero(self) -> str:
        """Give the empty text."""
        return ""


_DATE = (
    *(("2006", "[0-9]{4}"), ("-", "-"), ("01", "[0-9]{2}"), ("-", "-"), ("02", "[0-9]{2}"), ("T", "T")),
    *(("15", "[0-9]{2}"), (":", ":"), ("04", "[0-9]{2}"), (":", ":")),
)
_ZONE = ("Z07:00", "Z|[+-][0-9]{2}:[0-9]{2}")
_LAYOUTS = {
    False: ("2006-01-02T15:04:05Z07:00", (*_DATE, ("05", "[0-9]{2}([.,][0-9]+)?"), _ZONE)),
    True: ("2006-01-02T15:04:05.000000Z07:00", (*_DATE, ("05", "[0-9]{2}"), (".000000", r"[.,][0-9]{6}"), _ZONE)),
}


def _time_complaint(text: str, *, micro: bool) -> str:
    """Say what Go has against a time in RFC 3339, nothing when it can be read."""
    layout, elements = _LAYOUTS[micro]
    start = f'parsing time "{text}" as "{layout}": cannot parse '
    rest = text
    for element, pattern in elements:
        match = re.match(pattern, rest)
        if match is None:
            return f'{start}"{rest}" as "{element}"'
        rest = rest[match.end() :]
    return f'parsing time "{text}": extra text: "{rest}"' if rest else ""


class Anything(msgspec.Struct, frozen=True):
    """A field that keeps whatever JSON it is given."""

    def decode(self, value: object, path: str, owner: str, findings: Findings) -> object:
        """Take the value as it is."""
        del path, owner, findings
        return value

    def zero(self) -> None:
        """Give null."""


class MapOf(msgspec.Struct, frozen=True):
    """A Go map from text to text."""

    value: Text = Text()

    def decode(self, value: object, path: str, owner: str, findings: Findings) -> dict[str, str]:
        """Take an object; a null value becomes the empty text (row L26)."""
        if not isinstance(value, dict):
            findings.refuse(value, f"map[string]{self.value.go_type}", path, owner)
            return {}
        decoded = {}
        for key in sorted(value) if findings.sort else value:
            item = value[key]
            if isinstance(item, str):
                decoded[key] = item
            elif item is None:
                decoded[key] = ""
            else:
                self._refuse(item, path, key, owner, findings)
        return decoded

    def _refuse(self, item: object, path: str, key: str, owner: str, findings: Findings) -> None:
        # Go's message names the map's field only; the finding names the key as well.
        message = type_message(_described(item, "number"), self.value.go_type, path, owner)
        findings.wrong.append(wrong_type(f"{plain_path(path)}.{key}", message))

    def zero(self) -> dict[str, str]:
        """Give an empty map."""
        return {}


class ListOf(msgspec.Struct, frozen=True):
    """A Go slice."""

    item: GoType
    go_item: str

    def decode(self, value: object, path: str, owner: str, findings: Findings) -> list[Any]:
        """Take an array; a null entry becomes the zero value (rows E13, E14)."""
        if not isinstance(value, list):
            findings.refuse(value, f"[]{self.go_item}", path, owner)
            return []
        item = self.item
        return [
            item.zero() if entry is None else item.decode(entry, f"{path}[{index}]", owner, findings)
            for index, entry in enumerate(value)
        ]

    def zero(self) -> list[Any]:
        """Give an empty list."""
        return []


class Record(msgspec.Struct, frozen=True):
    """A Go struct: fields by their JSON names, which are case-sensitive (row E19).

    ``embedded`` names the embedded struct in which Go finds a field: it is part of Go's messages, not of the API.
    """

    name: str
    fields: Mapping[str, GoType]
    package: str = "v1"
    embedded: Mapping[str, str] = {}

    def decode(self, value: object, path: str, owner: str, findings: Findings) -> dict[str, Any]:
        """Take an object; fields that are null or unknown are left out of the result."""
        if not isinstance(value, dict):
            findings.refuse(value, f"{self.package}.{self.name}", path, owner)
            return {}
        decoded = {}
        fields, embedded = self.fields, self.embedded
        prefix = f"{path}." if path else ""
        for key in sorted(value) if findings.sort else value:
            go_type = fields.get(key)
            item = value[key]
            if go_type is None:
                findings.strict.append(unknown_field(plain_path(prefix + key)))
            elif item is not None:
                at = f"{prefix}({embedded[key]}).{key}" if key in embedded else prefix + key
                decoded[key] = go_type.decode(item, at, self.name, findings)
        return decoded

    def zero(self) -> dict[str, Any]:
        """Give an empty object."""
        return {}


def decode_record(record: Record, value: object, *, strict: bool, sort: bool) -> Decoded:
    """Decode a whole object; without ``strict`` unknown fields are dropped in silence."""
    findings = Findings(sort=sort)
    decoded = record.decode(value, "", record.name, findings)
    wrong = [*findings.fatal, *(cause for cause in findings.wrong if cause not in findings.fatal)]
    unknown = findings.strict[:MAX_STRICT_ERRORS] if strict else []
    return Decoded(decoded, tuple(wrong), tuple(unknown))
