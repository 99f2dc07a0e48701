"""Where an object came from: file, line and column of each of its fields.

The model only names the question; the readers in ``manifests`` answer it, some at once (YAML) and some
only when asked (JSON), so that a position costs nothing until somebody needs it.
"""

from __future__ import annotations

from typing import Protocol

import msgspec


class Position(msgspec.Struct, frozen=True, gc=False, order=True):
    """A place in a text: file as it was given (``-`` for standard input), line and column from 1.

    Columns count characters, not bytes.
    """

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Source(Protocol):
    """The text of one object, able to say where each of its fields stands."""

    @property
    def file(self) -> str:
        """The file as it was given on the command line, ``-`` for standard input."""

    def position(self, path: str = "") -> Position:
        """Find a field by its path, as the API server writes it: ``spec.ingress[0].from[1].ipBlock.cidr``.

        The position of a field is its key's, of a list item the item's, of a missing field its nearest
        existing parent's; the empty path is the object itself.
        """


def position_of(source: Source | None, path: str = "") -> Position | None:
    """Find a field of an object by its path; ``None`` for an object without a text, as a server sends it."""
    return None if source is None else source.position(path)
