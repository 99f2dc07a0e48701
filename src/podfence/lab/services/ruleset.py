"""The content of the table as data, its text, and the transaction from one content to the next. Pure.

The skeleton (base chains, maps) never changes; what does are chains of rules, sets, and elements of maps. One
transaction carries a whole change, so no packet ever sees half of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

TABLE: Final = "inet podfence-lab"


class Chain(msgspec.Struct, frozen=True):
    """A regular chain: what it is for, and its rules."""

    comment: str
    rules: tuple[str, ...]


class Ruleset(msgspec.Struct, frozen=True):
    """Chains by name, sets by name (their definition), elements by map and key (their value)."""

    chains: Mapping[str, Chain] = {}
    sets: Mapping[str, str] = {}
    elements: Mapping[tuple[str, str], str] = {}


EMPTY: Final = Ruleset()


def full(skeleton: str, wanted: Ruleset) -> str:
    """Write the transaction that replaces the whole table, whatever it holds."""
    return f"add table {TABLE}\ndelete table {TABLE}\n{skeleton}{difference(EMPTY, wanted)}"


def difference(present: Ruleset, wanted: Ruleset) -> str:
    """Write the transaction from one content to another; empty when they are equal.

    References first come into being, then move, then go: a chain is deleted only when no element jumps to it.
    """
    return "".join(f"{line}\n" for line in _lines(present, wanted))


def _lines(present: Ruleset, wanted: Ruleset) -> Iterator[str]:
    for name in sorted(wanted.sets.keys() - present.sets.keys()):
        yield f"add set {TABLE} {name} {{ {wanted.sets[name]} }}"
    changed = sorted(name for name, chain in wanted.chains.items() if present.chains.get(name) != chain)
    for name in changed:
        if name not in present.chains:
            yield f'add chain {TABLE} {name} {{ comment "{wanted.chains[name].comment}"; }}'
    for name in changed:
        if name in present.chains:
            yield f"flush chain {TABLE} {name}"
        for rule in wanted.chains[name].rules:
            yield f"add rule {TABLE} {name} {rule}"
    yield from _element_lines(present.elements, wanted.elements)
    gone = sorted(present.chains.keys() - wanted.chains.keys())
    for name in gone:
        yield f"flush chain {TABLE} {name}"
    for name in gone:
        yield f"delete chain {TABLE} {name}"
    for name in sorted(present.sets.keys() - wanted.sets.keys()):
        yield f"delete set {TABLE} {name}"


def _element_lines(present: Mapping[tuple[str, str], str], wanted: Mapping[tuple[str, str], str]) -> Iterator[str]:
    for (name, key), value in sorted(present.items()):
        if wanted.get((name, key)) != value:
            yield f"delete element {TABLE} {name} {{ {key} }}"
    for (name, key), value in sorted(wanted.items()):
        if present.get((name, key)) != value:
            yield f"add element {TABLE} {name} {{ {key}{value} }}"
