"""Scalars: the corners that need a word; the bulk is compared with kubectl in test_kubectl_yaml."""

import math

import pytest

from podfence.manifests.yaml_scalars import json_value, key_text, resolve_plain, resolve_tagged


@pytest.mark.parametrize(("text", "value"), [("0120", 80), ("0o120", 80), ("08", 8.0), ("1_000", 1000), ("=", "=")])
def test_a_plain_scalar_is_read_by_the_rules_of_go(text: str, value: object) -> None:
    assert resolve_plain(text) == value
    assert type(resolve_plain(text)) is type(value)


def test_a_number_of_ten_thousand_digits_is_no_integer_and_no_failure() -> None:
    assert resolve_plain("9" * 10_000) == "9" * 10_000
    assert resolve_plain("0x" + "f" * 10_000) == "0x" + "f" * 10_000


def test_an_integral_float_becomes_an_integer_as_in_json_that_go_wrote() -> None:
    assert json_value(80.0) == 80
    assert isinstance(json_value(80.0), int)
    assert isinstance(json_value(-0.0), int)
    assert isinstance(json_value(80.5), float)
    assert isinstance(json_value(2.0**63), float)
    assert json_value(9.223372036854774784e18) == 9223372036854775000


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_infinity_and_not_a_number_are_refused_as_values_and_written_as_keys(number: float) -> None:
    with pytest.raises(ValueError, match="no place"):
        json_value(number)
    assert key_text(number) in {".inf", "-.inf", ".nan"}


@pytest.mark.parametrize(("key", "text"), [(True, "true"), (False, "false"), (80, "80"), (1.5, "1.5"), (1e6, "1e+06")])
def test_a_key_becomes_the_text_that_kubectl_makes_of_it(key: float, text: str) -> None:
    assert key_text(key) == text


def test_null_is_refused_as_a_key() -> None:
    with pytest.raises(ValueError, match="null cannot be a key"):
        key_text(None)


def test_a_text_that_does_not_fit_its_tag_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'x' does not fit its tag !!int"):
        resolve_tagged("tag:yaml.org,2002:int", "x")


def test_an_unknown_tag_leaves_the_text() -> None:
    assert resolve_tagged("tag:yaml.org,2002:python/object:os.system", "80") == "80"
