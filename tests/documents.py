"""Documents that show what the program prints: their examples are run again and their manifests read again.

In a block that begins with ```` ```console ````, each line ``$ podfence …`` is a command, with ``| head -N`` behind it
if its first lines are enough, and the lines below it are what it printed, standard error first. A block that begins
with ```` ```yaml FILE ```` is that file. Both are relative to the folder that the document names in
``<!-- examples run in FOLDER -->``, else to the project.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
from pathlib import Path

from podfence.cli.main import main

ROOT = Path(__file__).resolve().parent.parent

RENEW = "to write it anew: PODFENCE_UPDATE=1 ./dev test, then read the difference"

_FOLDER = re.compile(r"^<!-- examples run in (\S+) -->$", re.MULTILINE)
_CONSOLE = re.compile(r"(?<=^```console\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)
_YAML = re.compile(r"^(```yaml (\S+)\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)


def renewed(text: str) -> str:
    """Give a document with every example as it comes out now."""
    found = _FOLDER.search(text)
    with contextlib.chdir(ROOT / found[1] if found else ROOT):
        text = _YAML.sub(lambda block: block[1] + Path(block[2]).read_text("utf-8"), text)
        return _CONSOLE.sub(lambda block: _console(block[1]), text)


def check(path: Path) -> None:
    """Compare a document with what it should be; with ``PODFENCE_UPDATE`` set, write that instead."""
    text = path.read_text("utf-8")
    wanted = renewed(text)
    if os.environ.get("PODFENCE_UPDATE"):
        path.write_text(wanted, "utf-8")
    else:
        assert text == wanted, f"{path.name} is not what the program prints; {RENEW}"


def commands(text: str) -> list[list[str]]:
    """List the commands of a document's examples, as words."""
    lines = (line for block in _CONSOLE.findall(text) for line in block.splitlines())
    return [shlex.split(line.removeprefix("$ ")) for line in lines if line.startswith("$ ")]


def _console(block: str) -> str:
    lines = [line for line in block.splitlines() if line.startswith("$ ")]
    return "\n".join(f"{line}\n{printed(shlex.split(line)[1:])}" for line in lines)


def printed(words: list[str]) -> str:
    """Run a command and give what it prints."""
    words, last = (words[:-3], int(words[-1][1:])) if words[-3:-1] == ["|", "head"] else (words, None)
    program, *arguments = words
    assert program == "podfence"
    out, err = _Stream(), _Stream()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        main(arguments)
    lines = [f"{line.rstrip()}\n" for stream in (err, out) for line in stream.text().splitlines()]
    return "".join(lines[:last])


class _Stream(io.TextIOWrapper):
    """Stands in for a pipe: takes text, and bytes as well."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        super().__init__(self._bytes, "utf-8")

    def text(self) -> str:
        """Give what was written."""
        self.flush()
        return self._bytes.getvalue().decode()
