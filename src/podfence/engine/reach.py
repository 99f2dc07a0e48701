"""Everything at once: for each source class, which destinations it reaches on which ports.

Rows are made one at a time and forgotten, so that memory holds no matrix. A row ORs together the pieces that
accept from or to its source, for each group of port atoms that no piece of this row cuts, and intersects the two
sides. Equal to ``judge`` on every pair (property test), except for what no class can know: that a pod talks to
itself, or is reached from its own node; ``connectivity`` adds these.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import or_

import msgspec

from podfence.engine import bitset
from podfence.engine.accepts import Parts, PortGroups, Sum, intersect, merge_equal
from podfence.engine.compile import NamedBlock, Program
from podfence.engine.tiers import Applying, OrderedTier
from podfence.model.policy import Direction, Tier

_KEPT_BYTES = 32_000_000
"""How much of what several sources share is remembered, roughly, in bytes of bitsets."""


_KEPT_SUMS = 1000

_WIDE = 50


class Row(msgspec.Struct, frozen=True, gc=False):
    """What one source class reaches: port atoms to destination classes; the sets of port atoms are disjoint."""

    source: int
    reached: dict[int, int]


class Reach:
    """Reads a program row by row."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._frame = program.frame
        classes = program.classes
        self._everything = classes.everything
        self._all_ports = program.ports.everything
        self._views = range(len(program.views))
        self._groups = PortGroups(self._all_ports, program.masks())
        self._from_anybody = Sum(self._groups, program.ingress_from_any)
        self._from_pods = [Sum(self._groups, accepts) for accepts in program.ingress_from_pods.values()]
        self._subject_sets_of = bitset.holders([classes.sets[number] for number in program.egress_of], classes.pods)
        self._to = [[Sum(self._groups, accepts) for accepts in by_view] for by_view in program.egress_of.values()]
        self._named_blocks = [program.named_blocks_of.get(key, []) for key in program.egress_of]
        self._not_isolated = self._everything & ~program.isolated[Direction.INGRESS]
        self._isolated_for_egress = program.isolated[Direction.EGRESS]
        self._admin_in = OrderedTier(program, Tier.ADMIN, Direction.INGRESS)
        self._admin_out = OrderedTier(program, Tier.ADMIN, Direction.EGRESS)
        self._baseline_in = OrderedTier(program, Tier.BASELINE, Direction.INGRESS)
        self._baseline_out = OrderedTier(program, Tier.BASELINE, Direction.EGRESS)
        ipv4_only: list[int] = []
        ipv6_only: list[int] = []
        both: list[int] = []
        for number, (ipv4, ipv6) in enumerate(classes.areas):
            (both if ipv4 and ipv6 else ipv4_only if ipv4 else ipv6_only if ipv6 else []).append(number)
        self._ipv4_only = bitset.make(ipv4_only)
        self._ipv6_only = bitset.make(ipv6_only)
        self._both_families = bitset.make(both)
        self._unknown = [self._ends_by_unknown_area(view) for view in self._views]
        peer_sets = [classes.sets[number] for number in program.ingress_from_pods]
        is_wide = [members.bit_count() > _WIDE for members in peer_sets]
        narrow_only = [0 if wide else members for members, wide in zip(peer_sets, is_wide, strict=True)]
        wide_only = [members if wide else 0 for members, wide in zip(peer_sets, is_wide, strict=True)]
        self._peer_sets_of = bitset.holders(narrow_only, classes.pods)
        self._wide_sets_of = [tuple(sets) for sets in bitset.holders(wide_only, classes.pods)]
        self._grounds: dict[tuple[object, ...], _Ground] = {}
        self._from_wide: dict[tuple[int, ...], Sum] = {}
        self._from_block = {block: Sum(self._groups, accepts) for block, accepts in program.ingress_from_block.items()}
        self._from_area: dict[int, Sum] = {}
        self._egress_known: dict[tuple[object, ...], Parts] = {}
        self._egress_bytes = 0

    def rows(self, sources: Iterable[int] | None = None) -> Iterator[Row]:
        """Give the row of each source class, or of some."""
        for source in range(self.program.classes.total) if sources is None else sources:
            yield self.row(source)

    def row(self, source: int) -> Row:
        """Give the row of one source class."""
        egress = self.leaving(source)
        if len(egress) == 1 and egress[0][1] == self._everything:
            return Row(source, dict(merge_equal([part for part in self.entering(source) if part[1]])))
        return both_sides(source, egress, self.entering(source))

    def entering(self, source: int) -> Parts:
        """Give the destinations that let a source in."""
        found: Parts | None = None
        has_both = all(self.program.classes.areas[source])
        for view in self._views:
            parts = self._ingress_view(source, view)
            if has_both:
                exempt = self._ipv4_only if self._frame.views[view].ipv6 else self._ipv6_only
                parts = [(ports, classes | exempt) for ports, classes in parts]
            found = parts if found is None else intersect(found, parts)
        return found or []

    def _ingress_view(self, source: int, view: int) -> Parts:
        admin, baseline = self._admin_in.of_source(source, view), self._baseline_in.of_source(source, view)
        wide, own = self._accepted_from(source, view)
        if own.wide and list(own.wide) != [self._all_ports]:
            total = self._accepted_from_wide(wide).copy()
            total.add(own)
            return _Ground(total, admin, baseline, self._not_isolated, self._groups.masks).parts
        key = (wide, admin.pieces, baseline.pieces)
        ground = self._grounds.get(key)
        if ground is None:
            if len(self._grounds) >= _KEPT_SUMS:
                self._grounds.clear()
            total = self._accepted_from_wide(wide)
            ground = _Ground(total, admin, baseline, self._not_isolated, self._groups.masks)
            self._grounds[key] = ground
        if not own:
            return ground.parts
        return ground.with_more(own.narrow, own.wide.get(self._all_ports, 0))

    def leaving(self, source: int) -> Parts:
        """Give the destinations that a source may leave for."""
        if source >= self.program.classes.pods:
            return [(self._all_ports, self._everything)]
        isolated = bool(self._isolated_for_egress >> source & 1)
        admin, baseline = self._admin_out.of_subject(source), self._baseline_out.of_subject(source)
        ipv4, ipv6 = self.program.classes.areas[source]
        key = (isolated, tuple(self._subject_sets_of[source]), admin.pieces, baseline.pieces, bool(ipv4), bool(ipv6))
        found = self._egress_known.get(key)
        if found is None:
            found = self._find_egress(source, isolated=isolated)
            self._egress_bytes += len(found) * (self.program.classes.total // 8 + 64)
            if self._egress_bytes > _KEPT_BYTES:
                self._egress_known.clear()
                self._egress_bytes = 0
            self._egress_known[key] = found
        return found

    def _find_egress(self, source: int, *, isolated: bool) -> Parts:
        ipv4, ipv6 = self.program.classes.areas[source]
        found: Parts | None = None
        for view in self._views:
            parts = self._egress_view(source, view, isolated=isolated)
            if bool(ipv4) != bool(ipv6) and bool(ipv6) != self._frame.views[view].ipv6:
                # The source has no address of this family: an end that has both is not reached by it.
                parts = [(ports, classes | self._both_families) for ports, classes in parts]
            found = parts if found is None else intersect(found, parts)
        return merge_equal(found or [])

    def _egress_view(self, source: int, view: int, *, isolated: bool) -> Parts:
        admin, baseline = self._admin_out.of_subject(source, view), self._baseline_out.of_subject(source, view)
        masks = (*admin.masks, *baseline.masks)
        if not isolated:
            return [(ports, admin.apply(ports, baseline.allowed(ports))) for ports, _ in Sum(self._groups).parts(masks)]
        total = Sum(self._groups)
        named: list[NamedBlock] = []
        for number in self._subject_sets_of[source]:
            total.add(self._to[number][view])
            named.extend(self._named_blocks[number])
        parts = []
        for ports, classes in total.parts((*masks, *(block.ports for block in named))):
            accepted = classes | self._covered(view, classes, [block for block in named if block.ports & ports])
            parts.append((ports, admin.apply(ports, accepted)))
        return parts

    def _covered(self, view: int, accepted: int, named: Sequence[NamedBlock]) -> int:
        """Give the ends of unknown address for which the accepted blocks add up to every address they can have."""
        found = 0
        for area, ends in self._unknown[view]:
            if area & ~accepted == 0:
                found |= ends
            elif named:
                found |= _covered_by_name(area, ends, accepted, named)
        return found

    def _accepted_from(self, source: int, view: int) -> tuple[tuple[int, ...], Sum]:
        """Give what NetworkPolicies accept from a source: sets of many classes by number, and the rest added up."""
        own = Sum(self._groups)
        wide: tuple[int, ...] = ()
        if source < self.program.classes.pods:
            wide = self._wide_sets_of[source]
            for number in self._peer_sets_of[source]:
                own.add(self._from_pods[number])
        area = self._frame.area_of[view][source]
        if area is not None:
            own.add(self._accepted_from_area(area))
        return wide, own

    def _accepted_from_wide(self, sets: tuple[int, ...]) -> Sum:
        """Add up what is accepted from anybody and from sets of many classes, of which few combinations occur."""
        known = self._from_wide.get(sets)
        if known is None:
            known = self._from_anybody.copy()
            for number in sets:
                known.add(self._from_pods[number])
            if len(self._from_wide) >= _KEPT_SUMS:
                self._from_wide.clear()
            self._from_wide[sets] = known
        return known

    def _accepted_from_area(self, area: int) -> Sum:
        """Give what blocks accept from every address of an area."""
        known = self._from_area.get(area)
        if known is None:
            addresses = self.program.classes.addresses
            atoms = bitset.members(addresses.areas[area])
            held = list(dict.fromkeys(addresses.atoms.atoms[atom].blocks & addresses.block_mask for atom in atoms))
            known = self._in_blocks(held[0]) if len(held) == 1 else self._from_all(held)
            if len(held) > 1:
                self._from_area[area] = known
        return known

    def _in_blocks(self, blocks: int) -> Sum:
        total = Sum(self._groups)
        for block in bitset.members(blocks):
            if block in self._from_block:
                total.add(self._from_block[block])
        return total

    def _from_all(self, held: Iterable[int]) -> Sum:
        """Give what is accepted from an address in any of several sets of blocks, whichever it is."""
        joined: Parts = [(self._all_ports, self._everything)]
        for blocks in held:
            joined = merge_equal(intersect(joined, self._in_blocks(blocks).parts()))
            if not any(classes for _, classes in joined):
                break
        return Sum(self._groups, {ports: classes for ports, classes in joined if classes})

    def _ends_by_unknown_area(self, view: int) -> list[tuple[int, int]]:
        """List the areas of more than one address atom, as classes, with the ends that are seen there."""
        areas = self.program.classes.addresses.areas
        found: dict[int, list[int]] = defaultdict(list)
        for number, area in enumerate(self._frame.area_of[view]):
            if area is not None and areas[area].bit_count() > 1:
                found[area].append(number)
        first = self.program.classes.first_atom
        return [(areas[area] << first, bitset.make(ends)) for area, ends in found.items()]


def both_sides(source: int, leaving: Parts, entering: Parts) -> Row:
    """Give the row of a source from what its own side and what the other sides let through."""
    reached: dict[int, int] = {}
    for ingress_ports, entered in entering:
        for egress_ports, left in leaving:
            ports = ingress_ports & egress_ports
            if ports and (both := entered & left):
                reached[both] = reached.get(both, 0) | ports
    return Row(source, {ports: classes for classes, ports in reached.items()})


class _Ground:
    """What many sources have in common on their way in, before and after the tiers around NetworkPolicy."""

    def __init__(
        self, total: Sum, admin: Applying, baseline: Applying, not_isolated: int, groups: Sequence[int]
    ) -> None:
        self._admin = admin
        self._groups = groups
        self.parts: Parts = []
        self._accepted: list[int] = []
        for ports, classes in total.parts((*admin.masks, *baseline.masks)):
            accepted = classes | (not_isolated & baseline.allowed(ports))
            self._accepted.append(accepted)
            self.parts.append((ports, admin.apply(ports, accepted)))
        self._part_of_group = [
            next(number for number, (ports, _) in enumerate(self.parts) if ports & group) for group in groups
        ]

    def with_more(self, narrow: Mapping[int, int], everywhere: int) -> Parts:
        """Give the parts for a source from which more is accepted, on some groups of ports or ``everywhere``."""
        found: Parts = []
        touched: dict[int, int] = {}
        for group, more in narrow.items():
            here, part = self._groups[group], self._part_of_group[group]
            touched[part] = touched.get(part, 0) | here
            found.append((here, self._admin.apply(here, self._accepted[part] | everywhere | more)))
        for number, (ports, allowed) in enumerate(self.parts):
            rest = ports ^ touched.get(number, 0)
            if rest and everywhere & ~self._accepted[number]:
                found.append((rest, self._admin.apply(ports, self._accepted[number] | everywhere)))
            elif rest:
                found.append((rest, allowed))
        return found


def _covered_by_name(area: int, ends: int, accepted: int, named: Iterable[NamedBlock]) -> int:
    """Give the ends for which blocks cover the area once those for their own named ports are added."""
    regions = [(ends, accepted & area)]
    for block in named:
        split: list[tuple[int, int]] = []
        for region, cover in regions:
            if region & block.destinations:
                split.append((region & block.destinations, cover | (block.atoms & area)))
            if region & ~block.destinations:
                split.append((region & ~block.destinations, cover))
        regions = split
    return reduce(or_, (region for region, cover in regions if cover == area), 0)
