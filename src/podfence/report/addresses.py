"""Addresses outside the cluster as people write them: blocks where ranges are blocks, else from-to."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from podfence.model.net import ALL_IPV4, ALL_IPV6, AddressRange, from_line, subtract, union

_MOST = 3


def ranges_text(ranges: Iterable[AddressRange]) -> str:
    """Write addresses in as few words as possible: the blocks themselves, or everything but some blocks."""
    known = union(ranges)
    parts = [
        part
        for whole, name in ((ALL_IPV4, "0.0.0.0/0"), (ALL_IPV6, "::/0"))
        for part in _of_family([piece for piece in known if whole.first <= piece.first <= whole.last], whole, name)
    ]
    return _some(parts)


def _of_family(ranges: Sequence[AddressRange], whole: AddressRange, name: str) -> list[str]:
    held, missing = blocks(ranges), blocks(subtract([whole], ranges))
    if len(missing) >= len(held):
        return held
    return [f"{name} except {_some(missing)}" if missing else name]


def _some(texts: Sequence[str]) -> str:
    if len(texts) <= _MOST:
        return ", ".join(texts)
    return f"{', '.join(texts[: _MOST - 1])} and {len(texts) - _MOST + 1} more blocks"


def blocks(ranges: Iterable[AddressRange]) -> list[str]:
    """Write ranges as blocks, as single addresses, or from-to where a range would be many blocks."""
    return [text for piece in ranges for text in _of_range(piece)]


def _of_range(piece: AddressRange) -> list[str]:
    first, last = from_line(piece.first), from_line(piece.last)
    if first == last:
        return [str(first)]
    found = [str(block) for block in ipaddress.summarize_address_range(first, last)]
    return found if len(found) <= _MOST else [str(piece)]
