"""The lines of input files, read again for what is shown beside a position."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache


def line_reader() -> Callable[[str], Sequence[str]]:
    """Make a reader of the lines of a file by its name; what cannot be read again, as standard input, has none."""

    @lru_cache(maxsize=4)
    def lines(path: str) -> Sequence[str]:
        from podfence.manifests.encoded import EncodingError, decoded

        if path == "-":
            return ()
        try:
            with open(path, "rb") as file:  # noqa: PTH123 (pathlib would cost its import)
                text = decoded(file.read()).decode("utf-8", "replace")
        except (OSError, EncodingError):
            return ()
        return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    return lines
