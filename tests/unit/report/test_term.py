"""Colour and width: what a text is written for."""

from __future__ import annotations

import io

import pytest

from podfence.report.term import PIPE_WIDTH, Terminal, terminal_for


class Screen(io.StringIO):
    """A terminal that keeps what is written."""

    def isatty(self) -> bool:
        """Say that this is a terminal."""
        return True


@pytest.mark.parametrize(
    ("choice", "environment", "coloured"),
    [
        ("auto", {}, True),
        ("auto", {"NO_COLOR": "1"}, False),
        ("auto", {"NO_COLOR": ""}, True),
        ("auto", {"TERM": "dumb"}, False),
        ("always", {"NO_COLOR": "1"}, True),
        ("never", {}, False),
    ],
)
def test_colour_on_a_terminal(choice: str, environment: dict[str, str], coloured: bool) -> None:  # noqa: FBT001 (a table)
    assert terminal_for(Screen(), choice, environment).colour is coloured


def test_a_pipe_has_no_colour_no_lines_and_a_fixed_width() -> None:
    assert terminal_for(io.StringIO(), "auto", {}) == Terminal(colour=False, width=PIPE_WIDTH, drawing=False)


def test_colour_adds_nothing_but_colour() -> None:
    assert Terminal(colour=True).paint("x", "error") == "\x1b[31mx\x1b[0m"
    assert Terminal().paint("x", "error") == "x"


@pytest.mark.parametrize("colour", [False, True])
def test_a_line_shows_control_characters_of_the_input_and_keeps_its_own_colours(colour: bool) -> None:  # noqa: FBT001
    terminal = Terminal(colour=colour)
    painted = terminal.paint("a\x1b[2J\nb", "name")
    assert terminal.line(painted) == painted.replace("\x1b[2J\n", r"\x1b[2J\n")
