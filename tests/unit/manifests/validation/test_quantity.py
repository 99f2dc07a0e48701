"""Quantities: values, the text that the server keeps, and what is none."""

from __future__ import annotations

from fractions import Fraction

import pytest

from podfence.manifests.validation.quantity import (
    NO_SUFFIX,
    WRONG_FORMAT,
    QuantityError,
    parse_quantity,
    rounded_up_to_milli,
)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        *(("1", "1"), ("0", "0"), ("00", "0"), ("-1", "-1"), ("+5", "+5"), ("500m", "500m"), ("0.5", "500m")),
        *((".5", "500m"), ("1.", "1."), ("1.0", "1"), ("1000", "1k"), ("1000m", "1"), ("1500", "1500")),
        *(("1Gi", "1Gi"), ("1.5Gi", "1536Mi"), ("1024Mi", "1Gi"), ("2048Ki", "2Mi"), ("0.1Ki", "102400m")),
        *(("1e3", "1e3"), ("1E3", "1E3"), ("10e3", "10e3"), ("1e4", "10e3"), ("100u", "100u"), ("1E", "1E")),
        *(("0.0001m", "100n"), ("128974848000m", "128974848"), ("1023Ki", "1023Ki")),
    ],
)
def test_the_text_of_a_quantity_is_kept_where_it_is_in_normal_form(text: str, kept: str) -> None:
    assert parse_quantity(text).text == kept


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        *((text, WRONG_FORMAT) for text in ("", "abc", "1 Gi", "1,5", "1m2x")),
        ("1x", WRONG_FORMAT),
        ("1KiB", WRONG_FORMAT),
        ("--1", NO_SUFFIX),
        ("1ki", NO_SUFFIX),
        ("1e", NO_SUFFIX),
    ],
)
def test_what_is_no_quantity_is_refused_in_the_servers_words(text: str, complaint: str) -> None:
    with pytest.raises(QuantityError) as caught:
        parse_quantity(text)
    assert str(caught.value) == complaint


def test_values_are_exact() -> None:
    assert parse_quantity("1.5Gi").value == Fraction(3, 2) * 2**30
    assert parse_quantity("-0.1").value == Fraction(-1, 10)
    assert parse_quantity("1n").value == Fraction(1, 10**9)


def test_resources_are_rounded_up_to_thousandths() -> None:
    assert rounded_up_to_milli(parse_quantity("0.0001")).text == "1m"
    assert rounded_up_to_milli(parse_quantity("1500m")).text == "1500m"
    assert rounded_up_to_milli(parse_quantity("1e-12")).text == "1e-3"
    assert rounded_up_to_milli(parse_quantity("-0.0011")).text == "-2m"
