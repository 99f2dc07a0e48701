"""What the dataplane is told about its node, apart from the policies: frozen, and part of what is desired."""

from __future__ import annotations

from typing import Literal

import msgspec

from podfence.model.error import PodfenceError
from podfence.model.net import AddressRange

HIGH_BITS = 0xFFFF0000


class Settings(msgspec.Struct, frozen=True):
    """How one node enforces.

    ``pod_cidrs`` are the node's own: an address in them that is no pod with policies in force is dropped, unless
    ``unready`` is accept. ``audit`` logs what would be dropped and drops nothing. ``cutoff`` none leaves established
    connections alone. ``mark_mask`` are the bits of the connection mark that are ours, contiguous and among the high
    sixteen, for the rest belongs to others. ``deny_log_rate`` is in records per second and reason. ``resolvers`` are
    addresses, beside those of cluster DNS, whose answers tell the addresses of names; ``answer_group`` is where the
    agent reads them.

    Raises ``PodfenceError`` for a mask that it may not have.
    """

    node: str
    pod_cidrs: tuple[AddressRange, ...] = ()
    unready: Literal["drop", "accept"] = "drop"
    audit: bool = False
    cutoff: Literal["all", "none"] = "all"
    mark_mask: int = HIGH_BITS
    log_group: int = 7
    log_allowed: bool = False
    deny_log_rate: int = 50
    resolvers: tuple[int, ...] = ()
    answer_group: int = 8

    def __post_init__(self) -> None:
        bits = self.mark_mask >> self.mark_shift if self.mark_mask > 0 else 0
        if bits < 3 or bits & (bits + 1) or self.mark_mask & ~HIGH_BITS:
            raise PodfenceError(
                f"mark mask {self.mark_mask:#010x}: give two or more neighbouring bits among {HIGH_BITS:#010x}"
            )

    @property
    def mark_shift(self) -> int:
        """Tell the position of the lowest bit of the mask."""
        return (self.mark_mask & -self.mark_mask).bit_length() - 1

    @property
    def last_generation(self) -> int:
        """Tell the highest generation that fits into the mask; the lowest is 1, for 0 is a connection never judged."""
        return self.mark_mask >> self.mark_shift
