"""What many pieces accept together, port by port.

A set of port atoms that many pieces cut is added up in one of two ways. Narrow sets fall apart into a few groups
that no piece of the program cuts, and are added group by group. Wide ones (all ports, long ranges) stay whole, for
a range may hold a thousand groups; the few of them that meet in one sum are cut against each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from podfence.engine import bitset

Accepts = dict[int, int]
"""What is accepted: from a set of port atoms to the classes at the other end."""

Parts = list[tuple[int, int]]
"""All port atoms in disjoint sets, each with the classes at the other end that one side allows there."""

_NARROW = 8
"""Groups up to which a set of ports is narrow."""

_KEPT_CUTS = 20_000


class PortGroups:
    """The port atoms in groups that each of some sets of ports holds entirely or not at all."""

    def __init__(self, everything: int, masks: Iterable[int]) -> None:
        self.everything = everything
        holding: list[list[int]] = [[] for _ in range(everything.bit_length())]
        for number, mask in enumerate(dict.fromkeys(masks)):
            for atom in bitset.members(mask):
                holding[atom].append(number)
        numbers: dict[tuple[int, ...], int] = {}
        self._of_atom = [numbers.setdefault(tuple(held), len(numbers)) for held in holding]
        self.masks = [0] * len(numbers)
        for atom, group in enumerate(self._of_atom):
            self.masks[group] |= 1 << atom
        self._split: dict[int, tuple[int, ...]] = {}
        self._cuts: dict[tuple[int, ...], list[tuple[int, tuple[int, ...]]]] = {}

    def split(self, mask: int) -> tuple[int, ...]:
        """Give the groups of a narrow set of ports, nothing for a wide one."""
        known = self._split.get(mask)
        if known is None:
            groups = tuple(dict.fromkeys(self._of_atom[atom] for atom in bitset.members(mask)))
            known = self._split[mask] = groups if len(groups) <= _NARROW else ()
        return known

    def cut(self, masks: Iterable[int]) -> list[tuple[int, tuple[int, ...]]]:
        """Cut all ports into the sets that some masks make: each with the masks that hold it."""
        key = tuple(sorted(set(masks)))
        known = self._cuts.get(key)
        if known is None:
            known = [(self.everything, ())]
            for mask in key:
                split: list[tuple[int, tuple[int, ...]]] = []
                for ports, inside in known:
                    if ports & mask:
                        split.append((ports & mask, (*inside, mask)))
                    if ports & ~mask:
                        split.append((ports & ~mask, inside))
                known = split
            if len(self._cuts) > _KEPT_CUTS:
                self._cuts.clear()
            self._cuts[key] = known
        return known


class Sum:
    """Adds up what pieces accept: ``narrow`` by group of ports, ``wide`` by set of ports, each to classes."""

    __slots__ = ("groups", "narrow", "wide")

    def __init__(self, groups: PortGroups, accepts: Mapping[int, int] | None = None) -> None:
        self.groups = groups
        self.narrow: dict[int, int] = {}
        self.wide: dict[int, int] = {}
        for mask, classes in (accepts or {}).items():
            split = groups.split(mask)
            for group in split:
                self.narrow[group] = self.narrow.get(group, 0) | classes
            if not split:
                self.wide[mask] = self.wide.get(mask, 0) | classes

    def copy(self) -> Sum:
        """Copy the sum, to add to the copy."""
        other = Sum.__new__(Sum)
        other.groups = self.groups
        other.narrow = self.narrow.copy()
        other.wide = self.wide.copy()
        return other

    def add(self, other: Sum) -> None:
        """Add what another sum accepts."""
        narrow = self.narrow
        for group, classes in other.narrow.items():
            if group in narrow:
                narrow[group] |= classes
            else:
                narrow[group] = classes
        for mask, classes in other.wide.items():
            self.wide[mask] = self.wide.get(mask, 0) | classes

    def __bool__(self) -> bool:
        return bool(self.narrow or self.wide)

    def parts(self, more_masks: Iterable[int] = ()) -> Parts:
        """Give everything that is accepted, in parts that none of ``more_masks`` cuts."""
        found: Parts = []
        masks = self.groups.masks
        for ports, inside in self.groups.cut((*self.wide, *more_masks)):
            everywhere = 0
            for mask in inside:
                everywhere |= self.wide.get(mask, 0)
            rest = ports
            for group, classes in self.narrow.items():
                here = masks[group]
                if here & ports:
                    found.append((here, everywhere | classes))
                    rest ^= here
            if rest:
                found.append((rest, everywhere))
        return found


def intersect(left: Parts, right: Parts) -> Parts:
    """Give what both allow."""
    return [
        (ports & other_ports, classes & other_classes)
        for ports, classes in left
        for other_ports, other_classes in right
        if ports & other_ports
    ]


def merge_equal(parts: Parts) -> Parts:
    """Join the sets of ports that have the same classes."""
    ports_of: dict[int, int] = {}
    for ports, classes in parts:
        ports_of[classes] = ports_of.get(classes, 0) | ports
    return [(ports, classes) for classes, ports in ports_of.items()]
