"""Everything at once: for each source class, which destinations it reaches on which ports.

Rows are made one at a time and forgotten, so that memory holds no matrix. A row ORs together the pieces that
accept from or to its source, for each group of port atoms that no piece of this row cuts, and intersects the two
sides. Equal to ``judge`` on every pair (property test), except for what no class can know: that a pod talks to
itself, or is reached from its own node; ``connectivity`` adds these.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import and_

import msgspec

from podfence.engine import bitset
from podfence.engine.compile import Accepts, NamedBlock, OrderedPiece, Program
from podfence.model.policy import Action, Direction, Tier

_KEPT_ROWS = 20_000_000
"""Bytes of intermediate rows that are kept for sources that share them."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """What one source class reaches: port atoms to destination classes; the sets of port atoms are disjoint."""

    source: int
    reached: dict[int, int]


class Reach:
    """Reads a program row by row."""

    def __init__(self, program: Program) -> None:
        self.program = program
        classes = program.classes
        self._everything = classes.everything
        self._peer_sets_of = _members_of(program.ingress_from_pods, classes.pods)
        self._pod_accepts = list(program.ingress_from_pods.values())
        self._subject_sets_of = _members_of(program.egress_of, classes.pods)
        self._egress_accepts = list(program.egress_of.values())
        self._named_blocks = [program.named_blocks_of.get(key, []) for key in program.egress_of]
        self._tiers = {
            key: _OrderedTier(pieces, classes.total, len(program.views)) for key, pieces in program.ordered.items()
        }
        self._ipv4_only = bitset.make(
            (number for number, areas in enumerate(classes.areas) if areas[0] and not areas[1]), classes.total
        )
        self._ipv6_only = bitset.make(
            (number for number, areas in enumerate(classes.areas) if areas[1] and not areas[0]), classes.total
        )
        self._both_families = bitset.make(
            (number for number, areas in enumerate(classes.areas) if has_both_families(areas)), classes.total
        )
        self._unknown = [self._ends_by_unknown_area(view) for view in range(len(program.views))]
        self._area_accepts: dict[int | None, Accepts] = {}
        self._ingress_known: dict[tuple[object, ...], Accepts] = {}
        self._groups_known: dict[tuple[int, ...], list[tuple[int, tuple[int, ...]]]] = {}

    def rows(self, sources: Iterable[int] | None = None) -> Iterator[Row]:
        """Give the row of each source class, or of some."""
        for source in range(self.program.classes.total) if sources is None else sources:
            yield self.row(source)

    def row(self, source: int) -> Row:
        """Give the row of one source class."""
        views = range(len(self.program.views))
        ingress = [self._ingress_accepts(source, view) for view in views]
        egress = [self._egress_parts(source, view) for view in views]
        masks = {mask for accepts in ingress for mask in accepts}
        masks.update(mask for accepts in egress if accepts is not None for mask in accepts)
        for (_, direction), tier in self._tiers.items():
            for view in views:
                masks.update(tier.masks(source, view, direction))
        reached: dict[int, int] = {}
        for group, inside in self._groups(tuple(sorted(masks))):
            chosen = set(inside)
            atom = group & -group
            both = self._egress_row(source, egress, chosen, atom) & self._ingress_row(source, ingress, chosen, atom)
            if both:
                reached[group] = both
        return Row(source, _merge_equal(reached))

    def _ingress_row(self, source: int, ingress: Sequence[Accepts], chosen: set[int], atom: int) -> int:
        """Give the destinations that let a source in, on one group of port atoms."""
        isolated = self.program.isolated[Direction.INGRESS]
        admin = self._tiers[Tier.ADMIN, Direction.INGRESS]
        baseline = self._tiers[Tier.BASELINE, Direction.INGRESS]
        both = has_both_families(self.program.classes.areas[source])
        found = self._everything
        for view, accepts in enumerate(ingress):
            accepted = 0
            for mask, classes in accepts.items():
                if mask in chosen:
                    accepted |= classes
            by_policy = (accepted & isolated) | (
                baseline.allowed_from(source, view, atom, self._everything) & ~isolated
            )
            allowed = admin.apply_from(source, view, atom, by_policy, self._everything)
            if both:
                allowed |= self._ipv4_only if self.program.views[view].ipv6 else self._ipv6_only
            found &= allowed
        return found

    def _egress_row(self, source: int, egress: Sequence[Accepts | None], chosen: set[int], atom: int) -> int:
        """Give the destinations that a source may leave for, on one group of port atoms."""
        if source >= self.program.classes.pods:
            return self._everything
        isolated = self.program.isolated[Direction.EGRESS] >> source & 1
        admin = self._tiers[Tier.ADMIN, Direction.EGRESS]
        baseline = self._tiers[Tier.BASELINE, Direction.EGRESS]
        areas = self.program.classes.areas[source]
        found = self._everything
        for view, accepts in enumerate(egress):
            ipv6 = self.program.views[view].ipv6
            if isolated and accepts is not None:
                by_policy = 0
                for mask, classes in accepts.items():
                    if mask in chosen:
                        by_policy |= classes
                by_policy |= self._covered(source, view, by_policy, atom)
            else:
                by_policy = baseline.allowed_to(source, view, atom, self._everything)
            allowed = admin.apply_to(source, view, atom, by_policy, self._everything)
            if (areas[0] and not areas[1] and ipv6) or (areas[1] and not areas[0] and not ipv6):
                # The source cannot use this family; it still sees an end of that family alone in the view of its own.
                allowed |= self._both_families
            found &= allowed
        return found

    def _covered(self, source: int, view: int, accepted: int, atom: int) -> int:
        """Give the ends of unknown address for which the accepted blocks add up to every address they can have."""
        found = 0
        named = [
            block
            for number in self._subject_sets_of[source]
            for block in self._named_blocks[number]
            if block.ports & atom
        ]
        for area, ends in self._unknown[view]:
            if area & ~accepted == 0:
                found |= ends
            elif named:
                found |= _covered_by_name(area, ends, accepted, named)
        return found

    def _ingress_accepts(self, source: int, view: int) -> Accepts:
        """Give what NetworkPolicies accept from a source: by its labels, by its address, from anybody."""
        area = self.program.frame.area_of[view][source]
        sets = self._peer_sets_of[source] if source < self.program.classes.pods else ()
        key = (sets, area)
        known = self._ingress_known.get(key)
        if known is None:
            if len(self._ingress_known) * (self.program.classes.total // 8 + 1) > _KEPT_ROWS:
                self._ingress_known.clear()
            known = dict(self.program.ingress_from_any)
            for number in sets:
                _add(known, self._pod_accepts[number])
            _add(known, self._accepts_from_area(area))
            self._ingress_known[key] = known
        return known

    def _accepts_from_area(self, area: int | None) -> Accepts:
        """Give what blocks accept from every address of an area."""
        known = self._area_accepts.get(area)
        if known is None:
            known = self._area_accepts[area] = {} if area is None else self._join_area(area)
        return known

    def _join_area(self, area: int) -> Accepts:
        addresses = self.program.classes.addresses
        atoms = bitset.members(addresses.areas[area])
        parts: list[Accepts] = []
        for blocks in dict.fromkeys(addresses.atoms.atoms[atom].blocks for atom in atoms):
            accepts: Accepts = {}
            for block in bitset.members(blocks & addresses.block_mask):
                _add(accepts, self.program.ingress_from_block.get(block, {}))
            if not accepts:
                return {}
            parts.append(accepts)
        if len(parts) == 1:
            return parts[0]
        joined: Accepts = {}
        masks = tuple(sorted({mask for accepts in parts for mask in accepts}))
        for group, inside in self._groups(masks):
            chosen = set(inside)
            common = reduce(
                and_,
                (reduce(int.__or__, (bits for mask, bits in part.items() if mask in chosen), 0) for part in parts),
            )
            if common:
                joined[group] = common
        return joined

    def _egress_parts(self, source: int, view: int) -> Accepts | None:
        """Give what NetworkPolicies accept from a source on its own side; ``None`` where none isolates it."""
        if source >= self.program.classes.pods or not self.program.isolated[Direction.EGRESS] >> source & 1:
            return None
        found: Accepts = {}
        for number in self._subject_sets_of[source]:
            _add(found, self._egress_accepts[number][view])
            for block in self._named_blocks[number]:
                found.setdefault(block.ports, 0)
        return found

    def _ends_by_unknown_area(self, view: int) -> list[tuple[int, int]]:
        """List the areas of more than one address atom, as classes, with the ends that are seen there."""
        areas = self.program.classes.addresses.areas
        found: dict[int, list[int]] = defaultdict(list)
        for number, area in enumerate(self.program.frame.area_of[view]):
            if area is not None and areas[area].bit_count() > 1:
                found[area].append(number)
        first = self.program.classes.first_atom
        total = self.program.classes.total
        return [(areas[area] << first, bitset.make(ends, total)) for area, ends in found.items()]

    def _groups(self, masks: tuple[int, ...]) -> list[tuple[int, tuple[int, ...]]]:
        """Cut all port atoms into groups that each mask holds entirely or not at all."""
        known = self._groups_known.get(masks)
        if known is None:
            known = [(self.program.ports.everything, ())]
            for mask in masks:
                split: list[tuple[int, tuple[int, ...]]] = []
                for group, inside in known:
                    if group & mask:
                        split.append((group & mask, (*inside, mask)))
                    if group & ~mask:
                        split.append((group & ~mask, inside))
                known = split
            if len(self._groups_known) > 10_000:
                self._groups_known.clear()
            self._groups_known[masks] = known
        return known


class _OrderedTier:
    """The rules of one ordered tier and direction, evaluated for sources and destinations in classes."""

    def __init__(self, pieces: Sequence[OrderedPiece], total: int, views: int) -> None:
        self._pieces = pieces
        self._by_subject = _listed([piece.subjects for piece in pieces], total)
        self._by_peer = [_listed([piece.peers[view] for piece in pieces], total) for view in range(views)]
        self._known: dict[tuple[object, ...], tuple[int, int]] = {}

    def masks(self, source: int, view: int, direction: Direction) -> set[int]:
        """Give the port sets of the pieces that speak of a source."""
        if not self._pieces:
            return set()
        listed = self._by_peer[view] if direction is Direction.INGRESS else self._by_subject
        return {self._pieces[number].ports for number in listed[source]}

    def apply_from(self, source: int, view: int, atom: int, otherwise: int, everything: int) -> int:
        """Give the destinations that let a source in; ``otherwise`` answers where no rule here decides."""
        accepted, undecided = self._from(source, view, atom, everything)
        return accepted | (undecided & otherwise)

    def allowed_from(self, source: int, view: int, atom: int, everything: int) -> int:
        """Give the destinations that let a source in when nothing follows this tier."""
        accepted, undecided = self._from(source, view, atom, everything)
        return accepted | undecided

    def apply_to(self, source: int, view: int, atom: int, otherwise: int, everything: int) -> int:
        """Give the destinations that a source may leave for; ``otherwise`` answers where no rule here decides."""
        accepted, undecided = self._to(source, view, atom, everything)
        return accepted | (undecided & otherwise)

    def allowed_to(self, source: int, view: int, atom: int, everything: int) -> int:
        """Give the destinations that a source may leave for when nothing follows this tier."""
        accepted, undecided = self._to(source, view, atom, everything)
        return accepted | undecided

    def _from(self, source: int, view: int, atom: int, everything: int) -> tuple[int, int]:
        if not self._pieces:
            return 0, everything
        numbers = tuple(n for n in self._by_peer[view][source] if self._pieces[n].ports & atom)
        known = self._known.get(("from", numbers))
        if known is None:
            steps = [(self._pieces[n].action, self._pieces[n].subjects) for n in numbers]
            known = self._known["from", numbers] = _first_match(steps, everything)
        return known

    def _to(self, source: int, view: int, atom: int, everything: int) -> tuple[int, int]:
        if not self._pieces:
            return 0, everything
        numbers = tuple(n for n in self._by_subject[source] if self._pieces[n].ports & atom)
        known = self._known.get(("to", view, numbers))
        if known is None:
            steps = [(self._pieces[n].action, self._pieces[n].peers[view]) for n in numbers]
            known = self._known["to", view, numbers] = _first_match(steps, everything)
        return known


def _first_match(steps: Iterable[tuple[Action, int]], everything: int) -> tuple[int, int]:
    """Let the first rule decide for each class: those accepted, and those left to the next tier."""
    accepted, undecided, passed = 0, everything, 0
    for action, classes in steps:
        matched = classes & undecided
        undecided &= ~matched
        if action is Action.ACCEPT:
            accepted |= matched
        elif action is Action.PASS:
            passed |= matched
    return accepted, undecided | passed


def has_both_families(areas: tuple[tuple[int, ...], tuple[int, ...]]) -> bool:
    """Tell whether an end has addresses of both families."""
    return bool(areas[0] and areas[1])


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
    return reduce(int.__or__, (region for region, cover in regions if cover == area), 0)


def _add(accepts: Accepts, more: Accepts) -> None:
    for mask, classes in more.items():
        accepts[mask] = accepts.get(mask, 0) | classes


def _merge_equal(reached: dict[int, int]) -> dict[int, int]:
    """Join the groups of port atoms that reach the same destinations."""
    ports_of: dict[int, int] = {}
    for group, classes in reached.items():
        ports_of[classes] = ports_of.get(classes, 0) | group
    return {group: classes for classes, group in ports_of.items()}


def _members_of(sets: Iterable[int], size: int) -> list[tuple[int, ...]]:
    return [tuple(found) for found in _listed(list(sets), size)]


def _listed(sets: Sequence[int], size: int) -> list[list[int]]:
    """List, for each member, the sets that hold it."""
    found: list[list[int]] = [[] for _ in range(size)]
    for number, classes in enumerate(sets):
        for member in bitset.members(classes):
            found[member].append(number)
    return found
