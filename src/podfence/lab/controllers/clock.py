"""Time as objects write it. Controllers are given the clock, so that tests need not wait."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], float]
"""Seconds since the epoch."""


def timestamp(now_s: float) -> str:
    """Write a moment as ``metav1.Time`` does, to the second."""
    return datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_timestamp(now_s: float) -> str:
    """Write a moment as ``metav1.MicroTime`` does."""
    return datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds(written: str) -> float:
    """Read a moment that one of the two has written."""
    return datetime.fromisoformat(written).timestamp()
