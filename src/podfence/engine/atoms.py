"""Cut ports and addresses into pieces that no policy cuts any further."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

import msgspec

from podfence.engine import bitset
from podfence.model.net import (
    ALL_ADDRESSES,
    IPV6_ORIGIN,
    MAX_PORT,
    MIN_PORT,
    PORT_PROTOCOLS,
    AddressRange,
    Protocol,
)
from podfence.model.policy import PortRange


class PortAtoms:
    """The ports of every protocol as a row of atoms, and sets of ports as bitsets over it.

    The last atom is all traffic of protocols without ports.
    """

    def __init__(self, ranges: Iterable[tuple[Protocol, int, int]]) -> None:
        cuts: dict[Protocol, set[int]] = {protocol: {MIN_PORT} for protocol in PORT_PROTOCOLS}
        for protocol, first, last in ranges:
            if protocol in cuts:
                cuts[protocol].update((first, last + 1))
        self._starts: dict[Protocol, list[int]] = {}
        self._origin: dict[Protocol, int] = {}
        self.atoms: list[tuple[Protocol, int, int]] = []
        for protocol in PORT_PROTOCOLS:
            starts = sorted(cut for cut in cuts[protocol] if MIN_PORT <= cut <= MAX_PORT)
            self._starts[protocol], self._origin[protocol] = starts, len(self.atoms)
            ends = [*(start - 1 for start in starts[1:]), MAX_PORT]
            self.atoms.extend((protocol, first, last) for first, last in zip(starts, ends, strict=True))
        self.atoms.append((Protocol.OTHER, 0, 0))
        self.everything = bitset.span(0, len(self.atoms))

    def mask(self, protocol: Protocol, first: int, last: int) -> int:
        """Give the atoms of a range whose ends are cuts."""
        first, last = max(first, MIN_PORT), min(last, MAX_PORT)
        if first > last or protocol not in self._starts:
            return 0
        starts = self._starts[protocol]
        low, high = bisect_left(starts, first), bisect_right(starts, last)
        return bitset.span(self._origin[protocol] + low, high - low)

    def find(self, protocol: Protocol, port: int) -> int:
        """Give the number of the atom that holds a port; ``port`` does not matter for other protocols."""
        if protocol is Protocol.OTHER:
            return len(self.atoms) - 1
        return self._origin[protocol] + bisect_right(self._starts[protocol], port) - 1

    def ranges(self, mask: int) -> tuple[PortRange, ...]:
        """Write a set of atoms as maximal ranges, by name of the protocol and number of the port."""
        found: list[PortRange] = []
        for index in bitset.members(mask):
            protocol, first, last = self.atoms[index]
            before = found[-1] if found else None
            if before is not None and before.protocol is protocol and before.last + 1 == first:
                found[-1] = PortRange(protocol, before.first, last)
            else:
                found.append(PortRange(protocol, first, last))
        return tuple(sorted(found, key=lambda item: (item.protocol.value, item.first)))


class AddressAtom(msgspec.Struct, frozen=True, gc=False):
    """Addresses that exactly the same blocks hold: ``blocks`` is a bitset over the blocks."""

    blocks: int
    ranges: tuple[AddressRange, ...]


class AddressAtoms:
    """The whole address line in atoms, cut at every end of every block.

    ``blocks`` are tuples of disjoint ranges; atoms never span the two families. The line falls into pieces:
    ``starts`` is where each begins, ``atom_of_piece`` to which atom it belongs.
    """

    def __init__(self, blocks: Sequence[tuple[AddressRange, ...]]) -> None:
        toggles: dict[int, int] = {0: 0, IPV6_ORIGIN: 0}
        for number, block in enumerate(blocks):
            for piece in block:
                toggles[piece.first] = toggles.get(piece.first, 0) ^ (1 << number)
                toggles[piece.last + 1] = toggles.get(piece.last + 1, 0) ^ (1 << number)
        end = ALL_ADDRESSES[-1].last + 1
        self.starts = sorted(cut for cut in toggles if cut < end)
        self.atom_of_piece: list[int] = []
        numbers: dict[tuple[bool, int], int] = {}
        ranges: list[list[AddressRange]] = []
        holding: list[int] = []
        inside = 0
        for start, stop in zip(self.starts, [*self.starts[1:], end], strict=True):
            inside ^= toggles[start]
            key = (start >= IPV6_ORIGIN, inside)
            number = numbers.setdefault(key, len(numbers))
            if number == len(ranges):
                ranges.append([])
                holding.append(inside)
            ranges[number].append(AddressRange(start, stop - 1))
            self.atom_of_piece.append(number)
        self.atoms = [AddressAtom(blocks, tuple(pieces)) for blocks, pieces in zip(holding, ranges, strict=True)]

    def find(self, address: int) -> int:
        """Give the number of the atom that holds an address."""
        return self.atom_of_piece[bisect_right(self.starts, address) - 1]

    def within(self, ranges: Iterable[AddressRange]) -> list[int]:
        """List the atoms that lie in ranges whose ends are cuts."""
        found: dict[int, None] = {}
        for piece in ranges:
            low, high = bisect_left(self.starts, piece.first), bisect_right(self.starts, piece.last)
            found.update(dict.fromkeys(self.atom_of_piece[low:high]))
        return sorted(found)
