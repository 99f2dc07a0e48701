"""The lines of input files, read again for what is shown beside a position."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import lru_cache


def line_reader(stdin: bytes = b"") -> Callable[[str], Sequence[str]]:
    """Make a reader of the lines of a file by its name; what cannot be read again, as a pipe, has none.

    ``stdin`` is what was read from standard input.
    """

    @lru_cache(maxsize=4)
    def lines(path: str) -> Sequence[str]:
        from podfence.manifests.encoded import EncodingError, decoded

        try:
            text = decoded(stdin if path == "-" else _content(path)).decode("utf-8", "replace")
        except (OSError, EncodingError):
            return ()
        return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    return lines


def _content(path: str) -> bytes:
    if not os.path.isfile(path):  # noqa: PTH113 (pathlib would cost its import)
        raise OSError(path)  # a named pipe would wait for ever
    with open(path, "rb") as file:  # noqa: PTH123 (likewise)
        return file.read()
