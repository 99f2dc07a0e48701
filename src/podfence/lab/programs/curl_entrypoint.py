"""The entry point of curl's image: runs a command by its name, and curl with anything else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

from podfence.lab.programs.commands import Ready, ignore


def main(arguments: Sequence[str], ready: Ready = ignore) -> int:
    """Become the command, or curl with the arguments."""
    words = list(arguments[1:]) or ["curl"]
    if words[0].startswith("-") or shutil.which(words[0]) is None:
        words.insert(0, "curl")
    ready()
    os.execvp(words[0], words)  # noqa: S606 - no shell is wanted
