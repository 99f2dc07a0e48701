"""What a reader asks of an agent, as one line of words, so that ``echo | nc -U SOCKET`` is a reader as well.

``all`` wants accepted connections too, ``ended`` those that have ended, ``follow`` what comes from now on, ``last=N``
no more than N of what was before, ``since=T`` nothing older than T (seconds since the epoch).
"""

from __future__ import annotations

import math

import msgspec


class FlowRequest(msgspec.Struct, frozen=True):
    """What is wanted; nothing set means every drop that is kept, and then the end."""

    everything: bool = False
    ended: bool = False
    follow: bool = False
    last: int | None = None
    since_s: float | None = None

    def line(self) -> str:
        """Write the request, without a line break."""
        words = (
            "all" if self.everything else "",
            "ended" if self.ended else "",
            "follow" if self.follow else "",
            "" if self.last is None else f"last={self.last}",
            "" if self.since_s is None else f"since={self.since_s}",
        )
        return " ".join(filter(None, words))


def parse_request(line: str) -> FlowRequest:
    """Read a request; words that mean nothing are passed over."""
    words = line.split()
    values = dict(word.split("=", 1) for word in words if "=" in word)
    return FlowRequest(
        everything="all" in words,
        ended="ended" in words,
        follow="follow" in words,
        last=_count(values.get("last")),
        since_s=_seconds(values.get("since")),
    )


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else None


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float(text or "nan")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None
