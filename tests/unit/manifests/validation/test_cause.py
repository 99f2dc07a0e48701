"""How values are printed; the expected texts were printed by Go 1.26."""

from __future__ import annotations

import pytest

from podfence.manifests.validation.cause import float_text, json_number, quoted, shown, shown_as_json

FLOATS = [
    (1.0, "1", "1"),
    (1000.5, "1000.5", "1000.5"),
    (100000.0, "100000", "100000"),
    (1000000.0, "1e+06", "1000000"),
    (1234567.5, "1.2345675e+06", "1234567.5"),
    (123456789.0, "1.23456789e+08", "123456789"),
    (1e20, "1e+20", "100000000000000000000"),
    (1e21, "1e+21", "1e+21"),
    (9.223372036854775808e18, "9.223372036854776e+18", "9223372036854776000"),
    (0.0001, "0.0001", "0.0001"),
    (0.00001, "1e-05", "0.00001"),
    (1e-7, "1e-07", "1e-7"),
    (-2.5, "-2.5", "-2.5"),
    (0.0, "0", "0"),
]


@pytest.mark.parametrize(("value", "plain", "in_json"), FLOATS)
def test_floats_are_printed_as_go_prints_them(value: float, plain: str, in_json: str) -> None:
    assert (float_text(value), json_number(value)) == (plain, in_json)


def test_texts_are_quoted_as_go_quotes_them() -> None:
    assert quoted('a"b\\\n\x00é\u200b\U000e0001') == r'"a\"b\\\n\x00é\u200b\U000e0001"'
    assert shown_as_json("<a>&\u2028\x7f\x01 é") == '"\\u003ca\\u003e\\u0026\\u2028\x7f\\u0001 é"'


def test_other_values_are_json() -> None:
    assert [shown(value) for value in (True, 5, None, ["a", 1])] == ["true", "5", "null", '["a",1]']
