"""How much memory an answer will take, estimated before it is taken.

Most clusters need little. What can grow without bound is the sum of the sizes of everything that policies select
(each policy with a broad peer set of its own, each pod with labels of its own) and blocks that lie in each other.
"""

from __future__ import annotations

from bisect import bisect_left

import msgspec

from podfence.engine.vocabulary import Vocabulary
from podfence.model.error import PodfenceError
from podfence.model.snapshot import Snapshot

_FIXED = 48 << 20
"""Bytes for what is remembered up to a bound: rows, targets, texts."""

_PER_MEMBER = 64
"""Bytes for one pod in one selected set, while pods are put in classes."""

_PER_ENDPOINT = 800
_SETS_HELD = 4


class TooLargeError(PodfenceError):
    """An answer that would take more memory than it may; ``needed`` and ``limit`` are bytes."""

    def __init__(self, needed: int, limit: int, why: str) -> None:
        super().__init__(
            f"about {size_text(needed)} of memory needed, {size_text(limit)} allowed: {why}; "
            f"give fewer manifests or a larger --max-memory"
        )
        self.needed = needed
        self.limit = limit


class Estimate(msgspec.Struct, frozen=True, gc=False):
    """Bytes by what they are for."""

    selections: int
    blocks: int
    endpoints: int

    @property
    def total(self) -> int:
        """Give all bytes together."""
        return self.selections + self.blocks + self.endpoints + _FIXED


class Room:
    """The memory that one answer may take beyond the snapshot, in bytes; looked at as the answer takes shape."""

    def __init__(self, snapshot: Snapshot, vocabulary: Vocabulary, limit: int | None) -> None:
        self._snapshot = snapshot
        self._vocabulary = vocabulary
        self._limit = limit

    def require(self, ends: int, members: int = 0) -> None:
        """Raise ``TooLargeError`` when it will not do.

        ``ends`` is about how many ends there are to tell apart, ``members`` how many are in all the distinct sets
        that policies select, once that is known.
        """
        if self._limit is None:
            return
        estimated = estimate(self._snapshot, self._vocabulary, ends, members)
        if estimated.total > self._limit:
            raise TooLargeError(estimated.total, self._limit, _why(self._snapshot, self._vocabulary, estimated))


def estimate(snapshot: Snapshot, vocabulary: Vocabulary, ends: int, members: int) -> Estimate:
    """Estimate what an answer takes from how much there is to tell apart."""
    sets = _SETS_HELD * _bitsets(len(vocabulary.pod_peers) + _rules(vocabulary), ends)
    return Estimate(
        selections=sets + members * _PER_MEMBER,
        blocks=_block_bytes(vocabulary, ends),
        endpoints=_endpoints(snapshot),
    )


def size_text(size: int) -> str:
    """Write a number of bytes as people do: ``512 MiB``, ``2.5 GiB``."""
    mebibytes = size / (1 << 20)
    return f"{mebibytes / 1024:.1f} GiB" if mebibytes >= 1024 else f"{mebibytes:.0f} MiB"


def _block_bytes(vocabulary: Vocabulary, ends: int) -> int:
    """Add up, over blocks, the cuts that lie in each, and the bitsets over blocks and over ends."""
    cuts = sorted({edge for block in vocabulary.blocks for piece in block for edge in (piece.first, piece.last + 1)})
    inside = sum(
        bisect_left(cuts, piece.last + 1) - bisect_left(cuts, piece.first)
        for block in vocabulary.blocks
        for piece in block
    )
    count = len(vocabulary.blocks)
    return inside * _PER_MEMBER + _bitsets(len(cuts), count) + _SETS_HELD * _bitsets(count, ends)


def _bitsets(number: int, size: int) -> int:
    return number * (size // 8 + 40)


def _rules(vocabulary: Vocabulary) -> int:
    return sum(len(closed.ingress or ()) + len(closed.egress or ()) for closed in vocabulary.policies)


def _endpoints(snapshot: Snapshot) -> int:
    return _PER_ENDPOINT * (sum(pod.count for pod in snapshot.pods) + len(snapshot.nodes))


def _why(snapshot: Snapshot, vocabulary: Vocabulary, estimated: Estimate) -> str:
    """Say what takes the most."""
    policies, pods = f"{len(snapshot.policies):,} policies", f"{len(snapshot.pods):,} pods"
    if estimated.blocks > max(estimated.selections, estimated.endpoints):
        return f"{policies} name {len(vocabulary.blocks):,} blocks of addresses that lie in each other"
    if estimated.endpoints > estimated.selections:
        return f"{sum(pod.count for pod in snapshot.pods):,} pods are counted"
    return f"{policies} select {len(vocabulary.pod_peers):,} different sets among {pods}"
