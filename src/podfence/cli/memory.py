"""How much memory a command may use."""

from __future__ import annotations

import os

_UNKNOWN_MEMORY = 2 << 30


def memory_limit(max_memory: int | None) -> int:
    """Give the bytes that may be used: ``--max-memory``, else half of what the machine has."""
    if max_memory is not None:
        return max_memory
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, OSError, ValueError):
        return _UNKNOWN_MEMORY
