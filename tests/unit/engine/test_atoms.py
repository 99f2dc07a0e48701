"""Atoms of ports and addresses: no range cuts one, together they are everything, and each is as large as can be."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from podfence.engine import bitset
from podfence.engine.atoms import AddressAtoms, PortAtoms
from podfence.model.net import (
    ALL_IPV4,
    ALL_IPV6,
    IPV6_ORIGIN,
    PORT_PROTOCOLS,
    AddressRange,
    Protocol,
    family_of,
    parse_address,
    parse_cidr,
    union,
)
from podfence.model.policy import PortRange

PORTS = st.one_of(st.integers(1, 12), st.integers(65530, 65535))
RANGES = st.tuples(st.sampled_from(PORT_PROTOCOLS), PORTS, PORTS).map(lambda drawn: (drawn[0], *sorted(drawn[1:])))
EDGES = st.one_of(
    st.integers(0, 20), st.integers(IPV6_ORIGIN - 10, IPV6_ORIGIN + 10), st.integers(ALL_IPV6.last - 5, ALL_IPV6.last)
)
BLOCKS = st.lists(
    st.tuples(EDGES, EDGES)
    .map(lambda drawn: AddressRange(*sorted(drawn)))
    .filter(lambda piece: family_of(piece.first) is family_of(piece.last)),
    max_size=3,
).map(union)


@given(st.lists(RANGES, max_size=5))
def test_port_atoms_are_all_ports_and_all_else_once(ranges: list[tuple[Protocol, int, int]]) -> None:
    atoms = PortAtoms(ranges)
    for protocol in PORT_PROTOCOLS:
        mine = [(first, last) for found, first, last in atoms.atoms if found is protocol]
        assert all(first <= last for first, last in mine)
        assert (mine[0][0], mine[-1][1]) == (1, 65535)
        assert all(a[1] + 1 == b[0] for a, b in pairwise(mine))
    assert atoms.atoms[-1] == (Protocol.OTHER, 0, 0)
    assert atoms.everything == bitset.span(0, len(atoms.atoms))


@given(st.lists(RANGES, min_size=1, max_size=5))
def test_the_atoms_of_a_range_are_that_range(ranges: list[tuple[Protocol, int, int]]) -> None:
    atoms = PortAtoms(ranges)
    for protocol, first, last in ranges:
        mask = atoms.mask(protocol, first, last)
        assert atoms.ranges(mask) == (PortRange(protocol, first, last),)
        inside = {atoms.find(protocol, port) for port in (first, last)}
        assert inside <= set(bitset.members(mask))
        outside = {atoms.find(protocol, port) for port in (first - 1, last + 1) if 1 <= port <= 65535}
        assert not outside & set(bitset.members(mask))


def test_ranges_of_ports_are_written_as_few_and_in_order() -> None:
    atoms = PortAtoms([(Protocol.UDP, 53, 53), (Protocol.TCP, 80, 89), (Protocol.TCP, 90, 99)])
    mask = atoms.mask(Protocol.UDP, 53, 53) | atoms.mask(Protocol.TCP, 80, 89) | atoms.mask(Protocol.TCP, 90, 99)
    assert atoms.ranges(mask) == (PortRange(Protocol.TCP, 80, 99), PortRange(Protocol.UDP, 53, 53))
    assert atoms.find(Protocol.OTHER, 0) == len(atoms.atoms) - 1
    assert atoms.mask(Protocol.OTHER, 0, 0) == 0


@given(st.lists(BLOCKS, max_size=4))
def test_address_atoms_are_all_addresses_once(blocks: list[tuple[AddressRange, ...]]) -> None:
    atoms = AddressAtoms(blocks).atoms
    pieces = sorted(piece for atom in atoms for piece in atom.ranges)
    assert pieces[0].first == 0
    assert pieces[-1].last == ALL_IPV6.last
    assert all(a.last + 1 == b.first for a, b in pairwise(pieces))


@given(st.lists(BLOCKS, max_size=4))
def test_an_atom_is_exactly_what_the_same_blocks_of_one_family_hold(blocks: list[tuple[AddressRange, ...]]) -> None:
    atoms = AddressAtoms(blocks)
    for number, atom in enumerate(atoms.atoms):
        for piece in atom.ranges:
            for address in (piece.first, piece.last):
                held = {i for i, block in enumerate(blocks) if any(address in part for part in block)}
                assert set(bitset.members(atom.blocks)) == held
                assert atoms.find(address) == number
    families = [(atom.blocks, family_of(atom.ranges[0].first)) for atom in atoms.atoms]
    assert len(set(families)) == len(families)


@given(st.lists(BLOCKS, min_size=1, max_size=4))
def test_the_atoms_within_a_block_are_those_that_it_holds(blocks: list[tuple[AddressRange, ...]]) -> None:
    atoms = AddressAtoms(blocks)
    for number, block in enumerate(blocks):
        assert atoms.within(block) == [i for i, atom in enumerate(atoms.atoms) if atom.blocks >> number & 1]


def test_without_blocks_there_is_one_atom_for_each_family() -> None:
    atoms = AddressAtoms([])
    assert [atom.ranges for atom in atoms.atoms] == [(ALL_IPV4,), (ALL_IPV6,)]
    assert atoms.find(parse_address("::1")) == 1


def test_two_pieces_that_one_block_holds_are_one_atom() -> None:
    ten = parse_cidr("10.0.0.0/8")
    atoms = AddressAtoms([(ten,)])
    around = atoms.atoms[atoms.find(0)].ranges
    assert around == (AddressRange(0, ten.first - 1), AddressRange(ten.last + 1, ALL_IPV4.last))
