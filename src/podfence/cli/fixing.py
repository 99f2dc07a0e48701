"""``check --fix`` and ``--diff``: runs the check on the texts as they become, and writes files at the end, each whole.

A file is written only if it still holds what was checked.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from podfence.cli.atomic import write_atomically
from podfence.cli.options import Output
from podfence.lint.finding import Findings
from podfence.lint.fixing import Fixing, Texts, fix_all
from podfence.manifests.files import STDIN, File, read_bytes
from podfence.model.error import PodfenceError
from podfence.report.fix_text import files_diff, fixes_text
from podfence.report.term import terminal_for

Read = Callable[[File, BinaryIO, int], bytes]

_EDITED: Final = (".yaml", ".yml")


def fix(
    check: Callable[[Read], Findings], outputs: tuple[Output, ...], color: str, *, dry: bool, quiet: bool
) -> Findings:
    """Fix what can be fixed, say so, and give the findings that are left: with ``dry`` those of the files as they are.

    ``dry`` only shows the difference. ``check`` checks the input as a reader of files gives it. Raises
    ``PodfenceError``.
    """
    texts = Texts()

    def read(file: File, stdin: BinaryIO, max_bytes: int) -> bytes:
        return texts.first_read(file.path, lambda: read_bytes(file, stdin, max_bytes))

    done = fix_all(lambda: check(read), texts, _why_not)
    changed = list(texts.changed)
    if not dry:
        _write(changed)
    difference = "".join(files_diff(changed))
    if dry:
        sys.stdout.write(difference)
    if not quiet:
        on_stdout = not dry and _is_for_people(outputs)
        told = sys.stdout if on_stdout else sys.stderr
        told.writelines(f"{line}\n" for line in _lines(done, len(changed), on_stdout, color, dry=dry))
        told.write("" if dry else f"\n{difference}\n" if difference else "\n")
    return done.before if dry else done.findings


def _lines(done: Fixing, files: int, on_stdout: bool, color: str, *, dry: bool) -> Iterator[str]:  # noqa: FBT001 (where it goes)
    terminal = terminal_for(sys.stdout if on_stdout else sys.stderr, color)
    unfixed = [(item.finding, item.reason) for item in done.unfixed]
    return fixes_text(done.fixed, unfixed, files, terminal, written=not dry)


def _is_for_people(outputs: tuple[Output, ...]) -> bool:
    """Tell whether standard output is for text, so that what was done may stand there as well."""
    return all(output.format == "text" for output in outputs if output.file in {None, "-"})


def _why_not(file: str) -> str:
    """Say why a file is not edited, nothing when it may be."""
    if file == STDIN:
        return "standard input cannot be edited; give the file"
    if not os.path.isfile(file):  # noqa: PTH113 (pathlib would cost its import)
        return "a pipe cannot be edited; give the file"
    if not file.lower().endswith(_EDITED):
        return "only plain YAML files are edited; its fix is in -o json"
    return "" if os.access(file, os.W_OK) else "the file may not be written"


def _write(changed: list[tuple[str, bytes, bytes]]) -> None:
    for file, before, _ in changed:
        if _content(file) != before:
            raise PodfenceError(f"{file}: has changed meanwhile, nothing was written; run it again")
    for file, _, after in changed:
        write_atomically(file, after)


def _content(file: str) -> bytes | None:
    try:
        return Path(file).read_bytes()
    except OSError:
        return None
