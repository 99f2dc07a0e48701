"""Tells a person at a terminal that work goes on, once it takes more than a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

T = TypeVar("T")

PATIENCE_S = 1.0


class Progress:
    """A line on standard error that comes late and leaves no trace; silent where nobody watches.

    Use it as a context and call ``step`` for each phase, ``over`` for what goes one by one.
    """

    def __init__(self, *, wanted: bool = True) -> None:
        self._wanted = wanted and sys.stderr.isatty()
        self._start = time.monotonic()
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def step(self, title: str, total: int | None = None, done: int = 0) -> None:
        """Say what is being done, and how far it is where ``total`` is known."""
        if not self._wanted or (self._bar is None and time.monotonic() - self._start < PATIENCE_S):
            return
        if self._bar is None:
            self._bar = self._open()
        if self._task is None:
            self._task = self._bar.add_task(title, total=total)
        self._bar.update(self._task, description=title, total=total, completed=done)

    def over(self, title: str, items: Iterable[T], total: int, every: int = 64) -> Iterator[T]:
        """Give the items one by one and say how many are done."""
        for number, item in enumerate(items):
            if number % every == 0:
                self.step(title, total, number)
            yield item

    def _open(self) -> Bar:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        bar = Bar(*columns, console=Console(stderr=True), transient=True)
        bar.start()
        return bar
