"""What a YAML scalar means to kubectl.

kubectl turns YAML into JSON before anything else looks at it, by the rules of Go's ``sigs.k8s.io/yaml``: YAML 1.1
with its words for booleans, its own reading of numbers, dates left as text. No Python reader has these rules, so
they stand here, in the order in which Go tries them (facts: engineering A1, semantics 1.10).
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from decimal import Decimal

GoScalar = str | int | float | bool | None
"""A scalar before it becomes JSON: floats may be infinite, integral floats are still floats."""

_WORDS: dict[str, GoScalar] = {
    **dict.fromkeys(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], True),
    **dict.fromkeys(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], False),
    **dict.fromkeys(["", "~", "null", "Null", "NULL"], None),
    **dict.fromkeys([".nan", ".NaN", ".NAN"], math.nan),
    **dict.fromkeys([".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"], math.inf),
    **dict.fromkeys(["-.inf", "-.Inf", "-.INF"], -math.inf),
}
_NUMBER_START = frozenset("0123456789+-.")
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]([0-7]+)|0([0-7]+)|(0|[1-9][0-9]*))\Z")
_BASES = (16, 2, 8, 8, 10)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
# Behind a leading point Go reads its own float syntax, where an underscore stands between digits only.
_POINT_FLOAT = re.compile(r"\.[0-9]+(_[0-9]+)*([eE][-+]?[0-9]+(_[0-9]+)*)?\Z")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-(0?[1-9]|1[0-2])-(0?[1-9]|[12][0-9]|3[01])"
    r"([Tt]([01]?[0-9]|2[0-3]):[0-5]?[0-9]:[0-5]?[0-9]([.,][0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})"
    r"| ([01]?[0-9]|2[0-3]):[0-5]?[0-9]:[0-5]?[0-9]([.,][0-9]+)?)?\Z"
)
_LONGEST_INTEGER = 80
_INTEGER_LIMIT = 2.0**63
_STANDARD_TAG = "tag:yaml.org,2002:"


def resolve_plain(text: str) -> GoScalar:
    """Give what Go makes of a plain scalar without a tag; dates stay text."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START:
        return text
    if text[0] == ".":
        return _float_or_text(text.replace("_", ""), text) if _POINT_FLOAT.match(text) else text
    digits = text.replace("_", "")
    integer = _integer(digits)
    return integer if integer is not None else _float_or_text(digits, text)


def _integer(digits: str) -> int | None:
    match = _INTEGER.match(digits) if len(digits) <= _LONGEST_INTEGER else None
    if match is None:
        return None
    group = match.lastindex or 0
    number = int(match[group], _BASES[group - 2])
    if match[1]:
        number = -number if match[1] == "-" else number
        return number if -(1 << 63) <= number < 1 << 63 else None
    return number if number < 1 << 64 else None


def _float_or_text(digits: str, text: str) -> float | str:
    if _FLOAT.match(digits):
        number = float(digits)
        if not math.isinf(number):
            return number
    return text


def resolve_tagged(tag: str, text: str) -> GoScalar:
    """Give what Go makes of a scalar with an explicit tag, be it plain or quoted.

    A tag that Go does not know leaves the text as it is. Raises ``ValueError`` with a sentence for people when the
    text does not fit the tag.
    """
    match tag.removeprefix(_STANDARD_TAG) if tag.startswith(_STANDARD_TAG) else "":
        case "binary":
            return _binary(text)
        case "timestamp" if _TIMESTAMP.match(text):
            return text
        case "bool" | "int" | "float" | "null" | "timestamp" as name:
            return _fitting(name, text)
        case _:
            return text


def _fitting(name: str, text: str) -> GoScalar:
    value = resolve_plain(text)
    kind = _kind(value)
    if name == "float" and kind == "int" and isinstance(value, int) and value < 1 << 63:
        return float(value)
    if kind != name or _TIMESTAMP.match(text):
        raise ValueError(f"{text!r} does not fit its tag !!{name}")
    return value


def _kind(value: GoScalar) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
        case str():
            return "str"


def _binary(text: str) -> str:
    try:
        data = base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the text behind !!binary is not base64") from None
    # Go replaces every invalid byte, Python's own "replace" only every run of them.
    return re.sub("[\udc80-\udcff]", "\ufffd", data.decode("utf-8", "surrogateescape"))


def json_value(scalar: GoScalar) -> GoScalar:
    """Take a scalar through JSON, as kubectl does: an integral float arrives as an integer.

    Raises ``ValueError`` for the numbers that JSON does not have.
    """
    if not isinstance(scalar, float):
        return scalar
    if math.isnan(scalar) or math.isinf(scalar):
        raise ValueError("infinity and not-a-number have no place in a Kubernetes object")
    if not scalar.is_integer() or abs(scalar) >= _INTEGER_LIMIT:
        return scalar
    # Go prints the shortest digits that name the float, and these are what is read back.
    return int(Decimal(repr(scalar)))


def key_text(scalar: GoScalar) -> str:
    """Give the text of a mapping key, which JSON needs as a string: ``yes`` becomes ``"true"``, 80 ``"80"``.

    Raises ``ValueError`` where kubectl refuses the key: null, and integers above 63 bits.
    """
    match scalar:
        case str():
            return scalar
        case bool():
            return "true" if scalar else "false"
        case int() if scalar < 1 << 63:
            return str(scalar)
        case float():
            return _float_text(scalar)
        case None:
            raise ValueError("null cannot be a key; quote it if text is meant")
        case _:
            raise ValueError("a number beyond 64 bits cannot be a key; quote it if text is meant")


def _float_text(number: float) -> str:
    """Write a float as Go's ``FormatFloat(x, 'g', -1, 32)`` does: the shortest text in single precision."""
    single = _single_precision(number)
    if math.isnan(single):
        return ".nan"
    if math.isinf(single):
        return ".inf" if single > 0 else "-.inf"
    shortest = next(text for text in (f"{single:.{p}e}" for p in range(18)) if _single_precision(float(text)) == single)
    exponent = int(shortest.partition("e")[2])
    if -4 <= exponent < 6 or exponent == 0:
        decimals = max(0, len(shortest.partition("e")[0].lstrip("-").replace(".", "")) - 1 - exponent)
        return f"{float(shortest):.{decimals}f}"
    return shortest


def _single_precision(number: float) -> float:
    try:
        return float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:
        return math.copysign(math.inf, number)
