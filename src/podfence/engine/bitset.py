"""Sets of small numbers as Python integers: bit ``i`` is set when ``i`` is a member.

Classes of pods number thousands where pods number hundreds of thousands, and an OR over ten thousand bits costs
a fraction of a microsecond: nothing that has to be installed is faster (facts: engineering A3). Never format such
an integer in decimal: beyond 4300 digits Python refuses.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

_DENSE = 12


def make(members: Collection[int]) -> int:
    """Build a set out of its members."""
    if not members:
        return 0
    low = min(members) & ~7
    buffer = bytearray(((max(members) - low) >> 3) + 1)
    for member in members:
        buffer[(member - low) >> 3] |= 1 << (member & 7)
    return int.from_bytes(buffer, "little") << low


def members(bits: int) -> list[int]:
    """List the members in ascending order; quick for sparse and for dense sets, and for those close together."""
    if not bits:
        return []
    low = (bits & -bits).bit_length() - 1
    text = bin(bits >> low)[:1:-1]
    if bits.bit_count() * _DENSE > len(text):
        return [low + index for index, bit in enumerate(text) if bit == "1"]
    found = []
    index = 0
    while index >= 0:
        found.append(low + index)
        index = text.find("1", index + 1)
    return found


def span(first: int, count: int) -> int:
    """Build the set of ``count`` numbers from ``first``."""
    return ((1 << count) - 1) << first


def holders(sets: Sequence[int], size: int) -> list[list[int]]:
    """List, for each number below ``size``, the sets that hold it, in ascending order."""
    found: list[list[int]] = [[] for _ in range(size)]
    for number, classes in enumerate(sets):
        for member in members(classes):
            found[member].append(number)
    return found


class Weights:
    """Adds up the weights of a set's members by bit planes: one popcount for each binary digit of the weights."""

    def __init__(self, weights: Sequence[int]) -> None:
        digits = max(weights, default=0).bit_length()
        self._planes = [
            make([index for index, weight in enumerate(weights) if weight >> digit & 1]) for digit in range(digits)
        ]

    def total(self, bits: int) -> int:
        """Add up the weights of the members."""
        return sum((bits & plane).bit_count() << digit for digit, plane in enumerate(self._planes))
