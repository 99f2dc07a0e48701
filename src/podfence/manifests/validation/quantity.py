"""Quantities such as ``500m`` and ``1Gi``: reading them, comparing them, and the form in which the server keeps them.

The server keeps the text of a quantity that is in normal form and rewrites any other (apimachinery
pkg/api/resource). Values are exact fractions here.
"""

from __future__ import annotations

import enum
import re
from fractions import Fraction

import msgspec

WRONG_FORMAT = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
NO_SUFFIX = "unable to parse quantity's suffix"

_SPLIT = re.compile(r"([+-]?)0*([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]+)").fullmatch
_LARGEST = (1 << 63) - 1
# As many digits as surely fit a signed number of 64 bits; longer ones take the server's slow way, without a text.
_FAST_DIGITS = 18


class QuantityError(ValueError):
    """A text that is no quantity; the message is the server's."""


class Format(enum.Enum):
    """Which suffixes a quantity is written with."""

    DECIMAL = "decimal"
    BINARY = "binary"
    EXPONENT = "exponent"


class Quantity(msgspec.Struct, frozen=True):
    """A quantity: its exact value, the text that the server shows, and the suffixes of that text."""

    value: Fraction
    text: str
    form: Format = Format.DECIMAL


def parse_quantity(text: str) -> Quantity:
    """Read a quantity; raises ``QuantityError``."""
    if not text:
        raise QuantityError(WRONG_FORMAT)
    match = _SPLIT.fullmatch(text)
    if match is None:
        raise QuantityError(WRONG_FORMAT)
    sign, whole, decimals, suffix = match[1], match[2], match[3] or "", match[4]
    base, exponent, form = _interpret(suffix)
    digits = (whole or "0") + decimals
    value = Fraction(int(digits), 10 ** len(decimals)) * Fraction(base) ** exponent
    if text == "0" or (not suffix and not whole and "." not in text):
        return Quantity(Fraction(0), text if text == "0" else "0")
    kept = _kept_text(text, whole or "0", decimals, exponent, form)
    value = _within_bounds(value, form)
    if form is Format.BINARY and not kept and 0 < value < 1:
        form = Format.DECIMAL
    value = -value if sign == "-" else value
    return Quantity(value, kept or canonical_text(value, form), form)


def _interpret(suffix: str) -> tuple[int, int, Format]:
    if suffix in _DECIMAL:
        return 10, _DECIMAL[suffix], Format.DECIMAL
    if suffix in _BINARY:
        return 2, _BINARY[suffix], Format.BINARY
    match = _EXPONENT(suffix)
    if match is None or abs(int(match[1])) >= 1 << 31:
        raise QuantityError(NO_SUFFIX)
    return 10, int(match[1]), Format.EXPONENT


def _kept_text(text: str, whole: str, decimals: str, exponent: int, form: Format) -> str:
    """Give the text where the server keeps it as it was written, else an empty one."""
    if len(whole) + len(decimals) > _FAST_DIGITS:
        return ""
    if form is Format.BINARY:
        precision = 15 - len(whole) - int(exponent * 3 / 10) - 1
        kept = not decimals and precision >= 0 and int(whole) & 7 != 0
        return text if kept else ""
    scale = exponent - len(decimals)
    shifted = whole + decimals
    normal = scale >= -9 and scale % 3 == 0 and not shifted.endswith("000") and shifted[0] != "0"
    return text if normal else ""


def _within_bounds(value: Fraction, form: Format) -> Fraction:
    nano = value * 10**9
    if nano.denominator != 1:
        value = Fraction(-(-nano.numerator // nano.denominator), 10**9)
    return min(value, Fraction(_LARGEST)) if form is Format.BINARY else value


def canonical_text(value: Fraction, form: Format) -> str:
    """Write a value in normal form: no fraction, the largest suffix that keeps it exact."""
    if value == 0:
        return "0"
    if form is Format.BINARY and (abs(value) < 1024 or value.denominator != 1):
        form = Format.DECIMAL
    if form is Format.BINARY:
        amount, times = _without_factors(int(value), 1024)
        return f"{amount}{_suffix(_BINARY | {'': 0}, times * 10)}"
    amount, exponent = _without_factors(int(value * 10**9), 10)
    exponent -= 9
    amount *= 10 ** (exponent % 3)
    exponent -= exponent % 3
    if form is Format.EXPONENT:
        return f"{amount}e{exponent}" if exponent else f"{amount}"
    return f"{amount}{_suffix(_DECIMAL, exponent)}"


def _without_factors(amount: int, factor: int) -> tuple[int, int]:
    times = 0
    while amount and amount % factor == 0:
        amount //= factor
        times += 1
    return amount, times


def _suffix(suffixes: dict[str, int], exponent: int) -> str:
    # The server has no suffix for what is beyond E and Ei, and then writes none.
    return next((suffix for suffix, known in suffixes.items() if known == exponent), "")


def rounded_up_to_milli(quantity: Quantity) -> Quantity:
    """Round away what is below a thousandth, as the server does with every list of resources."""
    milli = quantity.value * 1000
    if milli.denominator == 1:
        return quantity
    away = -(-abs(milli.numerator) // milli.denominator)
    value = Fraction(away if milli > 0 else -away, 1000)
    return Quantity(value, canonical_text(value, quantity.form), quantity.form)
