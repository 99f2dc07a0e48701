"""The one exception that means: the question could not be answered, and here is why.

Whoever raises it writes the line that a person will read; the command line prints it and exits 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

# At run time this module imports nothing, so that the command line can catch the error at no cost.
if TYPE_CHECKING:
    from podfence.model.source import Position


class PodfenceError(Exception):
    """A question that cannot be answered: what is wrong and what to do, in one line, and where.

    ``message`` carries no position and no final full stop; ``position`` is ``None`` when no text is to blame.
    As a string: ``manifests/cart.yaml:7:3: not YAML: a tab starts the line; indent with spaces``.
    """

    def __init__(self, message: str, position: Position | None = None) -> None:
        super().__init__(message, position)
        self.message = message
        self.position = position

    def __str__(self) -> str:
        return self.message if self.position is None else f"{self.position}: {self.message}"
