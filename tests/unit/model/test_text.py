"""Texts from outside: shown as they are, unless a terminal would obey them."""

from __future__ import annotations

import pytest

from podfence.model.text import one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("shop/cart", "shop/cart"),
        ("naïve → 名 \U0001f600", "naïve → 名 \U0001f600"),
        ("a\nb\tc", r"a\nb\tc"),
        ("\x1b[2J\x00\x7f\x9b", r"\x1b[2J\x00\x7f\x9b"),
        ("a\u2028b\u202ec\u2066d", r"a\u2028b\u202ec\u2066d"),
    ],
)
def test_only_what_a_terminal_would_obey_is_escaped(text: str, shown: str) -> None:
    assert one_line(text) == shown
