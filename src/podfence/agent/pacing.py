"""When to commit, to try again, and to look whether somebody else changed the kernel: numbers, without a clock."""

from __future__ import annotations

from typing import Final

SHARED_TRANSACTION_S: Final = 0.020
"""Events that come so soon after a commit share the next one; the first after quiet never waits."""

DRIFT_CHECK_S: Final = 60.0

_FIRST_RETRY_S = 0.1
_LONGEST_RETRY_S = 30.0


def settle_s(now_s: float, last_commit_s: float | None) -> float:
    """Tell how long an event that came now waits for others; 0 after quiet."""
    if last_commit_s is None:
        return 0.0
    return max(0.0, last_commit_s + SHARED_TRANSACTION_S - now_s)


def retry_s(failures: int) -> float:
    """Tell how long to wait after so many failures in a row (from 1)."""
    return min(_LONGEST_RETRY_S, _FIRST_RETRY_S * 2.0 ** min(failures - 1, 20))
