"""What a text is written for: a terminal with colours and a width, or a pipe without either."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from typing import TextIO

import msgspec

from podfence.model.text import UNSEEN, escaped, one_line

PIPE_WIDTH = 100

_CODES = {
    "error": "31",
    "denied": "31",
    "warning": "33",
    "allowed": "32",
    "info": "36",
    "name": "1",
    "context": "2",
}

_UNSEEN_OR_COLOUR = re.compile(rf"(\x1b\[[0-9;]*m)|{UNSEEN}")


class Terminal(msgspec.Struct, frozen=True):
    """How to write: with colours or without, how wide, and whether lines may be drawn.

    Colour carries nothing that the words do not.
    """

    colour: bool = False
    width: int = PIPE_WIDTH
    drawing: bool = False

    def paint(self, text: str, role: str) -> str:
        """Colour a text by what it is: error, denied, warning, allowed, info, name or context."""
        return f"\x1b[{_CODES[role]}m{text}\x1b[0m" if self.colour and text else text

    def line(self, text: str) -> str:
        """Finish a line: whatever it holds beside our own colours is shown, not obeyed."""
        return _UNSEEN_OR_COLOUR.sub(lambda match: match[1] or escaped(match), text) if self.colour else one_line(text)

    @property
    def bar(self) -> str:
        """The line between line numbers and source text."""
        return "│" if self.drawing else "|"


def terminal_for(stream: TextIO, choice: str = "auto", environment: Mapping[str, str] | None = None) -> Terminal:
    """Look at where a text goes; ``choice`` is that of ``--color``: auto, always or never.

    ``auto`` colours on a terminal, unless NO_COLOR is set or TERM is dumb.
    """
    known = os.environ if environment is None else environment
    on_terminal = stream.isatty()
    wanted = on_terminal and not known.get("NO_COLOR") and known.get("TERM") != "dumb"
    colour = {"always": True, "never": False}.get(choice, wanted)
    width = shutil.get_terminal_size((PIPE_WIDTH, 24)).columns if on_terminal else PIPE_WIDTH
    return Terminal(colour=colour, width=width, drawing=on_terminal)
