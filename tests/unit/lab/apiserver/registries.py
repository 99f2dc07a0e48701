"""A registry whose clock stands still and whose chance repeats."""

from __future__ import annotations

from itertools import count

from podfence.lab.apiserver.app import create_registry
from podfence.lab.apiserver.names import Making
from podfence.lab.apiserver.registry import Registry

START = 1767225600.0  # 2026-01-01T00:00:00Z


class Steady(Making):
    """Time moves when it is told to; uids and suffixes count."""

    def __init__(self) -> None:
        self.time = START
        self._numbers = count(1)

    def now(self) -> float:
        """Give the time."""
        return self.time

    def uid(self) -> str:
        """Give the next uid."""
        return f"uid-{next(self._numbers)}"

    def suffix(self, length: int = 5) -> str:
        """Give the next suffix."""
        return f"{next(self._numbers):0{length}d}"


def steady_registry() -> tuple[Registry, Steady]:
    """Make an empty server's objects with their clock."""
    making = Steady()
    return create_registry(making=making), making
