"""One reason why the API server refuses an object, in the server's own words.

A cause has the same three parts as an entry of ``details.causes`` in the server's answer: reason, message and
field. Values are printed as the server prints them, which is how Go prints them.
"""

from __future__ import annotations

import enum
import json
import re
import sys
from decimal import Decimal

import msgspec


class Reason(enum.Enum):
    """Why a field was refused; the last three are decoding errors, which the server answers with 400, not 422."""

    REQUIRED = "FieldValueRequired"
    INVALID = "FieldValueInvalid"
    NOT_SUPPORTED = "FieldValueNotSupported"
    FORBIDDEN = "FieldValueForbidden"
    TOO_LONG = "FieldValueTooLong"
    TOO_MANY = "FieldValueTooMany"
    DUPLICATE = "FieldValueDuplicate"
    TYPE_INVALID = "FieldValueTypeInvalid"
    NOT_FOUND = "FieldValueNotFound"
    WRONG_TYPE = "WrongType"
    UNKNOWN_FIELD = "UnknownField"
    DUPLICATE_FIELD = "DuplicateField"


class Cause(msgspec.Struct, frozen=True, gc=False):
    """What is wrong with one field; ``rule`` is the name of the rule in our catalogue that it breaks."""

    reason: Reason
    field: str
    message: str
    rule: str


NO_FIELD = "<nil>"
"""How the server names the field of an error that belongs to the whole object."""


def required(field: str, detail: str, rule: str) -> Cause:
    """Say that a field must be given."""
    return Cause(Reason.REQUIRED, field, "Required value" + _detail(detail), rule)


def invalid(field: str, value: object, detail: str, rule: str, *, named_type: bool = False) -> Cause:
    """Say that a value is malformed, and show the value; ``named_type`` is true for texts of a Go type of their own."""
    found = shown_as_json(value) if named_type else shown(value)
    return Cause(Reason.INVALID, field, f"Invalid value: {found}" + _detail(detail), rule)


def invalid_omitting_value(field: str, detail: str, rule: str) -> Cause:
    """Say that a value is malformed without showing it, as rules about whole objects do."""
    return Cause(Reason.INVALID, field, "Invalid value" + _detail(detail), rule)


def not_supported(
    field: str, value: object, supported: tuple[str, ...], rule: str, *, named_type: bool = False
) -> Cause:
    """Say that a value is not one of those that the field knows; ``named_type`` as for ``invalid``."""
    names = ", ".join(quoted(name) for name in supported)
    found = shown_as_json(value) if named_type else shown(value)
    return Cause(Reason.NOT_SUPPORTED, field, f"Unsupported value: {found}: supported values: {names}", rule)


def forbidden(field: str, detail: str, rule: str) -> Cause:
    """Say that a field may not be given here."""
    return Cause(Reason.FORBIDDEN, field, "Forbidden" + _detail(detail), rule)


def too_long(field: str, limit: int, rule: str) -> Cause:
    """Say that a text is longer than ``limit``; the server says bytes even where it counts characters."""
    unit = "byte" if limit == 1 else "bytes"
    return Cause(Reason.TOO_LONG, field, f"Too long: may not be more than {limit} {unit}", rule)


def too_many(field: str, actual: int, limit: int, rule: str) -> Cause:
    """Say that a list or an object has more entries than ``limit``."""
    unit = "item" if limit == 1 else "items"
    return Cause(Reason.TOO_MANY, field, f"Too many: {actual}: must have at most {limit} {unit}", rule)


def duplicate(field: str, value: object, rule: str) -> Cause:
    """Say that a list that is a set holds a value twice."""
    return Cause(Reason.DUPLICATE, field, f"Duplicate value: {shown(value)}", rule)


def not_found(field: str, value: object, rule: str, detail: str = "") -> Cause:
    """Say that a value names something that is not there."""
    return Cause(Reason.NOT_FOUND, field, f"Not found: {shown(value)}" + _detail(detail), rule)


def type_invalid(field: str, value: str, detail: str, rule: str) -> Cause:
    """Say that a value has another type than the schema's; ``value`` is the name of the type found."""
    return Cause(Reason.TYPE_INVALID, field, f"Invalid value: {shown(value)}" + _detail(detail), rule)


def wrong_type(field: str, message: str) -> Cause:
    """Say that a value cannot be decoded into its field at all."""
    return Cause(Reason.WRONG_TYPE, field, message, "wrong-type")


def unknown_field(field: str) -> Cause:
    """Say that strict decoding met a field that the API does not have."""
    return Cause(Reason.UNKNOWN_FIELD, field, f"unknown field {quoted(field)}", "unknown-field")


def duplicate_field(field: str) -> Cause:
    """Say that strict decoding met a field twice."""
    return Cause(Reason.DUPLICATE_FIELD, field, f"duplicate field {quoted(field)}", "duplicate-field")


def _detail(detail: str) -> str:
    return f": {detail}" if detail else ""


_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    '"': '\\"',
    "\\": "\\\\",
}


def quoted(text: str) -> str:
    """Quote a text as Go's ``%q`` does."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(_quoted_character(character) for character in text) + '"'


def _quoted_character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shown(value: object) -> str:
    """Print a value as the server prints it in a message: texts quoted, numbers plain, the rest as JSON."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, float):
        return float_text(value)
    return shown_as_json(value)


def shown_as_json(value: object) -> str:
    """Print a value as Go's JSON encoder does; texts of a named Go type are printed so, too."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return _HTML.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


# Go escapes what could end a script in HTML.
_HTML = re.compile("[<>&\u2028\u2029]")


def float_text(value: float) -> str:
    """Print a float as Go's ``%v`` does: shortest digits, an exponent below 1e-4 and from 1e6 on."""
    sign, digits, exponent = _digits(value)
    if -4 <= exponent < 6:
        return sign + _positional(digits, exponent)
    return f"{sign}{_point(digits)}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def nearest_float(value: int) -> float:
    """Give the float next to a whole number; the largest one for a number that is beyond all floats."""
    largest = sys.float_info.max
    if abs(value) <= largest:
        return float(value)
    return largest if value > 0 else -largest


def json_number(value: float) -> str:
    """Print a float as Go's JSON encoder does: shortest digits, an exponent below 1e-6 and from 1e21 on."""
    sign, digits, exponent = _digits(value)
    if -6 <= exponent < 21:
        return sign + _positional(digits, exponent)
    return f"{sign}{_point(digits)}e{'-' if exponent < 0 else '+'}{abs(exponent)}"


def _point(digits: str) -> str:
    return digits[0] + (f".{digits[1:]}" if digits[1:] else "")


def _digits(value: float) -> tuple[str, str, int]:
    """Give sign, shortest digits and the exponent of the first of them."""
    number = Decimal(repr(value)).normalize()
    sign, digits, exponent = number.as_tuple()
    return "-" if sign else "", "".join(map(str, digits)), int(exponent) + len(digits) - 1


def _positional(digits: str, exponent: int) -> str:
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + digits
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    return whole + (f".{digits[exponent + 1 :]}" if digits[exponent + 1 :] else "")
