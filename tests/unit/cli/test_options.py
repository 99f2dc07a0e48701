"""Options that several commands share."""

from __future__ import annotations

import click
import pytest

from podfence.cli.options import Output, OutputType, SizeType


@pytest.mark.parametrize(
    ("text", "size"),
    [("1024", 1024), ("4K", 4096), ("512MiB", 512 << 20), ("2g", 2 << 30), ("1 GB", 1 << 30), ("7B", 7)],
)
def test_a_size_is_read_in_powers_of_1024(text: str, size: int) -> None:
    assert SizeType().convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "x", "1.5G", "-1", "1T"])
def test_a_size_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(click.BadParameter, match="512MiB"):
        SizeType().convert(text, None, None)


def test_an_output_is_a_format_and_perhaps_a_file() -> None:
    kind = OutputType(("text", "json"))
    assert kind.convert("json", None, None) == Output("json")
    assert kind.convert("json=a=b", None, None) == Output("json", "a=b")
