"""Durations, flags and addresses as Go programs read them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.lab.programs.go import UsageError, parse_duration_s, parse_flags, split_host_port


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3s", 3.0), ("500ms", 0.5), ("1m30s", 90.0), ("0", 0.0), ("1.5h", 5400.0), ("-2s", -2.0), (".5s", 0.5)],
)
def test_durations_are_read_as_go_reads_them(text: str, seconds: float) -> None:
    assert parse_duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "3", "s", "3 s", "3x", "1m30"])
def test_what_is_no_duration_is_refused_in_gos_words(text: str) -> None:
    with pytest.raises(ValueError, match="time: invalid duration"):
        parse_duration_s(text)


@given(st.text(max_size=12))
def test_reading_a_duration_raises_nothing_else(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(parse_duration_s(text), float)


FLAGS = {"timeout": "0s", "protocol": "tcp", "json": "false"}


def test_flags_may_stand_before_and_behind_operands() -> None:
    flags, operands = parse_flags(["--timeout=3s", "a:1", "--protocol", "udp", "--json"], FLAGS)
    assert flags == {"timeout": "3s", "protocol": "udp", "json": "true"}
    assert operands == ["a:1"]


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--nosuch"], "unknown flag: --nosuch"), (["--timeout"], "flag needs an argument: --timeout")],
)
def test_a_wrong_flag_is_refused_in_the_words_of_go_programs(words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_flags(words, FLAGS)


def test_two_dashes_end_the_flags() -> None:
    assert parse_flags(["--", "--json"], FLAGS)[1] == ["--json"]


@pytest.mark.parametrize(
    ("text", "parts"), [("10.0.0.1:80", ("10.0.0.1", "80")), ("[fd00::1]:80", ("fd00::1", "80")), (":80", ("", "80"))]
)
def test_host_and_port_are_split(text: str, parts: tuple[str, str]) -> None:
    assert split_host_port(text) == parts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10.0.0.1", "address 10.0.0.1: missing port in address"),
        ("fd00::1:80", "address fd00::1:80: too many colons in address"),
        ("[fd00::1]", "missing port in address"),
    ],
)
def test_what_is_no_host_and_port_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        split_host_port(text)
