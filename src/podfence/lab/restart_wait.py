"""How long to wait before a program that ended is started again: longer each time, until it has run well."""

from __future__ import annotations

from collections.abc import Sequence


class RestartWait:
    """The waits of one program, in seconds; the last one stays. A run of more than ``healthy_s`` starts them anew."""

    def __init__(self, waits_s: Sequence[float], healthy_s: float) -> None:
        self._waits_s, self._healthy_s = waits_s, healthy_s
        self._ended = 0

    def after(self, ran_s: float) -> float:
        """Give the wait after a run of so many seconds."""
        if ran_s > self._healthy_s:
            self._ended = 0
        wait_s = self._waits_s[min(self._ended, len(self._waits_s) - 1)]
        self._ended += 1
        return wait_s
