"""How glibc keeps what a process has freed: a process that runs for months beside others gives it back."""

from __future__ import annotations

import contextlib
import ctypes
from typing import Final

_TRIM_THRESHOLD: Final = -1
_ARENA_MAX: Final = -8
_SMALLEST_TRIM: Final = 64 << 10


def keep_one_heap() -> None:
    """Have all threads share one heap, trimmed at its end; for before the first thread, and without effect elsewhere.

    Each thread has a heap of its own otherwise. Measured with 100,000 pods: 263 MiB resident instead of 286.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library than glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_ARENA_MAX, 1)
        mallopt(_TRIM_THRESHOLD, _SMALLEST_TRIM)
