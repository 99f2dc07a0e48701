"""How many answers a pod may have looked at in a time, so that one pod cannot keep the agent from those of others."""

from __future__ import annotations

import msgspec

_MOST_KNOWN = 4_096


class _Bucket(msgspec.Struct):
    left: float
    filled_s: float


class Pace:
    """Lets each address have so many a second, and ``burst`` at once."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second, self._burst = per_second, burst
        self._buckets: dict[int, _Bucket] = {}

    def allows(self, address: int, now_s: float) -> bool:
        """Tell whether an address may have one more, which counts."""
        bucket = self._buckets.get(address)
        if bucket is None:
            if len(self._buckets) >= _MOST_KNOWN:
                self._buckets.clear()
            bucket = self._buckets[address] = _Bucket(self._burst, now_s)
        bucket.left = min(self._burst, bucket.left + (now_s - bucket.filled_s) * self._per_second)
        bucket.filled_s = now_s
        if bucket.left < 1:
            return False
        bucket.left -= 1
        return True
